package tracking_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"runtime"
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

// A page responses one request for a page: the IDs it holds, and the token of the next one.
type page struct {
	ids  string
	next string
}

// searching returns a client for a server that has the given pages by their tokens, and the tokens that it was asked
// for. A missing page is an error.
func searching(t *testing.T, pages map[string]page) (client *tracking.Client, asked func() []string) {
	t.Helper()
	var tokens []string
	var mu sync.Mutex // a request that was given up may still be on the server
	client = newTestServer(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		var request struct {
			Token string `json:"page_token"`
		}
		assert.NoError(t, json.Unmarshal(body, &request))
		tokens = append(tokens, request.Token)
		found, ok := pages[request.Token]
		if !ok {
			respondWith(400, "application/json", `{"error_code": "INVALID_PARAMETER_VALUE", "message": "bad token"}`)(w, r)
			return
		}
		var runs, experiments []string
		for id := range strings.FieldsSeq(found.ids) {
			runs = append(runs, fmt.Sprintf(`{"info": {"run_id": %q}}`, id))
			experiments = append(experiments, fmt.Sprintf(`{"experiment_id": %q}`, id))
		}
		respondWith(200, "application/json", fmt.Sprintf(`{"runs": [%s], "experiments": [%s], "next_page_token": %q}`,
			strings.Join(runs, ","), strings.Join(experiments, ","), found.next))(w, r)
	})
	return client, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(tokens)
	}
}

func TestIterators(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		pages map[string]page
		want  string // IDs, and the sentinel of the error if there is one
		err   error
		asked []string
	}{
		"nothing":                {map[string]page{"": {}}, "", nil, []string{""}},
		"one page":               {map[string]page{"": {ids: "1 2"}}, "1 2", nil, []string{""}},
		"several pages":          {map[string]page{"": {"1 2", "x"}, "x": {"3 4", "y"}, "y": {"5", ""}}, "1 2 3 4 5", nil, []string{"", "x", "y"}},
		"an empty last page":     {map[string]page{"": {"1 2", "x"}, "x": {"", ""}}, "1 2", nil, []string{"", "x"}},
		"an empty page amid":     {map[string]page{"": {"1", "x"}, "x": {"", "y"}, "y": {"2", ""}}, "1 2", nil, []string{"", "x", "y"}},
		"an error midway":        {map[string]page{"": {"1 2", "x"}}, "1 2", tracking.ErrInvalidArgument, []string{"", "x"}},
		"a repeated token":       {map[string]page{"": {"1", "x"}, "x": {"2", "x"}}, "1 2", tracking.ErrUnexpectedResponse, []string{"", "x"}},
		"a repeated third token": {map[string]page{"": {"1", "x"}, "x": {"2", "y"}, "y": {"3", "z"}, "z": {"4", "z"}}, "1 2 3 4", tracking.ErrUnexpectedResponse, []string{"", "x", "y", "z"}},
		"a circle of two":        {map[string]page{"": {"1", "x"}, "x": {"2", "y"}, "y": {"3", "x"}}, "1 2 3", tracking.ErrUnexpectedResponse, []string{"", "x", "y"}},
		"a circle of three":      {map[string]page{"": {"1", "x"}, "x": {"2", "y"}, "y": {"3", "z"}, "z": {"4", "x"}}, "1 2 3 4 2 3", tracking.ErrUnexpectedResponse, []string{"", "x", "y", "z", "x", "y"}},
	}
	for name, tt := range tests {
		for kind, walk := range walks {
			t.Run(name+" of "+kind, func(t *testing.T) {
				t.Parallel()
				client, asked := searching(t, tt.pages)
				ids, err := walk(t.Context(), client, 100)
				assert.Equal(t, strings.Fields(tt.want), ids)
				if tt.err != nil {
					assertOnly(t, err, tt.err)
				} else {
					require.NoError(t, err)
				}
				assert.Equal(t, tt.asked, asked())
			})
		}
	}
}

func TestIteratorsStopWhenTheCallerBreaks(t *testing.T) {
	t.Parallel()
	for kind, walk := range walks {
		client, asked := searching(t, map[string]page{"": {"1 2", "x"}, "x": {"3", ""}})
		ids, err := walk(t.Context(), client, 2)
		require.NoError(t, err)
		assert.Equal(t, []string{"1", "2"}, ids, kind)
		assert.Subset(t, []string{"", "x"}, asked(), "the next page may be on its way: %s", kind)
	}
}

