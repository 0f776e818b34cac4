package tracking_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/tracking"
)

// TestBatcherRandomSchedules makes up what happens to a batcher: programs hand over and flush, the server is slow, fails,
// hangs and loses responses, and a Close may give up. MLFLOW_TEST_LIVES says how often, MLFLOW_TEST_SEED where to begin.
func TestBatcherRandomSchedules(t *testing.T) {
	t.Parallel()
	first := numberIn("MLFLOW_TEST_SEED", 1)
	for seed := first; seed < first+numberIn("MLFLOW_TEST_LIVES", 40) && !t.Failed(); seed++ {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(uint64(seed), 0)) // #nosec G404 -- the same seed is the same life
			l := &life{T: t, batchServer: newBatchServer("r0", "r1", "r2"), random: random}
			l.live()
		})
		if t.Failed() {
			t.Logf("the seed is %d", seed)
		}
	}
}

// numberIn returns the number in a variable of the environment.
func numberIn(variable string, otherwise int) int {
	if number, err := strconv.Atoi(os.Getenv(variable)); err == nil {
		return number
	}
	return otherwise
}

// A life is that of one batcher. Its server takes no key with "//" in it.
type life struct {
	*testing.T
	*batchServer

	batcher  *tracking.Batcher
	trouble  int           // percent of requests
	slowness time.Duration // of the others, at most

	guard    sync.Mutex
	random   *rand.Rand
	handed   []loggedItem
	reported []loggedItem // as refused or unsent
}

// A loggedItem is a metric, a param or a tag. A metric has the time of the life's beginning, and the value 1.
type loggedItem struct {
	run, kind, key string
	step           int64
}

func (i loggedItem) isBad() bool { return strings.Contains(i.key, "//") }

var birth = time.UnixMilli(1_700_000_000_000)

func (l *life) live() {
	l.trouble, l.slowness = l.below(4)*15, time.Duration(l.below(3)*1500)*time.Millisecond
	l.before = l.weather
	options := []tracking.BatcherOption{tracking.WithBatchDelay(l.upTo(3 * time.Second)), tracking.WithQueueLimit(50 + l.below(3000))}
	dir := l.TempDir()
	spooled := l.below(2) == 0
	if spooled {
		options = append(options, tracking.WithSpool(dir))
	}
	l.batcher = tracking.NewBatcher(l.client(), options...)
	var programs sync.WaitGroup
	for i := range 1 + l.below(3) {
		programs.Go(func() { l.handOver(i) })
	}
	programs.Go(l.flush)
	programs.Wait()
	l.close()
	if spooled {
		l.setBefore(nil)
		l.batcher = tracking.NewBatcher(l.client(), tracking.WithSpool(dir))
		l.report(l.batcher.Close(l.Context()))
		for _, item := range l.handed {
			assert.True(l, l.isStored(item) || item.isBad(), "after the spool %v is missing", item)
		}
	}
}

// weather is what happens to a request.
func (l *life) weather(request *http.Request, batch batchRequest) (*http.Response, error) {
	wait := func(d time.Duration) error {
		select {
		case <-time.After(d):
			return nil
		case <-request.Context().Done():
			return request.Context().Err()
		}
	}
	if err := wait(l.upTo(l.slowness)); err != nil || l.below(100) >= l.trouble {
		return nil, err
	}
	runs := l.below(2) == 0
	if runs {
		l.mu.Lock()
		l.log(batch)
		l.mu.Unlock()
	}
	switch l.below(6) {
	case 0:
		return nil, errRefusedConnection
	case 1:
		return response(http.StatusServiceUnavailable, "down"), nil
	case 2:
		slow := response(http.StatusTooManyRequests, "not so fast")
		slow.Header.Set("Retry-After", "2")
		return slow, nil
	case 3:
		return refusal(http.StatusBadRequest, "BAD_REQUEST", "the database is busy"), nil
	case 4:
		return nil, errors.Join(wait(20*time.Second), context.DeadlineExceeded)
	}
	return nil, errors.New("the connection was lost")
}

