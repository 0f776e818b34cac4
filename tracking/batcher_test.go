package tracking_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/mlflowtest"
	"github.com/mlflow-go/mlflow/tracking"
)

// A logger is what Client and Batcher have in common.
type logger interface {
	LogMetric(ctx context.Context, runID, key string, value float64, opts ...tracking.LogMetricOption) error
	LogParam(ctx context.Context, runID, key, value string) error
	SetTag(ctx context.Context, runID, key, value string) error
	LogBatch(ctx context.Context, runID string, metrics []tracking.Metric, params []tracking.Param, tags map[string]string) error
}

var (
	_ logger = (*tracking.Client)(nil)
	_ logger = (*tracking.Batcher)(nil)
)

// onBatchServer runs a test in a bubble, whose end checks that no goroutine is left.
func onBatchServer(t *testing.T, test func(*testing.T, *batchServer)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { test(t, newBatchServer("r1", "r2")) })
}

func TestBatcherSendsAfterDelay(t *testing.T) {
	onBatchServer(t, func(t *testing.T, s *batchServer) {
		b := tracking.NewBatcher(s.client(), tracking.WithBatchDelay(3*time.Second))
		began := time.Now()
		logSteps(t, b, "r1", "loss", 5)
		time.Sleep(time.Second)
		logSteps(t, b, "r1", "accuracy", 5)
		require.Zero(t, time.Since(began)-time.Second, "hand-over takes no time")
		assert.Equal(t, tracking.BatcherStats{Queued: 10, Lag: time.Second}, b.Stats())
		time.Sleep(2*time.Second - time.Millisecond)
		require.Zero(t, s.count())
		time.Sleep(time.Millisecond)
		synctest.Wait()
		require.Equal(t, 1, s.count())
		assert.Equal(t, tracking.BatcherStats{Sent: 10}, b.Stats())
		assert.Equal(t, append(steps("loss", 5), steps("accuracy", 5)...), s.metrics("r1"))
		requireClosed(t, b)
	})
}

func TestBatcherSendsFullBatchBeforeDelay(t *testing.T) {
	onBatchServer(t, func(t *testing.T, s *batchServer) {
		b := tracking.NewBatcher(s.client(), tracking.WithBatchDelay(time.Hour))
		logSteps(t, b, "r1", "loss", 999)
		for i := range 99 {
			require.NoError(t, b.LogParam(t.Context(), "r2", fmt.Sprint("p", i), "1"))
		}
		synctest.Wait()
		require.Zero(t, s.count())
		logSteps(t, b, "r1", "accuracy", 1)
		require.NoError(t, b.LogParam(t.Context(), "r2", "last", "1"))
		synctest.Wait()
		assert.Equal(t, 2, s.count())
		assert.EqualValues(t, 1100, b.Stats().Sent)
		requireClosed(t, b)
	})
}

func TestBatcherStampsAtHandOver(t *testing.T) {
	onBatchServer(t, func(t *testing.T, s *batchServer) {
		b := tracking.NewBatcher(s.client())
		given := time.UnixMilli(1234)
		first := time.Now()
		require.NoError(t, b.LogMetric(t.Context(), "r1", "a", 1))
		time.Sleep(100 * time.Millisecond)
		second := time.Now()
		batch := []tracking.Metric{{Key: "b", Value: 2}, {Key: "c", Value: nan, Timestamp: given, Step: -7}}
		require.NoError(t, b.LogBatch(t.Context(), "r1", batch, nil, nil))
		batch[0].Key = "changed"
		requireClosed(t, b)
		assert.Equal(t, []string{
			fmt.Sprint("a 0 1 ", first.UnixMilli()), fmt.Sprint("b 0 2 ", second.UnixMilli()), `c -7 "NaN" 1234`,
		}, s.runs["r1"].metrics)
	})
}

func TestBatcherKeepsOrderOfRun(t *testing.T) {
	onBatchServer(t, func(t *testing.T, s *batchServer) {
		b := tracking.NewBatcher(s.client())
		var order []string
		s.before = func(_ *http.Request, batch batchRequest) (*http.Response, error) {
			time.Sleep(time.Duration(rand.IntN(2000)) * time.Millisecond)
			if rand.IntN(3) == 0 {
				return nil, errRefusedConnection
			}
			for _, p := range batch.Params {
				order = append(order, p.Key)
			}
			for _, tag := range batch.Tags {
				order = append(order, tag.Key)
			}
			for _, m := range batch.Metrics {
				order = append(order, m.Key)
			}
			return nil, nil
		}
		var want []string
		for i := range 300 {
			p, tag, m := fmt.Sprint("p", i), fmt.Sprint("t", i), fmt.Sprint("m", i)
			require.NoError(t, b.LogBatch(t.Context(), "r1", []tracking.Metric{{Key: m}},
				[]tracking.Param{{Key: p, Value: "1"}}, map[string]string{tag: "x"}))
			want = append(want, p, tag, m)
			time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond)
		}
		requireClosed(t, b)
		require.ElementsMatch(t, want, order)
		at := func(key string) int { return slices.Index(order, key) }
		for i := range 299 {
			require.Less(t, at(fmt.Sprint("p", i)), at(fmt.Sprint("m", i)))
			require.Less(t, at(fmt.Sprint("t", i)), at(fmt.Sprint("m", i)))
			require.Less(t, at(fmt.Sprint("m", i)), at(fmt.Sprint("m", i+1)))
		}
	})
}

