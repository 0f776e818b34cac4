package tracking_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/tracking"
)

// A process that is killed is a copy of the spool's files, made while the process is running.

// copyOf returns a copy of a spool as a killed process leaves it.
func copyOf(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "items"))
	require.NoError(t, err)
	return spoolWith(t, text)
}

func spoolWith(t *testing.T, text []byte) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "items"), text, 0o600))
	return dir
}

// unreachable refuses all connections.
func unreachable(*http.Request, batchRequest) (*http.Response, error) {
	return nil, errRefusedConnection
}

// giveUp closes a batcher that cannot send.
func giveUp(t *testing.T, b *tracking.Batcher) {
	t.Helper()
	ended, end := context.WithCancel(t.Context())
	end()
	require.ErrorIs(t, b.Close(ended), context.Canceled)
}

func TestBatcherSendsWhatKilledOneLeft(t *testing.T) {
	onBatchServer(t, func(t *testing.T, s *batchServer) {
		s.before = unreachable
		dir := filepath.Join(t.TempDir(), "made", "for it")
		b := tracking.NewBatcher(s.client(), tracking.WithSpool(dir))
		stamp := time.Now().UnixMilli()
		logSteps(t, b, "r1", "loss", 1500)
		require.NoError(t, b.LogMetric(t.Context(), "r2", "é//", nan, tracking.WithStep(math.MinInt64), tracking.WithTimestamp(time.UnixMilli(7))))
		require.NoError(t, b.LogParam(t.Context(), "r2", "p", ""))
		require.NoError(t, b.SetTag(t.Context(), "r2", "t", strings.Repeat("x\n", 5000)))
		time.Sleep(time.Second)
		killed := copyOf(t, dir)
		giveUp(t, b)

		s.setBefore(func(_ *http.Request, batch batchRequest) (*http.Response, error) {
			if batch.RunID == "r2" {
				for i := range batch.Metrics {
					assert.JSONEq(t, `"NaN"`, string(batch.Metrics[i].Value))
					assert.Equal(t, int64(math.MinInt64), batch.Metrics[i].Step)
					assert.EqualValues(t, 7, batch.Metrics[i].Timestamp)
					assert.Equal(t, "é//", batch.Metrics[i].Key)
				}
			}
			return nil, nil
		})
		for _, left := range []string{killed, dir} {
			s.runs["r1"].metrics = nil
			b = tracking.NewBatcher(s.client(), tracking.WithSpool(left))
			assert.Equal(t, 1503, b.Stats().Queued)
			logSteps(t, b, "r1", "later", 3)
			err := b.Close(t.Context())
			assert.Equal(t, []string{fmt.Sprint("é// ", int64(math.MinInt64))}, describe(failuresIn(err)), "what is refused is refused here, too")
			assert.Equal(t, append(steps("loss", 1500), steps("later", 3)...), s.metrics("r1"))
			assert.True(t, strings.HasSuffix(s.runs["r1"].metrics[0], fmt.Sprint(" ", stamp)))
			assert.Equal(t, map[string]string{"p": ""}, s.runs["r2"].params)
			assert.Len(t, s.runs["r2"].tags["t"], 10_000)
			assert.Equal(t, tracking.BatcherStats{Sent: 1505, Failed: 1}, b.Stats())

			b = tracking.NewBatcher(s.client(), tracking.WithSpool(left))
			assert.Zero(t, b.Stats())
			requireClosed(t, b)
		}
	})
}

func TestBatcherSpoolForgetsWhatIsSentAndDropped(t *testing.T) {
	onBatchServer(t, func(t *testing.T, s *batchServer) {
		dir := t.TempDir()
		b := tracking.NewBatcher(s.client(), tracking.WithSpool(dir), tracking.WithQueueLimit(20),
			tracking.WithFullQueue(tracking.FullQueueDropOldest))
		s.before = func(_ *http.Request, batch batchRequest) (*http.Response, error) {
			if batch.RunID == "r1" {
				return nil, errRefusedConnection
			}
			return nil, nil
		}
		logSteps(t, b, "r1", "loss", 10)
		logSteps(t, b, "r2", "loss", 10)
		time.Sleep(time.Minute)
		logSteps(t, b, "r1", "more", 15)
		time.Sleep(time.Minute)
		assert.Equal(t, 20, b.Stats().Queued)
		killed := copyOf(t, dir)
		giveUp(t, b)
		s.setBefore(nil)
		sent := s.count()
		b = tracking.NewBatcher(s.client(), tracking.WithSpool(killed))
		requireClosed(t, b)
		assert.Equal(t, sent+1, s.count(), "nothing of the other run")
		assert.Len(t, s.metrics("r1"), 20)
	})
}

