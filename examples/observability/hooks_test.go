package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/tracking"
)

func TestHooks(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		assert.NotEmpty(t, r.Header.Get("Content-Length"))
		_, _ = io.WriteString(w, "{}")
	}))
	t.Cleanup(server.Close)
	spans := tracetest.NewInMemoryExporter()
	client, err := mlflow.NewClient(mlflow.WithTrackingURI(server.URL),
		mlflow.WithHTTPClient(tracedClient(sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)))))
	require.NoError(t, err)
	batcher := tracking.NewBatcher(client.Tracking())
	for step := range int64(5) {
		require.NoError(t, batcher.LogMetric(t.Context(), "r1", "loss", 1, tracking.WithStep(step)))
	}
	require.NoError(t, batcher.Close(t.Context()))

	require.Len(t, spans.GetSpans(), 1)
	assert.Equal(t, "mlflow POST /api/2.0/mlflow/runs/log-batch", spans.GetSpans()[0].Name)
	require.NoError(t, testutil.CollectAndCompare(newCollector(batcher), strings.NewReader(`
# HELP mlflow_batcher_queued_items Items that wait or are being sent.
# TYPE mlflow_batcher_queued_items gauge
mlflow_batcher_queued_items 0
# HELP mlflow_batcher_sent_items_total Items that are stored.
# TYPE mlflow_batcher_sent_items_total counter
mlflow_batcher_sent_items_total 5
`), "mlflow_batcher_queued_items", "mlflow_batcher_sent_items_total"))
}