// handOver is a program that logs, with keys of its own.
func (l *life) handOver(program int) {
	for step := range l.below(700) {
		item := loggedItem{fmt.Sprint("r", l.below(3)), "metric", fmt.Sprint("m", program), int64(step)}
		if kind := l.below(20); kind < 2 {
			item = loggedItem{item.run, []string{"param", "tag"}[kind], fmt.Sprint(program, ".", step), 0}
		}
		if item.kind != "param" && l.below(200) == 0 {
			item.key += "//"
		}
		var err error
		switch item.kind {
		case "metric":
			err = l.batcher.LogMetric(l.Context(), item.run, item.key, 1, tracking.WithStep(item.step), tracking.WithTimestamp(birth))
		case "param":
			err = l.batcher.LogParam(l.Context(), item.run, item.key, "v")
		default:
			err = l.batcher.SetTag(l.Context(), item.run, item.key, "v")
		}
		assert.NoError(l, err)
		l.guard.Lock()
		l.handed = append(l.handed, item)
		l.guard.Unlock()
		if l.below(50) == 0 {
			time.Sleep(l.upTo(2 * time.Second))
		}
	}
}

// flush flushes a few times. If the context has not ended, all that was handed over before is stored, or is reported.
func (l *life) flush() {
	for range l.below(4) {
		time.Sleep(l.upTo(4 * time.Second))
		l.guard.Lock()
		before := slices.Clone(l.handed)
		l.guard.Unlock()
		err := l.batcher.Flush(within(l.T, l.upTo(10*time.Second)))
		l.report(err)
		if !errors.Is(err, context.DeadlineExceeded) {
			l.check(before)
		}
	}
}

// close closes the batcher, and checks what it says of itself.
func (l *life) close() {
	err := l.batcher.Close(within(l.T, l.upTo(20*time.Second)))
	l.report(err)
	stats := l.batcher.Stats()
	assert.Zero(l, stats.Queued)
	assert.EqualValues(l, len(l.handed), stats.Sent+stats.Dropped+stats.Failed)
	assert.Equal(l, stats.Dropped > 0, errors.Is(err, context.DeadlineExceeded), "%d dropped: %v", stats.Dropped, err)
	l.check(l.handed)
	for _, run := range []string{"r0", "r1", "r2"} {
		last := make(map[string]int64)
		for _, line := range l.metrics(run) {
			var key string
			var step int64
			_, err := fmt.Sscan(line, &key, &step)
			require.NoError(l, err)
			assert.GreaterOrEqual(l, step, last[key], "the order of %s in %s", key, run)
			last[key] = step
		}
	}
}

// check checks that each item is stored, unless it was reported, and that what is bad is not.
func (l *life) check(items []loggedItem) {
	l.guard.Lock()
	defer l.guard.Unlock()
	for _, item := range items {
		stored, reported := l.isStored(item), slices.Contains(l.reported, item)
		assert.True(l, stored || reported, "%v is lost", item)
		assert.False(l, stored && item.isBad(), "%v is stored", item)
	}
}

func (l *life) isStored(item loggedItem) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	run := l.runs[item.run]
	if item.kind == "metric" {
		return slices.Contains(run.metrics, fmt.Sprint(item.key, " ", item.step, " 1 ", birth.UnixMilli()))
	}
	values := map[string]map[string]string{"param": run.params, "tag": run.tags}[item.kind]
	_, stored := values[item.key]
	return stored
}

// report notes what an error of Flush or Close says.
func (l *life) report(err error) {
	l.guard.Lock()
	defer l.guard.Unlock()
	for _, failure := range failuresIn(err) {
		for _, m := range failure.Metrics {
			l.reported = append(l.reported, loggedItem{failure.RunID, "metric", m.Key, m.Step})
		}
		for _, p := range failure.Params {
			l.reported = append(l.reported, loggedItem{failure.RunID, "param", p.Key, 0})
		}
		for key := range failure.Tags {
			l.reported = append(l.reported, loggedItem{failure.RunID, "tag", key, 0})
		}
	}
}

// below returns a random number from 0 on, and upTo a random time.
func (l *life) below(n int) int {
	l.guard.Lock()
	defer l.guard.Unlock()
	return l.random.IntN(n)
}

func (l *life) upTo(d time.Duration) time.Duration {
	return time.Duration(l.below(int(d/time.Millisecond)+1)) * time.Millisecond
}
