package tracking_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

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
