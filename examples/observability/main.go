// Observability shows what an operator wants to see of a program that logs to MLflow: what its Batcher holds, as metrics
// for Prometheus, and the client's requests, as spans of OpenTelemetry and as logs.
//
//	MLFLOW_TRACKING_URI=http://localhost:5000 go run . &
//	curl http://localhost:9464/metrics
//
// It is a module of its own, because the library depends on neither.
package main

import (
	"context"
	"errors"
	"log"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/tracking"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	exporter, err := stdouttrace.New(stdouttrace.WithPrettyPrint())
	if err != nil {
		return err
	}
	spans := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter))
	client, err := mlflow.NewClient(
		mlflow.WithHTTPClient(tracedClient(spans)),
		mlflow.WithLogger(slog.New(slog.NewTextHandler(os.Stderr, nil))), // retries, and requests that failed
	)
	if err != nil {
		return err
	}
	batcher := tracking.NewBatcher(client.Tracking())
	registry := prometheus.NewRegistry()
	registry.MustRegister(newCollector(batcher))
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	server := &http.Server{Addr: "localhost:9464", Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	serving := make(chan error, 1)
	go func() { serving <- server.ListenAndServe() }()

	err = work(ctx, client.Tracking(), batcher)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	err = errors.Join(err, batcher.Close(ctx), spans.Shutdown(ctx), server.Shutdown(ctx))
	if failure := <-serving; !errors.Is(failure, http.ErrServerClosed) {
		err = errors.Join(err, failure)
	}
	return err
}

// work logs ten points a second, until the program is interrupted.
func work(ctx context.Context, runs *tracking.Client, batcher *tracking.Batcher) (err error) {
	run, err := runs.CreateRun(ctx, "0")
	if err != nil {
		return err
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for step := int64(0); ; step++ {
		if err := batcher.LogMetric(ctx, run.Info.RunID, "step", float64(step), tracking.WithStep(step)); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
			defer cancel()
			return errors.Join(batcher.Flush(ending), runs.SetTerminated(ending, run.Info.RunID, tracking.RunStatusKilled))
		case <-tick.C:
		}
	}
}