func TestBatcherSendsLastValueOfTag(t *testing.T) {
	onBatchServer(t, func(t *testing.T, s *batchServer) {
		b := tracking.NewBatcher(s.client())
		for i := range 50 {
			require.NoError(t, b.SetTag(t.Context(), "r1", "progress", fmt.Sprint(i)))
			require.NoError(t, b.LogParam(t.Context(), "r1", "rate", "0.1"))
		}
		requireClosed(t, b)
		assert.Equal(t, 1, s.count())
		assert.Equal(t, map[string]string{"progress": "49"}, s.runs["r1"].tags)
		assert.Equal(t, map[string]string{"rate": "0.1"}, s.runs["r1"].params)
		assert.EqualValues(t, 100, b.Stats().Sent)
	})
}

func TestBatcherRefusesWhatClientRefuses(t *testing.T) {
	onBatchServer(t, func(t *testing.T, s *batchServer) {
		strict := tracking.NewClient(mustURL(t), s, tracking.Config{StrictLengths: true})
		b := tracking.NewBatcher(strict)
		long := strings.Repeat("x", 10_000)
		far := time.Unix(1<<56, 0)
		ended, end := context.WithCancel(t.Context())
		end()
		for name, call := range map[string]func(logger) error{
			"run":       func(l logger) error { return l.LogMetric(t.Context(), "", "k", 1) },
			"key":       func(l logger) error { return l.LogMetric(t.Context(), "r1", "", 1) },
			"bytes":     func(l logger) error { return l.LogMetric(t.Context(), "r1", "\xff", 1) },
			"time":      func(l logger) error { return l.LogMetric(t.Context(), "r1", "k", 1, tracking.WithTimestamp(far)) },
			"param":     func(l logger) error { return l.LogParam(t.Context(), "r1", "", "v") },
			"value":     func(l logger) error { return l.LogParam(t.Context(), "r1", "k", "\xff") },
			"length":    func(l logger) error { return l.LogParam(t.Context(), "r1", "k", long) },
			"tag":       func(l logger) error { return l.SetTag(t.Context(), "r1", "", "v") },
			"tag value": func(l logger) error { return l.SetTag(t.Context(), "r1", "k", long) },
			"batch":     func(l logger) error { return l.LogBatch(t.Context(), "", nil, nil, nil) },
			"batch run": func(l logger) error {
				return l.LogBatch(t.Context(), "\xff", []tracking.Metric{{Key: "k"}}, nil, nil)
			},
			"twice": func(l logger) error {
				return l.LogBatch(t.Context(), "r1", nil, []tracking.Param{{Key: "k"}, {Key: "k"}}, nil)
			},
			"long tag": func(l logger) error { return l.LogBatch(t.Context(), "r1", nil, nil, map[string]string{"k": long}) },
		} {
			theirs, ours := call(strict), call(b)
			require.ErrorIs(t, theirs, tracking.ErrInvalidArgument, name)
			require.ErrorIs(t, ours, tracking.ErrInvalidArgument, name)
			assert.Equal(t, asError(t, theirs).Op, asError(t, ours).Op, name)
		}
		require.ErrorIs(t, b.LogMetric(ended, "r1", "k", 1), context.Canceled)
		assert.Equal(t, "LogBatch", asError(t, b.LogBatch(ended, "r1", []tracking.Metric{{Key: "k"}}, nil, nil)).Op)
		require.NoError(t, b.LogBatch(t.Context(), "r1", nil, nil, nil))
		assert.Zero(t, b.Stats())
		requireClosed(t, b)
	})
}

func TestBatcherFullQueueWaits(t *testing.T) {
	onBatchServer(t, func(t *testing.T, s *batchServer) {
		s.before = neverRespond
		b := tracking.NewBatcher(s.client(), tracking.WithQueueLimit(10), tracking.WithBatchDelay(time.Hour))
		logSteps(t, b, "r1", "loss", 10)
		synctest.Wait()
		require.Equal(t, 1, s.count(), "a full queue does not wait for the delay")
		err := b.LogMetric(within(t, time.Minute), "r1", "late", 1)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, "LogMetric", asError(t, err).Op)
		assert.Equal(t, 10, b.Stats().Queued)

		taken := make(chan error)
		go func() { taken <- b.LogMetric(t.Context(), "r1", "waited", 1) }()
		synctest.Wait()
		closed := make(chan error)
		go func() { closed <- b.Close(within(t, time.Second)) }()
		require.ErrorIs(t, <-taken, tracking.ErrBatcherClosed)
		require.ErrorIs(t, <-closed, context.DeadlineExceeded)
	})
}

