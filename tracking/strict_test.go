package tracking_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/tracking"
)

// doerFunc is a Doer that lets a handler respond.
type doerFunc http.HandlerFunc

func (f doerFunc) Do(request *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	f(recorder, request)
	return recorder.Result(), nil
}

// newCountingClient returns a client made without package mlflow, and counts its requests.
func newCountingClient(config tracking.Config) (*tracking.Client, *int) {
	requests := new(int)
	doer := doerFunc(func(w http.ResponseWriter, _ *http.Request) {
		*requests++
		fmt.Fprint(w, "{}")
	})
	return tracking.NewClient(&url.URL{Scheme: "http", Host: "mlflow.test"}, doer, config), requests
}

func TestStrictLengths(t *testing.T) {
	t.Parallel()
	param, tag := strings.Repeat("ü", 6000), strings.Repeat("ü", 8000)
	for name, call := range map[string]func(ctx context.Context, c *tracking.Client, more string) error{
		"LogParam": func(ctx context.Context, c *tracking.Client, more string) error {
			return c.LogParam(ctx, "r", "long", param+more)
		},
		"SetTag": func(ctx context.Context, c *tracking.Client, more string) error {
			return c.SetTag(ctx, "r", "long", tag+more)
		},
		"a param in LogBatch": func(ctx context.Context, c *tracking.Client, more string) error {
			params := []tracking.Param{{Key: "a", Value: "1"}, {Key: "long", Value: param + more}}
			return c.LogBatch(ctx, "r", make([]tracking.Metric, 0), params, nil)
		},
		"a tag in LogBatch": func(ctx context.Context, c *tracking.Client, more string) error {
			return c.LogBatch(ctx, "r", nil, []tracking.Param{{Key: "a", Value: "1"}}, map[string]string{"long": tag + more})
		},
		"CreateRun": func(ctx context.Context, c *tracking.Client, more string) error {
			_, err := c.CreateRun(ctx, "1", tracking.WithRunTags(map[string]string{"long": tag + more}))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, requests := newCountingClient(tracking.Config{StrictLengths: true})
			err := call(t.Context(), client, "x")
			require.ErrorIs(t, err, tracking.ErrInvalidArgument)
			assert.ErrorContains(t, err, `"long" has `)
			assert.NotContains(t, err.Error(), "ü", "values are not quoted")
			assert.Zero(t, *requests)

			assert.NotErrorIs(t, call(t.Context(), client, ""), tracking.ErrInvalidArgument, "what just fits")
			assert.Equal(t, 1, *requests)

			client, requests = newCountingClient(tracking.Config{})
			assert.NotErrorIs(t, call(t.Context(), client, "x"), tracking.ErrInvalidArgument, "without the option")
			assert.Equal(t, 1, *requests)
		})
	}
}

func TestWithStrictLengths(t *testing.T) {
	t.Parallel()
	client := newClient(t, mlflow.WithTrackingURI("http://mlflow.test"), mlflow.WithStrictLengths())
	err := client.LogParam(t.Context(), "r", "long", strings.Repeat("x", 6001))
	require.ErrorIs(t, err, mlflow.ErrInvalidArgument)
	assert.EqualError(t, err, `mlflow: LogParam: the value of the param "long" has 6001 characters, and servers keep no more than 6000`)
}

// mlflow.NewClient refuses them, and tracking.NewClient has no error to do so with.
func TestNegativeBatchLimitsAreRefusedByLogBatch(t *testing.T) {
	t.Parallel()
	for name, limits := range map[string]tracking.BatchLimits{
		"Metrics": {Metrics: -1}, "Params": {Params: -1}, "Tags": {Tags: -1}, "Items": {Items: -1}, "Bytes": {Bytes: -1},
	} {
		client, requests := newCountingClient(tracking.Config{BatchLimits: limits})
		err := client.LogBatch(t.Context(), "r", []tracking.Metric{{Key: "m"}}, []tracking.Param{{Key: "p"}}, map[string]string{"t": ""})
		require.ErrorIs(t, err, tracking.ErrInvalidArgument)
		assert.EqualError(t, err, "mlflow: LogBatch: BatchLimits."+name+" is negative")
		assert.Zero(t, *requests)
	}
}
