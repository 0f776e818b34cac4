package batcher_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/batcher"
	"github.com/mlflow-go/mlflow/internal/spool"
)

// A memorySink keeps what it is sent. If fail is set, it is asked first.
type memorySink struct {
	mu     sync.Mutex
	fail   func([]batcher.Item) error
	stored []string
}

func (s *memorySink) Send(_ context.Context, runID string, items []batcher.Item, _ func([]batcher.Item)) error {
	s.mu.Lock()
	fail := s.fail
	s.mu.Unlock()
	if fail != nil {
		if err := fail(items); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, it := range items {
		s.stored = append(s.stored, runID+" "+it.Key)
	}
	return nil
}

func (s *memorySink) setFail(fail func([]batcher.Item) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = fail
}

var (
	errAway    = errors.New("away")
	errRefused = errors.New("refused")
)

func (s *memorySink) Judge(err error) batcher.Judgment {
	if errors.Is(err, errRefused) {
		return batcher.Judgment{Verdict: batcher.Refused, Err: err}
	}
	return batcher.Judgment{Err: err}
}

func (s *memorySink) IsDeleted(context.Context, string) bool { return false }

// away fails as a server that cannot be reached.
func away([]batcher.Item) error { return errAway }

// refuseKey refuses each request that has an item with a key.
func refuseKey(key string) func([]batcher.Item) error {
	return func(items []batcher.Item) error {
		for _, it := range items {
			if it.Key == key {
				return errRefused
			}
		}
		return nil
	}
}

var (
	errFull   = errors.New("full")
	errClosed = errors.New("closed")
)

func newConfig() batcher.Config {
	return batcher.Config{
		Delay: time.Second, Limit: 100, MaxMetrics: 10, MaxParams: 10, MaxTags: 10, MaxItems: 10,
		ErrFull: errFull, ErrClosed: errClosed, Logger: slog.New(slog.DiscardHandler),
		FailureError: func(f batcher.Failure) error { return f.Err },
	}
}

func add(t *testing.T, b *batcher.Batcher, runID string, keys ...string) {
	t.Helper()
	for _, key := range keys {
		require.NoError(t, b.AddOne(t.Context(), runID, batcher.Item{Kind: spool.Metric, Key: key}))
	}
}

func within(t *testing.T, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// A disk that is full, or gone, does not stop training.
func TestBatcherReportsSpoolThatCannotBeWrittenAndTriesAgain(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a folder with open files cannot be moved")
	}
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sink := &memorySink{fail: away}
		parent := t.TempDir()
		config := newConfig()
		config.SpoolDir = filepath.Join(parent, "spool")
		b := batcher.New(sink, config)
		add(t, b, "r1", "a", "b")
		time.Sleep(time.Second)
		batcher.BreakSpool(b)
		gone := filepath.Join(parent, "gone")
		require.NoError(t, os.Rename(config.SpoolDir, gone))
		add(t, b, "r1", "c", "d")
		time.Sleep(time.Minute)
		err := b.Flush(within(t, time.Second))
		require.ErrorContains(t, err, "the spool was not written")

		require.NoError(t, os.Rename(gone, config.SpoolDir))
		time.Sleep(time.Second)
		_ = b.Flush(within(t, time.Second)) // returns what had gone wrong meanwhile
		err = b.Flush(within(t, time.Second))
		require.NotContains(t, err.Error(), "spool")
		ended, end := context.WithCancel(t.Context())
		end()
		require.ErrorIs(t, b.Close(ended), context.Canceled)

		sink.setFail(nil)
		b = batcher.New(sink, config)
		require.NoError(t, b.Close(t.Context()))
		assert.Equal(t, []string{"r1 a", "r1 b", "r1 c", "r1 d"}, sink.stored)
	})
}

// Whatever a failure handler does to its goroutine, nothing is left locked or half counted, and the program continues.
func TestBatcherSurvivesFailureHandler(t *testing.T) {
	t.Parallel()
	handlers := map[string]func(batcher.Failure){
		"that panics":             func(batcher.Failure) { panic("a bug") },
		"that ends its goroutine": func(batcher.Failure) { runtime.Goexit() },
	}
	for name, handler := range handlers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				sink := &memorySink{fail: refuseKey("bad")}
				config := newConfig()
				config.Handle = handler
				b := batcher.New(sink, config)
				add(t, b, "r1", "a", "bad", "bad", "b")
				add(t, b, "r2", "c", "bad")
				began := time.Now()
				err := b.Flush(t.Context())
				require.ErrorIs(t, err, errRefused)
				assert.Zero(t, time.Since(began), "nothing is waited for")
				if name == "that panics" {
					require.ErrorContains(t, err, "the failure handler of a batcher panicked: a bug")
				}
				add(t, b, "r1", "d")
				require.NoError(t, b.Close(t.Context()))
				assert.ElementsMatch(t, []string{"r1 a", "r1 b", "r1 d", "r2 c"}, sink.stored)
				assert.Equal(t, batcher.Stats{Sent: 4, Failed: 3}, b.Stats())
			})
		})
	}
}

// Close calls the handler itself. It used to unlock by hand, so that a panic there ended the process.
func TestBatcherCloseSurvivesFailureHandlerThatPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config := newConfig()
		config.Handle = func(batcher.Failure) { panic("a bug") }
		config.SpoolDir = t.TempDir()
		b := batcher.New(&memorySink{fail: away}, config)
		add(t, b, "r1", "a")
		err := b.Close(within(t, time.Second))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "the failure handler of a batcher panicked: a bug")
		assert.Equal(t, batcher.Stats{Dropped: 1}, b.Stats())
		require.NoError(t, b.Close(t.Context()))

		sink := &memorySink{}
		b = batcher.New(sink, config) // the folder was given back
		require.NoError(t, b.Close(t.Context()))
		assert.Equal(t, []string{"r1 a"}, sink.stored)
	})
}

// A sink runs code of the program's: its token source, request editor and http.Client.
func TestBatcherSurvivesSink(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func([]batcher.Item) error{
		"that panics":             func([]batcher.Item) error { panic("a bug") },
		"that ends its goroutine": func([]batcher.Item) error { runtime.Goexit(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				sink := &memorySink{fail: fail}
				b := batcher.New(sink, newConfig())
				add(t, b, "r1", "a", "b")
				time.Sleep(2 * time.Second)
				assert.Equal(t, 2, b.Stats().Queued)
				sink.setFail(nil)
				err := b.Close(t.Context())
				if name == "that panics" {
					require.ErrorContains(t, err, "a request of a batcher panicked: a bug")
				} else {
					require.NoError(t, err)
				}
				assert.Equal(t, []string{"r1 a", "r1 b"}, sink.stored)
				assert.Equal(t, batcher.Stats{Sent: 2}, b.Stats())
			})
		})
	}
}
