package pages_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/pages"
)

var errRepeated = errors.New("a token repeats")

func all(ctx context.Context, fetch pages.Fetcher[int]) iter.Seq2[int, error] {
	return pages.All(ctx, fetch, errRepeated)
}

// TestPagesFetchesPageAhead has a server that takes a second for each of five pages, and a caller who takes two.
func TestPagesFetchesPageAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		for _, err := range all(t.Context(), fiveSlowPages) {
			require.NoError(t, err)
			time.Sleep(2 * time.Second)
		}
		assert.Equal(t, (1+5*2)*time.Second, time.Since(start), "only the first page is waited for")
	})
}

// fiveSlowPages takes a second for each page, with one item.
func fiveSlowPages(ctx context.Context, token string) ([]int, string, error) {
	page, _ := strconv.Atoi(token)
	select {
	case <-ctx.Done():
		return nil, "", ctx.Err()
	case <-time.After(time.Second):
	}
	if page++; page < 5 {
		return []int{page}, strconv.Itoa(page), nil
	}
	return []int{page}, "", nil
}

// However a loop ends, nothing keeps running: a bubble of synctest waits for every goroutine in it, and no time passes.
func TestPagesFetchEndsWithLoop(t *testing.T) {
	t.Parallel()
	failing := func(ctx context.Context, token string) ([]int, string, error) {
		if token == "2" {
			return nil, "", errors.New("broken")
		}
		return fiveSlowPages(ctx, token)
	}
	for name, end := range map[string]func(ctx context.Context, cancel func()){
		"break": func(ctx context.Context, _ func()) {
			for _, err := range all(ctx, fiveSlowPages) {
				assert.NoError(t, err)
				break
			}
		},
		"panic": func(ctx context.Context, _ func()) {
			defer func() { _ = recover() }()
			for _, err := range all(ctx, fiveSlowPages) {
				panic(err)
			}
		},
		"the context ends": func(ctx context.Context, cancel func()) {
			for _, err := range all(ctx, fiveSlowPages) {
				assert.True(t, err == nil || ctx.Err() != nil)
				cancel()
			}
		},
		"an error": func(ctx context.Context, _ func()) {
			assert.EqualError(t, lastError(all(ctx, failing)), "broken")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				end(ctx, cancel)
				start := time.Now()
				synctest.Wait()
				assert.Equal(t, start, time.Now())
			})
		})
	}
}

func TestPagesPanicOfFetchReachesLoop(t *testing.T) {
	t.Parallel()
	assert.PanicsWithValue(t, "a Doer's", func() {
		_ = lastError(all(t.Context(), func(context.Context, string) ([]int, string, error) { panic("a Doer's") }))
	})
}

// Pages whose tokens go round in a circle end, wherever it begins and however long it is.
func TestPagesCycleOfTokensEnds(t *testing.T) {
	t.Parallel()
	for before := range 40 {
		for length := 1; length <= 40; length++ {
			pages := 0
			err := lastError(all(t.Context(), func(_ context.Context, token string) ([]int, string, error) {
				pages++
				page, _ := strconv.Atoi(token)
				if page++; page == before+length {
					page = before
				}
				return nil, strconv.Itoa(page), nil
			}))
			require.ErrorIs(t, err, errRepeated)
			assert.Greater(t, pages, before, "pages")
			assert.LessOrEqual(t, pages, 4*(before+length), "a circle of %d after %d pages", length, before)
		}
	}
}

// lastError walks to the end.
func lastError(items iter.Seq2[int, error]) (last error) {
	for _, err := range items {
		last = err
	}
	return last
}

// It does not run beside other tests, which take memory too.
func TestPagesTakeNoMemory(t *testing.T) {
	const last = 100_000
	before, after := uint64(0), uint64(0)
	require.NoError(t, lastError(all(t.Context(), func(_ context.Context, token string) ([]int, string, error) {
		page, _ := strconv.Atoi(strings.TrimLeft(token, "0"))
		switch page++; page {
		case 1:
			before = heap()
		case last:
			after = heap()
			return nil, "", nil
		}
		return nil, fmt.Sprintf("%0100d", page), nil
	})))
	assert.Less(t, after, before+1<<20, "bytes on the heap")
}

// heap returns the bytes that are in use.
func heap() uint64 {
	var memory runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&memory)
	return memory.HeapAlloc
}
