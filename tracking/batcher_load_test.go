package tracking_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/tracking"
)

// 64 goroutines hand over points to 200 runs, while the server fails at random. MLFLOW_TEST_POINTS=1000000 takes a minute
// with the race detector.
func TestBatcherUnderLoad(t *testing.T) {
	t.Parallel()
	const workers, runs = 64, 200
	points := numberIn("MLFLOW_TEST_POINTS", 100_000)
	ids := make([]string, runs)
	for i := range ids {
		ids[i] = fmt.Sprint("run ", i)
	}
	s := newBatchServer(ids...)
	arrived := newArrivals()
	s.before = func(r *http.Request, batch batchRequest) (*http.Response, error) {
		if rand.IntN(50) == 0 {
			return nil, errRefusedConnection
		}
		arrived.add(batch)
		return response(200, "{}"), nil
	}
	b := tracking.NewBatcher(s.client(), tracking.WithBatchDelay(10*time.Millisecond))
	watching, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		for {
			select {
			case <-watching:
				return
			default:
				stats := b.Stats()
				assert.LessOrEqual(t, stats.Queued, 100_000)
				assert.Zero(t, stats.Failed+stats.Dropped)
			}
		}
	}()
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := w; i < points; i += workers {
				err := b.LogMetric(t.Context(), ids[i%runs], fmt.Sprint("worker ", w), 1, tracking.WithStep(int64(i)))
				if !assert.NoError(t, err) {
					return
				}
			}
		})
	}
	all.Wait()
	require.NoError(t, b.Close(t.Context()))
	close(watching)
	<-watched
	assert.Equal(t, tracking.BatcherStats{Sent: uint64(points)}, b.Stats())
	total := 0
	for series, steps := range arrived.steps {
		total += len(steps)
		require.True(t, slices.IsSorted(steps), "the order of %s", series)
	}
	assert.Equal(t, points, total)
}

// arrivals are the steps that arrived, of each key of each run.
type arrivals struct {
	mu    sync.Mutex
	steps map[string][]int64
}

func newArrivals() *arrivals { return &arrivals{steps: make(map[string][]int64)} }

func (a *arrivals) add(batch batchRequest) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range batch.Metrics {
		series := batch.RunID + " " + m.Key
		a.steps[series] = append(a.steps[series], m.Step)
	}
}

// BenchmarkBatcherLogMetric is what a training loop pays: beside BenchmarkLogMetric, the same with a Client.
func BenchmarkBatcherLogMetric(b *testing.B) {
	benchmarkHandOver(b)
}

// BenchmarkBatcherLogMetricWithSpool is the same with a spool.
func BenchmarkBatcherLogMetricWithSpool(b *testing.B) {
	benchmarkHandOver(b, tracking.WithSpool(b.TempDir()))
}

// benchmarkHandOver measures hand-over alone: nothing is sent while the timer runs.
func benchmarkHandOver(b *testing.B, opts ...tracking.BatcherOption) {
	b.Helper()
	const many = 50_000
	s := newBatchServer("r1")
	s.before = func(*http.Request, batchRequest) (*http.Response, error) { return response(200, "{}"), nil }
	limits := tracking.BatchLimits{Metrics: 2 * many, Items: 2 * many}
	client := tracking.NewClient(&url.URL{Scheme: "http", Host: "mlflow.invalid"}, s, tracking.Config{BatchLimits: limits})
	batcher := tracking.NewBatcher(client, append(opts, tracking.WithBatchDelay(time.Hour))...)
	b.ReportAllocs()
	for step := int64(0); b.Loop(); step++ {
		if err := batcher.LogMetric(b.Context(), "r1", "loss", 0.25, tracking.WithStep(step)); err != nil {
			b.Fatal(err)
		}
		if step%many == 0 {
			b.StopTimer()
			if err := batcher.Flush(b.Context()); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
	}
	if err := batcher.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
}
