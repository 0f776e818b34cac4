package tracking_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/gen"
	"github.com/mlflow-go/mlflow/internal/wire"
	"github.com/mlflow-go/mlflow/tracking"
)

// Benchmarks show what the library costs by itself: their server responds at once. With MLFLOW_TRACKING_URI set they use
// a real one, which shows what a call costs; docs/speed.md has both.

// A target is what is measured: a client, and a run to log to.
type target struct {
	uri    string
	client *tracking.Client
	runID  string
}

func newTarget(b *testing.B, reply string) target {
	b.Helper()
	t := target{uri: os.Getenv("MLFLOW_TRACKING_URI"), runID: "r1"}
	if t.uri == "" {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, reply)
		}))
		b.Cleanup(server.Close)
		t.uri = server.URL
	}
	client, err := mlflow.NewClient(mlflow.WithTrackingURI(t.uri))
	if err != nil {
		b.Fatal(err)
	}
	t.client = client.Tracking()
	if os.Getenv("MLFLOW_TRACKING_URI") != "" {
		run, err := t.client.CreateRun(b.Context(), "0", tracking.WithRunName(b.Name()))
		if err != nil {
			b.Fatal(err)
		}
		t.runID = run.Info.RunID
	}
	b.ReportAllocs()
	return t
}

func BenchmarkLogMetric(b *testing.B) {
	t := newTarget(b, `{}`)
	for step := int64(0); b.Loop(); step++ {
		if err := t.client.LogMetric(b.Context(), t.runID, "loss", 0.25, tracking.WithStep(step)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPlainPost is BenchmarkLogMetric without the library: a request made by hand.
func BenchmarkPlainPost(b *testing.B) {
	t := newTarget(b, `{}`)
	for step := 0; b.Loop(); step++ {
		body := fmt.Sprintf(`{"run_id":%q,"key":"loss","value":%g,"timestamp":%d,"step":%d}`, t.runID, 0.25, time.Now().UnixMilli(), step)
		response, err := http.Post(t.uri+"/api/2.0/mlflow/runs/log-metric", "application/json", strings.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			b.Fatal(response.Status)
		}
	}
}

// BenchmarkLogMetricBy8 has 8 goroutines log at once, on a machine with 2 processors.
func BenchmarkLogMetricBy8(b *testing.B) {
	t := newTarget(b, `{}`)
	var step atomic.Int64
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := t.client.LogMetric(b.Context(), t.runID, "loss", 0.25, tracking.WithStep(step.Add(1))); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkLogBatch1000(b *testing.B) {
	t, metrics := newTarget(b, `{}`), manyMetrics(1000)
	for b.Loop() {
		for i := range metrics {
			metrics[i].Step += int64(len(metrics)) // a server does less for what it has
		}
		if err := t.client.LogBatch(b.Context(), t.runID, metrics, nil, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGetRunWith1000Metrics(b *testing.B) {
	metrics := make([]tracking.Metric, 1000)
	var reply strings.Builder
	reply.WriteString(`{"run": {"info": {"run_id": "r1"}, "data": {"metrics": [`)
	for i := range metrics {
		metrics[i] = tracking.Metric{Key: fmt.Sprint("metric ", i), Value: float64(i) / 7, Step: int64(i)}
		fmt.Fprintf(&reply, `{"key": "metric %d", "value": %g, "timestamp": 1704067200123, "step": %d},`, i, float64(i)/7, i)
	}
	t := newTarget(b, strings.TrimSuffix(reply.String(), ",")+`]}}}`)
	if err := t.client.LogBatch(b.Context(), t.runID, metrics, nil, nil); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := t.client.GetRun(b.Context(), t.runID); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReadRuns reads a page of 1,000 runs with 50 values each, as MLflow writes it, without a server.
func BenchmarkReadRuns(b *testing.B) {
	var run strings.Builder
	run.WriteString(`{"info": {"run_uuid": "0123456789abcdef0123456789abcdef", "experiment_id": "7", "run_name": "gentle-fox-12",
		"user_id": "ada", "status": "FINISHED", "start_time": 1704067200123, "end_time": 1704067201123,
		"artifact_uri": "mlflow-artifacts:/7/0123456789abcdef0123456789abcdef/artifacts", "lifecycle_stage": "active",
		"run_id": "0123456789abcdef0123456789abcdef"}, "data": {"metrics": [{"key": "loss", "value": 1, "timestamp": 1704067200123, "step": 0}`)
	for i := range 30 {
		fmt.Fprintf(&run, `, {"key": "metric %d", "value": %g, "timestamp": 1704067200123, "step": %d}`, i, float64(i)/7, i)
	}
	run.WriteString(`], "params": [{"key": "model", "value": "tree"}`)
	for i := range 20 {
		fmt.Fprintf(&run, `, {"key": "param %d", "value": "value %d"}`, i, i)
	}
	run.WriteString(`]}, "inputs": {}}`)
	page := []byte(`{"runs": [` + strings.Repeat(run.String()+",", 999) + run.String() + `], "next_page_token": "1000"}`)
	b.SetBytes(int64(len(page)))
	b.ReportAllocs()
	for b.Loop() {
		if err := wire.Read(page, new(gen.SearchRunsResult)); err != nil {
			b.Fatal(err)
		}
	}
}