func TestBatcherLogBatchLargerThanRoomWaitsInPieces(t *testing.T) {
	onBatchServer(t, func(t *testing.T, s *batchServer) {
		b := tracking.NewBatcher(s.client(), tracking.WithQueueLimit(10))
		s.before = func(*http.Request, batchRequest) (*http.Response, error) {
			time.Sleep(time.Second)
			return nil, nil
		}
		metrics := make([]tracking.Metric, 95)
		for i := range metrics {
			metrics[i] = tracking.Metric{Key: "loss", Step: int64(i)}
		}
		began := time.Now()
		require.NoError(t, b.LogBatch(t.Context(), "r1", metrics, nil, nil))
		assert.Equal(t, 9*time.Second, time.Since(began))

		params := []tracking.Param{{Key: "a", Value: "1"}, {Key: "b", Value: "2"}}
		err := b.LogBatch(within(t, 2500*time.Millisecond), "r2", metrics, params, map[string]string{"t": "x"})
		var partial *tracking.BatchError
		require.ErrorAs(t, err, &partial)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, []int{2, 1}, []int{partial.Params, partial.Tags})
		require.NoError(t, b.LogBatch(t.Context(), "r2", stampedFrom(metrics[partial.Metrics:], partial.Stamp), nil, nil))
		requireClosed(t, b)
		assert.Equal(t, steps("loss", 95), s.metrics("r1"))
		assert.Equal(t, steps("loss", 95), s.metrics("r2"))
		assert.EqualValues(t, 2*95+3, b.Stats().Sent)
	})
}

func stampedFrom(metrics []tracking.Metric, stamp time.Time) []tracking.Metric {
	for i := range metrics {
		metrics[i].Timestamp = stamp
	}
	return metrics
}

func TestBatcherFullQueueDropsOldestMetrics(t *testing.T) {
	onBatchServer(t, func(t *testing.T, s *batchServer) {
		b := tracking.NewBatcher(s.client(), tracking.WithQueueLimit(10), tracking.WithFullQueue(tracking.FullQueueDropOldest))
		s.before = neverRespond
		require.NoError(t, b.SetTag(t.Context(), "r1", "tag", "x"))
		time.Sleep(time.Minute) // it is in flight, and stays there
		require.NoError(t, b.LogParam(t.Context(), "r1", "p", "1"))
		began := time.Now()
		logSteps(t, b, "r1", "loss", 100)
		logSteps(t, b, "r2", "loss", 3)
		assert.Zero(t, time.Since(began))
		assert.Equal(t, tracking.BatcherStats{Queued: 10, Dropped: 95, Lag: time.Minute}, b.Stats())

		for i := range 8 {
			require.NoError(t, b.LogParam(t.Context(), "r1", fmt.Sprint(i), "1"))
		}
		require.ErrorIs(t, b.LogParam(t.Context(), "r1", "no metric is left", "1"), tracking.ErrQueueFull)
		require.ErrorIs(t, b.LogMetric(t.Context(), "r1", "no metric is left", 1), tracking.ErrQueueFull)
		assert.Equal(t, tracking.BatcherStats{Queued: 10, Dropped: 103, Lag: time.Minute}, b.Stats())
		require.ErrorIs(t, b.Close(within(t, time.Minute)), context.DeadlineExceeded)
	})
}

func TestBatcherFullQueueAlwaysHasSomethingToDrop(t *testing.T) {
	onBatchServer(t, func(t *testing.T, s *batchServer) {
		s.before = neverRespond
		b := tracking.NewBatcher(s.client(), tracking.WithQueueLimit(10), tracking.WithFullQueue(tracking.FullQueueDropOldest))
		for i := range 25 {
			require.NoError(t, b.LogMetric(t.Context(), fmt.Sprint("r", 1+i%2), "loss", 1, tracking.WithStep(int64(i))))
			time.Sleep(700 * time.Millisecond)
		}
		assert.Equal(t, 10, b.Stats().Queued)
		assert.EqualValues(t, 15, b.Stats().Dropped)
		require.ErrorIs(t, b.Close(within(t, time.Second)), context.DeadlineExceeded)
	})
}

func TestBatcherDropsDuringLongRequestOnlyTheOldest(t *testing.T) {
	onBatchServer(t, func(t *testing.T, s *batchServer) {
		b := tracking.NewBatcher(s.client(), tracking.WithQueueLimit(2000), tracking.WithFullQueue(tracking.FullQueueDropOldest))
		s.before = func(*http.Request, batchRequest) (*http.Response, error) {
			time.Sleep(time.Minute)
			return nil, errRefusedConnection
		}
		logSteps(t, b, "r1", "loss", 1000)
		synctest.Wait()
		logSteps(t, b, "r1", "more", 20_000)
		s.setBefore(nil)
		requireClosed(t, b)
		assert.Equal(t, append(steps("loss", 1000), steps("more", 20_000)[19_000:]...), s.metrics("r1"))
		assert.Equal(t, tracking.BatcherStats{Sent: 2000, Dropped: 19_000}, b.Stats())
	})
}

