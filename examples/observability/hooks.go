package main

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/trace"

	"github.com/mlflow-go/mlflow/tracking"
)

// tracedClient returns an HTTP client that makes a span of each attempt at a request. As the library's own, it closes
// idle connections before MLflow's server does, and opens at most eight.
func tracedClient(spans trace.TracerProvider) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:errcheck // nobody has replaced it here
	transport.IdleConnTimeout = 4 * time.Second
	transport.MaxConnsPerHost, transport.MaxIdleConnsPerHost = 8, 8
	name := func(_ string, r *http.Request) string { return "mlflow " + r.Method + " " + r.URL.Path }
	return &http.Client{Transport: otelhttp.NewTransport(transport,
		otelhttp.WithTracerProvider(spans), otelhttp.WithSpanNameFormatter(name))}
}

// A collector reads the Stats of a batcher whenever Prometheus asks.
type collector struct {
	batcher                            *tracking.Batcher
	queued, lag, sent, dropped, failed *prometheus.Desc
}

func newCollector(batcher *tracking.Batcher) *collector {
	describe := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("mlflow_batcher_"+name, help, nil, nil)
	}
	return &collector{
		batcher: batcher,
		queued:  describe("queued_items", "Items that wait or are being sent."),
		lag:     describe("lag_seconds", "Age of the oldest item that is not sent."),
		sent:    describe("sent_items_total", "Items that are stored."),
		dropped: describe("dropped_items_total", "Items that were given up."),
		failed:  describe("failed_items_total", "Items that the server refused."),
	}
}

// Describe sends the names of the metrics.
func (c *collector) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, to) }

// Collect sends the metrics.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	stats := c.batcher.Stats()
	to <- prometheus.MustNewConstMetric(c.queued, prometheus.GaugeValue, float64(stats.Queued))
	to <- prometheus.MustNewConstMetric(c.lag, prometheus.GaugeValue, stats.Lag.Seconds())
	to <- prometheus.MustNewConstMetric(c.sent, prometheus.CounterValue, float64(stats.Sent))
	to <- prometheus.MustNewConstMetric(c.dropped, prometheus.CounterValue, float64(stats.Dropped))
	to <- prometheus.MustNewConstMetric(c.failed, prometheus.CounterValue, float64(stats.Failed))
}
