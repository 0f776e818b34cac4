//go:build !race

package tracking_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/tracking"
)

// inMemory responds with the same body to each request, and allocates next to nothing. It serves one request at a time.
type inMemory struct {
	response http.Response
	body     bytes.Reader
	reply    []byte
}

func newInMemory(reply string) *inMemory {
	m := &inMemory{reply: []byte(reply)}
	m.response = http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{"Content-Type": {"application/json"}},
		ContentLength: int64(len(reply)),
	}
	return m
}

func (m *inMemory) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Body != nil {
		if _, err := io.Copy(io.Discard, request.Body); err != nil {
			return nil, err
		}
		_ = request.Body.Close()
	}
	m.body.Reset(m.reply)
	response := m.response
	response.Body, response.Request = io.NopCloser(&m.body), request
	return &response, nil
}

// TestAllocations bounds what a call allocates, net/http's client included, of which a call by hand has 26 or so. The
// counts hold for Go 1.25 and 1.26; they are a guard, and no promise.
func TestAllocations(t *testing.T) { //nolint:paralleltest // AllocsPerRun measures what the whole program allocates
	var many strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&many, `{"key": "metric %d", "value": %g, "timestamp": 1704067200123, "step": %d},`, i%50, float64(i)/8, i)
	}
	metrics := manyMetrics(1000)
	for name, tt := range map[string]struct {
		reply string
		call  func(c *tracking.Client) error
		most  float64
	}{
		"LogMetric": {`{}`, func(c *tracking.Client) error {
			return c.LogMetric(t.Context(), "r1", "loss", 0.25, tracking.WithStep(7))
		}, 40},
		"LogBatch": {`{}`, func(c *tracking.Client) error { return c.LogBatch(t.Context(), "r1", metrics, nil, nil) }, 40},
		"GetRun": {runWith(""), func(c *tracking.Client) error {
			_, err := c.GetRun(t.Context(), "r1")
			return err
		}, 50},
		"GetRun with 1,000 metrics": {runWith(`"metrics": [` + strings.TrimSuffix(many.String(), ",") + `]`), func(c *tracking.Client) error {
			_, err := c.GetRun(t.Context(), "r1")
			return err
		}, 80},
	} {
		client, err := mlflow.NewClient(mlflow.WithTrackingURI("http://mlflow.test"), mlflow.WithHTTPClient(&http.Client{Transport: newInMemory(tt.reply)}))
		require.NoError(t, err)
		allocations := testing.AllocsPerRun(100, func() { assert.NoError(t, tt.call(client.Tracking())) })
		t.Log(name, allocations)
		assert.LessOrEqual(t, allocations, tt.most, name)
	}
}