func TestBatcherFullQueueRefuses(t *testing.T) {
	onBatchServer(t, func(t *testing.T, s *batchServer) {
		b := tracking.NewBatcher(s.client(), tracking.WithQueueLimit(10), tracking.WithFullQueue(tracking.FullQueueRefuse))
		logSteps(t, b, "r1", "loss", 8)
		three := make([]tracking.Metric, 3)
		for i := range three {
			three[i].Key = "batch"
		}
		require.ErrorIs(t, b.LogBatch(t.Context(), "r1", three, nil, nil), tracking.ErrQueueFull)
		assert.Equal(t, 8, b.Stats().Queued)
		require.NoError(t, b.LogBatch(t.Context(), "r1", three[:2], nil, nil))
		require.ErrorIs(t, b.LogMetric(t.Context(), "r1", "k", 1), tracking.ErrQueueFull)
		requireClosed(t, b)
	})
}

func TestBatcherIsolatesRefusedItem(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		spoil    func(*testing.T, *batchServer, *tracking.Batcher)
		failures []string
		requests int // at most
	}{
		{"a bad key", func(t *testing.T, _ *batchServer, b *tracking.Batcher) {
			logSteps(t, b, "r1", "a//b", 1)
		}, []string{"a//b 0"}, 3},
		{"a bad key many times", func(t *testing.T, _ *batchServer, b *tracking.Batcher) {
			logSteps(t, b, "r1", "a//b", 90)
		}, steps("a//b", 90), 4},
		{"a param that has another value", func(t *testing.T, s *batchServer, b *tracking.Batcher) {
			s.runs["r1"].params["rate"] = "0.1"
			require.NoError(t, b.LogParam(t.Context(), "r1", "rate", "0.2"))
		}, []string{"rate"}, 3},
		{"a param with two values", func(t *testing.T, _ *batchServer, b *tracking.Batcher) {
			require.NoError(t, b.LogParam(t.Context(), "r1", "rate", "0.1"))
			require.NoError(t, b.LogParam(t.Context(), "r1", "rate", "0.2"))
		}, []string{"rate"}, 4},
		{"a time before 1970", func(t *testing.T, _ *batchServer, b *tracking.Batcher) {
			for i := range int64(3) {
				require.NoError(t, b.LogMetric(t.Context(), "r1", "loss", 1, tracking.WithTimestamp(time.UnixMilli(i-2)), tracking.WithStep(900+i)))
			}
		}, []string{"loss 900", "loss 901"}, 12},
		{"a tag that the refusal does not name", func(t *testing.T, _ *batchServer, b *tracking.Batcher) {
			require.NoError(t, b.SetTag(t.Context(), "r1", "//", "x"))
		}, []string{"//"}, 20},
		{"a refusal that names another key", func(t *testing.T, s *batchServer, b *tracking.Batcher) {
			require.NoError(t, b.LogParam(t.Context(), "r1", "innocent", "x"))
			require.NoError(t, b.LogParam(t.Context(), "r1", "guilty", "x"))
			s.before = func(_ *http.Request, batch batchRequest) (*http.Response, error) {
				if slices.ContainsFunc(batch.Params, func(p struct{ Key, Value string }) bool { return p.Key == "guilty" }) {
					return refusal(400, "INVALID_PARAMETER_VALUE", "not with 'innocent'"), nil
				}
				return nil, nil
			}
		}, []string{"guilty"}, 21},
		{"a refusal that names the place", func(t *testing.T, s *batchServer, b *tracking.Batcher) {
			logSteps(t, b, "r1", "culprit", 1)
			s.before = func(_ *http.Request, batch batchRequest) (*http.Response, error) {
				for i, m := range batch.Metrics {
					if m.Key == "culprit" {
						return refusal(400, "INVALID_PARAMETER_VALUE", fmt.Sprintf("Invalid value for parameter 'metrics[%d].name' supplied", i)), nil
					}
				}
				return nil, nil
			}
		}, []string{"culprit 0"}, 3},
		{"a request that is too large", func(_ *testing.T, s *batchServer, _ *tracking.Batcher) {
			s.before = func(_ *http.Request, batch batchRequest) (*http.Response, error) {
				if len(batch.Metrics) > 100 {
					return response(413, "too large"), nil
				}
				return nil, nil
			}
		}, nil, 20},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			onBatchServer(t, func(t *testing.T, s *batchServer) {
				b := tracking.NewBatcher(s.client())
				logSteps(t, b, "r1", "before", 400)
				test.spoil(t, s, b)
				logSteps(t, b, "r1", "after", 400)
				logSteps(t, b, "r2", "loss", 10)
				err := b.Flush(t.Context())
				failures := failuresIn(err)
				want := slices.Sorted(slices.Values(test.failures))
				assert.Equal(t, want, describe(failures))
				for _, failure := range failures {
					assert.ErrorIs(t, failure, tracking.ErrInvalidArgument)
				}
				assert.EqualValues(t, len(test.failures), b.Stats().Failed)
				held := s.metrics("r1")
				for _, want := range append(steps("before", 400), steps("after", 400)...) {
					require.Contains(t, held, want)
				}
				assert.LessOrEqual(t, s.count()-1, test.requests)
				require.NoError(t, b.Flush(t.Context()), "a failure is reported once")
				requireClosed(t, b)
			})
		})
	}
}

func TestBatcherRunThatIsGoneHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		spoil func(*batchServer)
		want  error
	}{
		{"missing", func(s *batchServer) { delete(s.runs, "r1") }, tracking.ErrNotFound},
		{"deleted", func(s *batchServer) { s.runs["r1"].deleted = true }, tracking.ErrInvalidArgument},
		{"forbidden", func(s *batchServer) { s.before = respondTo("r1", 403, "Permission denied") }, tracking.ErrPermissionDenied},
		{"no such endpoint", func(s *batchServer) { s.before = respondTo("r1", 404, "<html>") }, tracking.ErrUnsupported},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			onBatchServer(t, func(t *testing.T, s *batchServer) {
				test.spoil(s)
				b := tracking.NewBatcher(s.client())
				logSteps(t, b, "r1", "loss", 1000)
				logSteps(t, b, "r2", "loss", 1000)
				err := b.Flush(t.Context())
				require.ErrorIs(t, err, test.want)
				assert.Len(t, failuresIn(err), 100)
				assert.ErrorContains(t, err, "900 more failures")
				assert.Equal(t, tracking.BatcherStats{Sent: 1000, Failed: 1000}, b.Stats())
				assert.LessOrEqual(t, s.count()+s.gets, 3)
				requireClosed(t, b)
			})
		})
	}
}

func respondTo(run string, status int, body string) func(*http.Request, batchRequest) (*http.Response, error) {
	return func(_ *http.Request, batch batchRequest) (*http.Response, error) {
		if batch.RunID != run {
			return nil, nil
		}
		return response(status, body), nil
	}
}

func TestBatcherLosesNothingInOutage(t *testing.T) {
	t.Parallel()
	type before = func(*http.Request, batchRequest) (*http.Response, error)
	with := func(status int, body string, header ...string) before {
		return func(*http.Request, batchRequest) (*http.Response, error) {
			r := response(status, body)
			for i := 0; i < len(header); i += 2 {
				r.Header.Set(header[i], header[i+1])
			}
			return r, nil
		}
	}
	for name, outage := range map[string]before{
		"no connection":                   func(*http.Request, batchRequest) (*http.Response, error) { return nil, errRefusedConnection },
		"429":                             with(429, "slow down", "Retry-After", "20"),
		"500":                             with(500, "<html>"),
		"502":                             with(502, ""),
		"503":                             with(503, `{"error_code": "TEMPORARILY_UNAVAILABLE"}`),
		"a login page":                    with(200, loginPage),
		"an empty success":                with(200, ""),
		"a 401 of the program's own doer": with(401, "sign in"),
		"a lost response":                 nil,
	} {
		t.Run(name, func(t *testing.T) {
			onBatchServer(t, func(t *testing.T, s *batchServer) {
				if outage == nil { // the batch is stored
					outage = func(_ *http.Request, batch batchRequest) (*http.Response, error) {
						s.mu.Lock()
						defer s.mu.Unlock()
						s.log(batch)
						return nil, errRefusedConnection
					}
				}
				s.before = outage
				b := tracking.NewBatcher(s.client())
				began := time.Now()
				for i := range 600 {
					require.NoError(t, b.LogMetric(t.Context(), "r1", "loss", float64(i), tracking.WithStep(int64(i))))
					require.NoError(t, b.LogMetric(t.Context(), "r2", "loss", float64(i), tracking.WithStep(int64(i))))
					time.Sleep(time.Second)
				}
				require.Equal(t, 10*time.Minute, time.Since(began), "the loop is never blocked")
				assert.Equal(t, tracking.BatcherStats{Queued: 1200, Lag: 10 * time.Minute}, b.Stats())
				assert.Less(t, s.count(), 150, "waits grow")
				assert.Greater(t, s.count(), 50, "but not beyond bounds")
				s.setBefore(nil)
				time.Sleep(21 * time.Second)
				assert.Equal(t, tracking.BatcherStats{Sent: 1200}, b.Stats())
				for _, run := range []string{"r1", "r2"} {
					require.Equal(t, steps("loss", 600), s.metrics(run), "in order, each once")
					for i, line := range s.runs[run].metrics {
						stamp := began.Add(time.Duration(i) * time.Second).UnixMilli()
						require.True(t, strings.HasSuffix(line, fmt.Sprint(" ", stamp)), "the time of hand-over")
					}
				}
				requireClosed(t, b)
			})
		})
	}
}