func TestIteratorsStopWhenTheContextEnds(t *testing.T) {
	t.Parallel()
	client, _ := searching(t, map[string]page{"": {"1 2", "x"}, "x": {"3", ""}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	runs := 0
	for _, err := range client.AllRuns(ctx, []string{"7"}) {
		if last = err; err == nil {
			runs++
			cancel()
		}
	}
	require.ErrorIs(t, last, context.Canceled)
	assert.Equal(t, 2, runs, "even if the next page had come before")
}

// TestIteratorsLeaveOptionsAlone walks twice with the same options and iterator, and from a token of the caller's own.
func TestIteratorsLeaveOptionsAlone(t *testing.T) {
	t.Parallel()
	client, asked := searching(t, map[string]page{"": {"1", "x"}, "x": {"2", "y"}, "y": {"3", ""}})
	options := make([]tracking.SearchRunsOption, 1, 8)
	options[0] = tracking.WithRunsPageToken("x")
	all := client.AllRuns(t.Context(), []string{"7"}, options...)
	for range 2 {
		var ids []string
		for run, err := range all {
			require.NoError(t, err)
			ids = append(ids, run.Info.RunID)
		}
		assert.Equal(t, []string{"2", "3"}, ids)
	}
	assert.Equal(t, []string{"x", "y", "x", "y"}, asked())
	assert.Nil(t, options[:2][1], "the caller's array has not been written to")
}

// TestPagesFetchesPageAhead has a server that takes a second for each of five pages, and a caller who takes two.
func TestPagesFetchesPageAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		for _, err := range tracking.AllPages(t.Context(), fiveSlowPages) {
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
			for _, err := range tracking.AllPages(ctx, fiveSlowPages) {
				assert.NoError(t, err)
				break
			}
		},
		"panic": func(ctx context.Context, _ func()) {
			defer func() { _ = recover() }()
			for _, err := range tracking.AllPages(ctx, fiveSlowPages) {
				panic(err)
			}
		},
		"the context ends": func(ctx context.Context, cancel func()) {
			for _, err := range tracking.AllPages(ctx, fiveSlowPages) {
				assert.True(t, err == nil || ctx.Err() != nil)
				cancel()
			}
		},
		"an error": func(ctx context.Context, _ func()) {
			assert.EqualError(t, lastError(tracking.AllPages(ctx, failing)), "broken")
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
		_ = lastError(tracking.AllPages(t.Context(), func(context.Context, string) ([]int, string, error) { panic("a Doer's") }))
	})
}

// Pages whose tokens go round in a circle end, wherever it begins and however long it is.
func TestPagesCycleOfTokensEnds(t *testing.T) {
	t.Parallel()
	for before := range 40 {
		for length := 1; length <= 40; length++ {
			pages := 0
			err := lastError(tracking.AllPages(t.Context(), func(_ context.Context, token string) ([]int, string, error) {
				pages++
				page, _ := strconv.Atoi(token)
				if page++; page == before+length {
					page = before
				}
				return nil, strconv.Itoa(page), nil
			}))
			require.ErrorIs(t, err, tracking.ErrUnexpectedResponse)
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
	require.NoError(t, lastError(tracking.AllPages(t.Context(), func(_ context.Context, token string) ([]int, string, error) {
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

// walks are the iterators, each as a function that stops after some items.
var walks = map[string]func(ctx context.Context, c *tracking.Client, most int) ([]string, error){
	"runs": func(ctx context.Context, c *tracking.Client, most int) ([]string, error) {
		ids := []string{}
		for run, err := range c.AllRuns(ctx, []string{"7"}) {
			if err != nil {
				return ids, err
			}
			if ids = append(ids, run.Info.RunID); len(ids) == most {
				break
			}
		}
		return ids, nil
	},
	"experiments": func(ctx context.Context, c *tracking.Client, most int) ([]string, error) {
		ids := []string{}
		for experiment, err := range c.AllExperiments(ctx) {
			if err != nil {
				return ids, err
			}
			if ids = append(ids, experiment.ID); len(ids) == most {
				break
			}
		}
		return ids, nil
	},
}
