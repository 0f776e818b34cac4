package tracking_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/tracking"
)

// What the library costs by itself: the server of these benchmarks answers at once. A real one takes about 10 ms for a
// metric, and 130 ms for a batch of 1000.

func benchmark(b *testing.B, reply string, use func(c *tracking.Client) error) {
	b.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, reply)
	}))
	b.Cleanup(server.Close)
	client, err := mlflow.NewClient(mlflow.WithTrackingURI(server.URL))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := use(client.Tracking()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLogMetric(b *testing.B) {
	benchmark(b, `{}`, func(c *tracking.Client) error { return c.LogMetric(b.Context(), "r1", "loss", 0.25) })
}

// BenchmarkPlainPost is BenchmarkLogMetric without the library: a request made by hand.
func BenchmarkPlainPost(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{}`)
	}))
	b.Cleanup(server.Close)
	b.ReportAllocs()
	for b.Loop() {
		body := fmt.Sprintf(`{"run_id":"r1","key":"loss","value":%g,"timestamp":%d,"step":0}`, 0.25, time.Now().UnixMilli())
		response, err := http.Post(server.URL+"/api/2.0/mlflow/runs/log-metric", "application/json", strings.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
	}
}

func BenchmarkLogBatch1000(b *testing.B) {
	metrics := manyMetrics(1000)
	benchmark(b, `{}`, func(c *tracking.Client) error { return c.LogBatch(b.Context(), "r1", metrics, nil, nil) })
}

func BenchmarkGetRunWith1000Metrics(b *testing.B) {
	var reply strings.Builder
	reply.WriteString(`{"run": {"info": {"run_id": "r1"}, "data": {"metrics": [`)
	for i := range 1000 {
		fmt.Fprintf(&reply, `{"key": "metric %d", "value": %g, "timestamp": 1704067200123, "step": %d},`, i, float64(i)/7, i)
	}
	body := strings.TrimSuffix(reply.String(), ",") + `]}}}`
	benchmark(b, body, func(c *tracking.Client) error {
		_, err := c.GetRun(b.Context(), "r1")
		return err
	})
}
