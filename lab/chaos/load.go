package chaos

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/lab/servers"
	"github.com/mlflow-go/mlflow/tracking"
)

// checkLoad checks what a server is sensitive to, with no toxiproxy between.
func checkLoad(ctx context.Context, server *servers.Server) error {
	if err := crowd(ctx, server); err != nil {
		return fmt.Errorf("64 goroutines at once: %w", err)
	}
	if err := lateCreates(ctx, server); err != nil {
		return err
	}
	failed := make(chan error, 2)
	go func() { failed <- aroundKeepAlive(ctx, server, "default client") }()
	go func() {
		// Without our idle time-out the server closes connections on which a request is just being sent.
		own := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: keepAliveConnections}}
		failed <- aroundKeepAlive(ctx, server, "own http.Client", mlflow.WithHTTPClient(own))
	}()
	return errors.Join(<-failed, <-failed)
}

// stall is less than the 30 s that a server stands still when too many writes at once have used up its database
// connections.
const stall = 25 * time.Second

// crowd has 64 goroutines log with the default client at once.
func crowd(ctx context.Context, server *servers.Server) error {
	w, err := newWorkers(ctx, server, "crowd")
	if err != nil {
		return err
	}
	var working sync.WaitGroup
	for i := range 64 {
		working.Go(func() {
			run := w.create(ctx, strconv.Itoa(i))
			if run == nil {
				return
			}
			for step := range int64(3) {
				batch := make([]tracking.Metric, 20)
				for k := range batch {
					batch[k] = tracking.Metric{Key: "loss", Value: float64(k), Step: 100*step + int64(k)}
				}
				w.logBatch(ctx, run.Info.RunID, batch, nil, nil)
				w.logMetric(ctx, run.Info.RunID, tracking.Metric{Key: "loss", Value: 1, Step: 100*step + 50})
			}
		})
	}
	working.Wait()
	if err := w.settle(ctx, server, "64 goroutines"); err != nil {
		return err
	}
	if w.expected.slowest > stall {
		return fmt.Errorf("a call took %v", w.expected.slowest)
	}
	return nil
}

// create creates a run with a key, and returns nil if that failed.
func (w *workers) create(ctx context.Context, key string, options ...tracking.CreateRunOption) (run *tracking.Run) {
	options = append(options, tracking.WithIdempotencyKey(key))
	w.expected.call(func() (err error) {
		run, err = w.client.CreateRun(ctx, w.experimentID, options...)
		return err
	}, func(reported report, _ error) {
		w.expected.creates[key] = create{}
		if reported == stored {
			w.expected.creates[key] = create{run.Info.RunID}
		}
	})
	return run
}

const (
	keepAliveConnections = 8
	keepAliveRounds      = 6
)

// aroundKeepAlive logs over several connections, each of which rests for about as long as the server keeps one open.
func aroundKeepAlive(ctx context.Context, server *servers.Server, name string, options ...mlflow.Option) error {
	w, err := newWorkers(ctx, server, name, options...)
	if err != nil {
		return err
	}
	run, err := w.client.CreateRun(ctx, w.experimentID, tracking.WithIdempotencyKey("k"))
	if err != nil {
		return err
	}
	w.expected.creates["k"] = create{run.Info.RunID}
	var working sync.WaitGroup
	for i := range int64(keepAliveConnections) {
		working.Go(func() {
			for round := range int64(keepAliveRounds) {
				w.logMetric(ctx, run.Info.RunID, tracking.Metric{Key: "loss", Value: 1, Step: 100*i + round})
				// From 4.9 to 5.1 s in even steps.
				share := float64(keepAliveConnections*round+i) / (keepAliveConnections * keepAliveRounds)
				wait(ctx, 4900*time.Millisecond+time.Duration(share*float64(200*time.Millisecond)))
			}
		})
	}
	working.Wait()
	if err := w.settle(ctx, server, "keep-alive, "+name); err != nil {
		return fmt.Errorf("requests around the keep-alive limit, %s: %w", name, err)
	}
	return nil
}

// newWorkers returns workers with a client of the default settings and an experiment of its own.
func newWorkers(ctx context.Context, server *servers.Server, name string, options ...mlflow.Option) (*workers, error) {
	retries := newCounter()
	client, err := mlflow.NewClient(append([]mlflow.Option{
		mlflow.WithTrackingURI(server.URI), mlflow.WithLogger(slog.New(retries)),
	}, options...)...)
	if err != nil {
		return nil, err
	}
	experimentID, err := client.Tracking().CreateExperiment(ctx, name)
	return &workers{client: client.Tracking(), experimentID: experimentID, expected: newExpected(), retries: retries}, err
}

// settle compares, and lets no call have failed.
func (w *workers) settle(ctx context.Context, server *servers.Server, name string) error {
	got, err := read(ctx, server.URI, w.experimentID)
	if err != nil {
		return err
	}
	want := w.expected
	v := compare(want, got)
	fmt.Printf("%s: calls %d, retries %d, errors %d, %v; slowest call %.1f s\n",
		name, want.calls, w.retries.total(), want.errors, v, want.slowest.Seconds())
	if want.errors > 0 {
		return fmt.Errorf("%d calls failed, the first one with: %s", want.errors, want.messages[0])
	}
	if !v.ok() {
		return fmt.Errorf("%v\n%s", v, v.details())
	}
	return nil
}
