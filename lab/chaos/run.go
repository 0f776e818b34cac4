package chaos

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/lab/servers"
	"github.com/mlflow-go/mlflow/tracking"
)

// patience outlasts the restart of a server many times over.
var patience = mlflow.RetryPolicy{MaxAttempts: 60, MinBackoff: 50 * time.Millisecond, MaxBackoff: 3 * time.Second}

// timeout limits one attempt. It is long enough for a busy server.
const timeout = 4 * time.Second

// chaosRun does the work of one seed while things break, and compares.
func chaosRun(ctx context.Context, server *servers.Server, seed uint64) error {
	began := time.Now()
	proxy, err := newProxy(strings.TrimPrefix(server.URI, "http://"))
	if err != nil {
		return err
	}
	defer proxy.toxi.Stop()
	retries := newCounter()
	client, err := mlflow.NewClient(
		mlflow.WithTrackingURI(proxy.uri()),
		mlflow.WithTimeout(timeout),
		mlflow.WithRetry(patience),
		mlflow.WithBatchLimits(tracking.BatchLimits{Metrics: 30}), // two requests for a batch
		mlflow.WithLogger(slog.New(retries)),
	)
	if err != nil {
		return err
	}
	experimentID, err := client.Tracking().CreateExperiment(ctx, "chaos")
	if err != nil {
		return err
	}
	w := &workers{
		client: client.Tracking(), batcher: tracking.NewBatcher(client.Tracking()),
		experimentID: experimentID, seed: seed, expected: newExpected(), retries: retries,
	}

	trouble, calm := context.WithCancel(ctx)
	defer calm()
	broken := make(chan error, 2)
	go func() { broken <- proxy.trouble(trouble, rand.New(rand.NewPCG(seed, 1))) }()
	go func() { broken <- crash(trouble, server, w, rand.New(rand.NewPCG(seed, 2))) }()
	w.work(ctx)
	closed := w.batcher.Close(ctx)
	calm()
	if err := errors.Join(closed, <-broken, <-broken); err != nil {
		return err
	}
	// What was lost on the way must not arrive while we look.
	proxy.toxi.Stop()
	if err := server.Restart(ctx); err != nil {
		return err
	}
	worked := time.Since(began)
	got, err := read(ctx, server.URI, experimentID)
	if err != nil {
		return err
	}
	want := w.expected
	v := compare(want, got)
	points := 0
	for _, series := range got.points {
		points += len(series)
	}
	fmt.Printf("  faults: %v\n  retries: %v\n", proxy, retries)
	fmt.Printf("  %d runs, %d metrics, %d params, %d tags in %d s; slowest call %d s\n",
		len(got.runs)-v.removed, points, len(want.params), len(want.tags), int(worked.Seconds()), int(want.slowest.Seconds()))
	fmt.Printf("  the batcher: %+v\n", w.batcher.Stats())
	fmt.Printf("  failed calls that had an effect: %d; second runs deleted: %d\n", v.landed, v.removed)
	fmt.Printf("  seed %d: calls %d, retries %d, errors %d, %v\n", seed, want.calls, retries.total(), want.errors, v)
	for _, message := range want.messages[:min(5, len(want.messages))] {
		fmt.Printf("  error: %s\n", message)
	}
	switch {
	case !v.ok():
		return fmt.Errorf("%v\n%s", v, v.details())
	case want.errors > want.calls/50:
		return errors.New("so many calls failed that the comparison tells little")
	case retries.total() < want.calls/50:
		return errors.New("so few requests were retried that the comparison tells little")
	}
	return nil
}

// crash kills the server and starts it again, when a share of the work is done that the seed decides.
func crash(ctx context.Context, server *servers.Server, w *workers, r *rand.Rand) error {
	at := 0.1 + 0.6*r.Float64()
	for w.progress() < at && ctx.Err() == nil {
		wait(ctx, 10*time.Millisecond)
	}
	server.Kill()
	wait(ctx, between(r, 0, 2000))
	return server.Restart(context.WithoutCancel(ctx)) // even if the work ends meanwhile: the comparison needs a server
}

// A counter is a log handler that counts why requests were retried.
type counter struct {
	slog.Handler // of what is not counted

	mu     *sync.Mutex
	counts map[string]int
}

func newCounter() *counter {
	return &counter{Handler: slog.DiscardHandler, mu: new(sync.Mutex), counts: make(map[string]int)}
}

func (c *counter) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

func (c *counter) Handle(_ context.Context, record slog.Record) error {
	reason := record.Message
	record.Attrs(func(a slog.Attr) bool {
		if a.Key == "failure" || a.Key == "status" { // of a retry
			reason = a.Value.String()
		}
		return true
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[reason]++
	return nil
}

func (c *counter) total() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	total := 0
	for _, count := range c.counts {
		total += count
	}
	return total
}

func (c *counter) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var text []string
	for _, reason := range slices.Sorted(maps.Keys(c.counts)) {
		text = append(text, fmt.Sprintf("%s %d", reason, c.counts[reason]))
	}
	return strings.Join(text, ", ")
}