func TestBatcherRunThatHangsHoldsUpNoOther(t *testing.T) {
	onBatchServer(t, func(t *testing.T, s *batchServer) {
		s.before = func(r *http.Request, batch batchRequest) (*http.Response, error) {
			if batch.RunID == "r1" {
				return neverRespond(r, batch)
			}
			return nil, nil
		}
		b := tracking.NewBatcher(s.client())
		for range 60 {
			logSteps(t, b, "r1", "loss", 10)
			logSteps(t, b, "r2", "loss", 10)
			time.Sleep(time.Second)
		}
		synctest.Wait()
		assert.EqualValues(t, 600, b.Stats().Sent)
		err := b.Close(within(t, time.Second))
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// A 400 BAD_REQUEST may be an overloaded database or a value that it does not like.
func TestBatcherRetriesBadRequestForAMinute(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"BAD_REQUEST": 400, "INTERNAL_ERROR": 500} {
		t.Run(name, func(t *testing.T) {
			onBatchServer(t, func(t *testing.T, s *batchServer) {
				s.before = func(_ *http.Request, batch batchRequest) (*http.Response, error) {
					for _, m := range batch.Metrics {
						if m.Key == "culprit" {
							return refusal(status, name, "the database says no"), nil
						}
					}
					return nil, nil
				}
				b := tracking.NewBatcher(s.client())
				logSteps(t, b, "r1", "before", 400)
				logSteps(t, b, "r1", "culprit", 1)
				logSteps(t, b, "r1", "after", 400)
				for range 30 {
					logSteps(t, b, "r2", "loss", 1)
					time.Sleep(time.Second)
				}
				assert.Zero(t, b.Stats().Failed, "it may pass")
				assert.GreaterOrEqual(t, b.Stats().Sent, uint64(29), "the other run goes on")
				time.Sleep(time.Minute)
				assert.EqualValues(t, 1, b.Stats().Failed)
				assert.Equal(t, append(steps("before", 400), steps("after", 400)...), s.metrics("r1"))
				assert.Less(t, s.count(), 30+10+20+2)
				assert.Equal(t, []string{"culprit 0"}, describe(failuresIn(b.Close(t.Context()))))
			})
		})
	}
}

func TestBatcherIgnoresBadRequestThatPasses(t *testing.T) {
	onBatchServer(t, func(t *testing.T, s *batchServer) {
		began := time.Now()
		s.before = func(*http.Request, batchRequest) (*http.Response, error) {
			if time.Since(began) < 20*time.Second {
				return refusal(400, "BAD_REQUEST", "QueuePool limit reached"), nil
			}
			return nil, nil
		}
		b := tracking.NewBatcher(s.client())
		logSteps(t, b, "r1", "loss", 100)
		requireClosed(t, b)
		assert.Equal(t, steps("loss", 100), s.metrics("r1"))
	})
}

func TestBatcherRetries401OnlyIfCredentialsMayChange(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		opts []mlflow.Option
		want tracking.BatcherStats
	}{
		{"a token", []mlflow.Option{mlflow.WithToken("secret-token")}, tracking.BatcherStats{Failed: 1}},
		{
			"a token source",
			[]mlflow.Option{mlflow.WithTokenSource(func(context.Context) (string, error) { return "secret-token", nil })},
			tracking.BatcherStats{Queued: 1, Lag: time.Minute},
		},
		{
			"a request editor",
			[]mlflow.Option{mlflow.WithRequestEditor(func(context.Context, *http.Request) error { return nil })},
			tracking.BatcherStats{Queued: 1, Lag: time.Minute},
		},
		{"a token and an editor", []mlflow.Option{
			mlflow.WithToken("secret-token"), mlflow.WithRequestEditor(func(context.Context, *http.Request) error { return nil }),
		}, tracking.BatcherStats{Failed: 1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			onBatchServer(t, func(t *testing.T, s *batchServer) {
				s.before = func(*http.Request, batchRequest) (*http.Response, error) { return response(401, "who are you?"), nil }
				client, err := mlflow.NewClient(append(test.opts, withBatchServer(s)...)...)
				require.NoError(t, err)
				b := tracking.NewBatcher(client.Tracking())
				logSteps(t, b, "r1", "loss", 1)
				time.Sleep(time.Minute)
				assert.Equal(t, test.want, b.Stats())
				s.setBefore(nil)
				err = b.Close(t.Context())
				if test.want.Failed == 0 {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, tracking.ErrUnauthenticated)
				}
			})
		})
	}
}

// viaBatchServer is a RoundTripper that leads to a batchServer.
type viaBatchServer struct{ s *batchServer }

func (v viaBatchServer) RoundTrip(r *http.Request) (*http.Response, error) { return v.s.Do(r) }