// Whatever a crash leaves of the end of the file, what comes before is read.
func TestBatcherReadsSpoolThatIsCutAnywhere(t *testing.T) {
	t.Parallel()
	var whole []byte
	var ends []int // of the file with each item
	synctest.Test(t, func(t *testing.T) {
		s := newBatchServer("r1")
		s.before = unreachable
		dir := t.TempDir()
		b := tracking.NewBatcher(s.client(), tracking.WithSpool(dir))
		for i := range 3 {
			require.NoError(t, b.LogMetric(t.Context(), "r1", "loss", float64(i), tracking.WithStep(int64(i))))
			time.Sleep(time.Second)
			var err error
			whole, err = os.ReadFile(filepath.Join(dir, "items"))
			require.NoError(t, err)
			ends = append(ends, len(whole))
		}
		giveUp(t, b)
	})
	check := func(t *testing.T, text []byte, want int) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			s := newBatchServer("r1")
			dir := spoolWith(t, text)
			b := tracking.NewBatcher(s.client(), tracking.WithSpool(dir))
			assert.Equal(t, want, b.Stats().Queued)
			logSteps(t, b, "r1", "new", 1)
			time.Sleep(100 * time.Millisecond)
			requireClosed(t, b)
			assert.Equal(t, append(steps("loss", want), "new 0"), s.metrics("r1"))
		})
	}
	header := bytes.IndexByte(whole, '\n') + 1
	for cut := header; cut <= len(whole); cut++ {
		texts := [][]byte{whole[:cut], append(bytes.Clone(whole[:cut]), make([]byte, 100)...)} // as a file system may fill it
		if cut < len(whole) {
			flipped := bytes.Clone(whole)
			flipped[cut] ^= 0x10
			texts = append(texts, flipped)
		}
		for _, text := range texts {
			want := 0
			for _, end := range ends {
				if bytes.HasPrefix(text, whole[:end]) {
					want++
				}
			}
			check(t, text, want)
		}
	}
}

func TestBatcherWithUnusableSpoolTakesNothing(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, []byte("x"), 0o600))
	used := t.TempDir()
	first := tracking.NewBatcher(newBatchServer().client(), tracking.WithSpool(used))
	t.Cleanup(func() { require.NoError(t, first.Close(context.WithoutCancel(t.Context()))) })
	for name, dir := range map[string]string{
		"below a file":       filepath.Join(file, "spool"),
		"of another kind":    spoolWith(t, []byte("something else\n")),
		"used by another":    used,
		"a folder of items":  folderNamedItems(t),
		"with a broken lock": folderNamedLock(t),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newBatchServer("r1")
			b := tracking.NewBatcher(s.client(), tracking.WithSpool(dir))
			var messages []string
			for _, err := range []error{
				b.LogMetric(t.Context(), "r1", "k", 1), b.LogParam(t.Context(), "r1", "k", "v"), b.SetTag(t.Context(), "r1", "k", "v"),
				b.LogBatch(t.Context(), "r1", []tracking.Metric{{Key: "k"}}, nil, nil), b.Flush(t.Context()), b.Close(t.Context()),
			} {
				require.Error(t, err)
				messages = append(messages, err.Error())
			}
			for _, message := range messages {
				assert.Equal(t, messages[0], message)
			}
			assert.Contains(t, messages[0], "spool")
			assert.Zero(t, b.Stats())
			assert.Zero(t, s.count())
			opened, err := tracking.OpenBatcher(s.client(), tracking.WithSpool(dir))
			require.EqualError(t, err, messages[0])
			assert.Nil(t, opened)
		})
	}
}

func TestOpenBatcherSendsWhatKilledOneLeft(t *testing.T) {
	onBatchServer(t, func(t *testing.T, s *batchServer) {
		s.before = unreachable
		dir := t.TempDir()
		b, err := tracking.OpenBatcher(s.client(), tracking.WithSpool(dir))
		require.NoError(t, err)
		logSteps(t, b, "r1", "loss", 3)
		giveUp(t, b)
		s.setBefore(nil)
		b, err = tracking.OpenBatcher(s.client(), tracking.WithSpool(dir))
		require.NoError(t, err)
		requireClosed(t, b)
		assert.Equal(t, steps("loss", 3), s.metrics("r1"))
	})
}

func folderNamedItems(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "items", "x"), 0o700))
	return dir
}

func folderNamedLock(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "lock"), 0o700))
	return dir
}

// While a server is away, a spool grows with what is queued, and not with what was dropped.
func TestBatcherSpoolIsBounded(t *testing.T) {
	onBatchServer(t, func(t *testing.T, s *batchServer) {
		s.before = unreachable
		dir := t.TempDir()
		b := tracking.NewBatcher(s.client(), tracking.WithSpool(dir), tracking.WithQueueLimit(3000),
			tracking.WithFullQueue(tracking.FullQueueDropOldest))
		var largest int64
		for range 60 {
			logSteps(t, b, "r1", strings.Repeat("a long key", 20), 2000)
			time.Sleep(time.Second)
			info, err := os.Stat(filepath.Join(dir, "items"))
			require.NoError(t, err)
			largest = max(largest, info.Size())
		}
		assert.Less(t, largest, int64(12<<20))
		assert.Greater(t, largest, int64(1<<20), "or the test shows nothing")
		s.setBefore(nil)
		requireClosed(t, b)
		info, err := os.Stat(filepath.Join(dir, "items"))
		require.NoError(t, err)
		assert.Less(t, info.Size(), int64(100), "nothing is left")
	})
}

func TestBatcherSpoolHoldsNoSecret(t *testing.T) {
	onBatchServer(t, func(t *testing.T, s *batchServer) {
		s.before = func(*http.Request, batchRequest) (*http.Response, error) { return response(401, plantedToken), nil }
		dir := t.TempDir()
		b := tracking.NewBatcher(newClient(t, withBatchServer(s)...), tracking.WithSpool(dir))
		logSteps(t, b, "r1", "loss", 3)
		time.Sleep(time.Minute)
		_ = b.Close(t.Context())
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, entries, 2)
		for _, entry := range entries {
			text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
			require.NoError(t, err)
			search(entry.Name(), string(text))
			info, err := entry.Info()
			require.NoError(t, err)
			if runtime.GOOS != "windows" {
				assert.EqualValues(t, 0o600, info.Mode().Perm())
			}
		}
	})
}