func TestBatcherFlushEndsWait(t *testing.T) {
	onBatchServer(t, func(t *testing.T, s *batchServer) {
		s.before = func(*http.Request, batchRequest) (*http.Response, error) { return nil, errRefusedConnection }
		b := tracking.NewBatcher(s.client())
		logSteps(t, b, "r1", "loss", 1)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		s.setBefore(nil)
		began := time.Now()
		require.NoError(t, b.Flush(t.Context()))
		assert.Zero(t, time.Since(began), "the server is back")
		requireClosed(t, b)
	})
}

func TestBatcherFlushHonorsRetryAfter(t *testing.T) {
	onBatchServer(t, func(t *testing.T, s *batchServer) {
		began := time.Now()
		s.before = func(*http.Request, batchRequest) (*http.Response, error) {
			if time.Since(began) < 90*time.Second {
				r := response(429, "")
				r.Header.Set("Retry-After", "90")
				return r, nil
			}
			return nil, nil
		}
		b := tracking.NewBatcher(s.client(), tracking.WithBatchDelay(0))
		logSteps(t, b, "r1", "loss", 1)
		synctest.Wait()
		require.NoError(t, b.Flush(t.Context()))
		assert.Equal(t, 90*time.Second, time.Since(began))
		assert.Equal(t, 2, s.count())
		requireClosed(t, b)
	})
}

func TestBatcherFlushAndCloseEndWithContext(t *testing.T) {
	onBatchServer(t, func(t *testing.T, s *batchServer) {
		s.before = neverRespond
		var handled []tracking.BatchFailure
		b := tracking.NewBatcher(s.client(), tracking.WithFailureHandler(func(f tracking.BatchFailure) { handled = append(handled, f) }))
		logSteps(t, b, "r1", "loss", 3)
		require.NoError(t, b.LogParam(t.Context(), "r1", "p", "1"))
		require.NoError(t, b.SetTag(t.Context(), "r1", "t", "x"))
		began := time.Now()
		err := b.Flush(within(t, 10*time.Second))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "5 items")
		assert.Equal(t, 10*time.Second, time.Since(began))
		assert.Equal(t, 5, b.Stats().Queued)
		logSteps(t, b, "r2", "loss", 2)

		err = b.Close(within(t, 10*time.Second))
		assert.Equal(t, 20*time.Second, time.Since(began))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "7 items")
		assert.ElementsMatch(t, []string{"loss 0", "loss 1", "loss 2", "p", "t", "loss 0", "loss 1"}, describe(failuresIn(err)))
		for _, failure := range failuresIn(err) {
			assert.ErrorIs(t, failure, context.DeadlineExceeded)
		}
		assert.Len(t, handled, 2)
		assert.Equal(t, tracking.BatcherStats{Dropped: 7}, b.Stats())
		require.ErrorIs(t, b.LogMetric(t.Context(), "r1", "k", 1), tracking.ErrBatcherClosed)
		require.ErrorIs(t, b.LogBatch(t.Context(), "r1", []tracking.Metric{{Key: "k"}}, nil, nil), tracking.ErrBatcherClosed)
		require.NoError(t, b.Flush(t.Context()))
		require.NoError(t, b.Close(t.Context()))
	})
}

// The last response may come at the very moment at which the context ends.
func TestBatcherFlushAndCloseFailOnlyIfSomethingIsUnsent(t *testing.T) {
	onBatchServer(t, func(t *testing.T, s *batchServer) {
		s.before = func(*http.Request, batchRequest) (*http.Response, error) {
			time.Sleep(time.Second)
			return nil, nil
		}
		for range 300 {
			b := tracking.NewBatcher(s.client())
			require.NoError(t, b.LogMetric(t.Context(), "r1", "loss", 1))
			var others sync.WaitGroup
			others.Go(func() {
				err := b.Flush(within(t, time.Minute))
				assert.Equal(t, b.Stats().Sent == 0, err != nil, "%v", err)
			})
			err := b.Close(within(t, time.Second))
			others.Wait()
			stats := b.Stats()
			require.EqualValues(t, 1, stats.Sent+stats.Dropped)
			require.Equal(t, stats.Dropped == 1, err != nil, "%v", err)
		}
	})
}

func TestBatcherWithoutItemsStartsNothing(t *testing.T) {
	onBatchServer(t, func(t *testing.T, s *batchServer) {
		_ = tracking.NewBatcher(s.client()) // a goroutine would keep the bubble from ending
		b := tracking.NewBatcher(s.client())
		require.NoError(t, b.Flush(t.Context()))
		requireClosed(t, b)
	})
}

func TestBatcherFailureHandlerMayUseBatcher(t *testing.T) {
	onBatchServer(t, func(t *testing.T, s *batchServer) {
		var b *tracking.Batcher
		var mu sync.Mutex
		var handled []string
		b = tracking.NewBatcher(s.client(), tracking.WithQueueLimit(1), tracking.WithFailureHandler(func(f tracking.BatchFailure) {
			mu.Lock()
			handled = append(handled, f.Metrics[0].Key)
			mu.Unlock()
			assert.NoError(t, b.SetTag(t.Context(), "r2", "refused", f.Metrics[0].Key))
			assert.NotZero(t, b.Stats().Failed)
			_ = b.Flush(t.Context())
		}))
		require.NoError(t, b.LogMetric(t.Context(), "r1", "a//b", 1))
		require.NoError(t, b.LogMetric(t.Context(), "r1", "c//d", 1))
		time.Sleep(time.Minute)
		_ = b.Close(t.Context())
		assert.Equal(t, []string{"a//b", "c//d"}, handled)
		assert.Equal(t, "c//d", s.runs["r2"].tags["refused"])
	})
}

func TestBatcherFailureHandlerMayClose(t *testing.T) {
	onBatchServer(t, func(t *testing.T, s *batchServer) {
		var b *tracking.Batcher
		done := make(chan struct{})
		b = tracking.NewBatcher(s.client(), tracking.WithFailureHandler(func(tracking.BatchFailure) {
			assert.Error(t, b.Close(t.Context()))
			close(done)
		}))
		require.NoError(t, b.LogMetric(t.Context(), "r1", "a//b", 1))
		<-done
	})
}

func TestBatcherCloseLosesNothingThatRacesWithIt(t *testing.T) {
	t.Parallel()
	for range 10 {
		s := newBatchServer("r1")
		b := tracking.NewBatcher(s.client(), tracking.WithBatchDelay(time.Microsecond))
		var all sync.WaitGroup
		var mu sync.Mutex
		taken := 0
		for i := range int64(8) {
			all.Go(func() {
				for step := range int64(1000) {
					if err := b.LogMetric(t.Context(), "r1", fmt.Sprint(i), 1, tracking.WithStep(step)); err != nil {
						assert.ErrorIs(t, err, tracking.ErrBatcherClosed)
						return
					}
					mu.Lock()
					taken++
					mu.Unlock()
				}
			})
		}
		time.Sleep(time.Millisecond)
		require.NoError(t, b.Close(t.Context()))
		all.Wait()
		assert.EqualValues(t, taken, b.Stats().Sent)
		assert.Len(t, s.metrics("r1"), taken)
	}
}

// Before MLflow 3.16 an SQL store refuses a NaN that it has.
func TestBatcherCountsStoredNaNAsSent(t *testing.T) {
	onBatchServer(t, func(t *testing.T, s *batchServer) {
		stored := make(map[int64]bool)
		s.before = func(_ *http.Request, batch batchRequest) (*http.Response, error) {
			if rand.IntN(3) == 0 {
				return nil, errRefusedConnection
			}
			for _, m := range batch.Metrics {
				if string(m.Value) == `"NaN"` && stored[m.Step] {
					return refusal(400, "BAD_REQUEST", "(sqlite3.IntegrityError) UNIQUE constraint failed: metrics.key"), nil
				}
			}
			for _, m := range batch.Metrics {
				stored[m.Step] = true
			}
			if rand.IntN(2) == 0 { // the response is lost
				return nil, errRefusedConnection
			}
			return response(200, "{}"), nil
		}
		b := tracking.NewBatcher(s.client())
		for step := range int64(2000) {
			value := 1.0
			if step%20 == 0 {
				value = nan
			}
			require.NoError(t, b.LogMetric(t.Context(), "r1", "loss", value, tracking.WithStep(step)))
		}
		requireClosed(t, b)
		assert.Len(t, stored, 2000)
		assert.Equal(t, tracking.BatcherStats{Sent: 2000}, b.Stats())
	})
}

// A token source runs on a goroutine of the batcher, where the program cannot recover it.
func TestBatcherSurvivesTokenSourceThatPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		handler := mlflowtest.NewHandler()
		calls := 0
		client, err := mlflow.NewClient(
			mlflow.WithTrackingURI("http://mlflow.test"),
			mlflow.WithHTTPClient(&http.Client{Transport: mlflowtest.Transport(handler)}),
			mlflow.WithTokenSource(func(context.Context) (string, error) {
				if calls++; calls == 2 { // the first one is CreateRun's
					panic("a bug")
				}
				return "t0ken", nil
			}),
		)
		require.NoError(t, err)
		run, err := client.Tracking().CreateRun(t.Context(), "0")
		require.NoError(t, err)
		b := tracking.NewBatcher(client.Tracking())
		logSteps(t, b, run.Info.RunID, "loss", 3)
		err = b.Flush(t.Context())
		require.EqualError(t, err, "mlflow: a request of a batcher panicked: a bug")
		assert.Equal(t, tracking.BatcherStats{Sent: 3}, b.Stats(), "the request was sent again")
		requireClosed(t, b)
		history, err := client.Tracking().GetMetricHistory(t.Context(), run.Info.RunID, "loss")
		require.NoError(t, err)
		assert.Len(t, history, 3)
	})
}
