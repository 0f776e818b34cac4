package tracking_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/mlflow-go/mlflow/tracking"
)

// TestTheResponseMustBeAboutWhatWasAsked plays servers, or proxies with a cache, that tell of something else.
func TestTheResponseMustBeAboutWhatWasAsked(t *testing.T) {
	t.Parallel()
	getRun := func(ctx context.Context, c *tracking.Client) error { _, err := c.GetRun(ctx, "r1"); return err }
	create := func(opts ...tracking.CreateRunOption) func(context.Context, *tracking.Client) error {
		return func(ctx context.Context, c *tracking.Client) error {
			_, err := c.CreateRun(ctx, "7", opts...)
			return err
		}
	}
	update := func(opts ...tracking.UpdateRunOption) func(context.Context, *tracking.Client) error {
		return func(ctx context.Context, c *tracking.Client) error {
			_, err := c.UpdateRun(ctx, "r1", opts...)
			return err
		}
	}
	experiment := func(id string) func(context.Context, *tracking.Client) error {
		return func(ctx context.Context, c *tracking.Client) error { _, err := c.GetExperiment(ctx, id); return err }
	}
	named := func(ctx context.Context, c *tracking.Client) error {
		_, err := c.GetExperimentByName(ctx, "iris")
		return err
	}
	tags := tracking.WithRunTags(map[string]string{"a": "1"})
	end := tracking.WithEndTime(time.UnixMilli(1704067200123))
	for name, test := range map[string]struct {
		use   func(context.Context, *tracking.Client) error
		reply string
		ok    bool
	}{
		"another run":               {getRun, `{"run": {"info": {"run_id": "r2"}}}`, false},
		"the run, in capitals":      {getRun, `{"run": {"info": {"run_id": "R1"}}}`, true},
		"another experiment":        {experiment("7"), `{"experiment": {"experiment_id": "8"}}`, false},
		"the experiment, as number": {experiment("007"), `{"experiment": {"experiment_id": "7"}}`, true},
		"an experiment in words":    {experiment("seven"), `{"experiment": {"experiment_id": "7"}}`, false},
		"another name":              {named, `{"experiment": {"experiment_id": "7", "name": "mnist"}}`, false},
		"a run of another experiment": {
			create(), `{"run": {"info": {"run_id": "r1", "experiment_id": "8"}}}`, false,
		},
		"a run of another name": {
			create(tracking.WithRunName("a")), `{"run": {"info": {"run_id": "r1", "experiment_id": "7", "run_name": "b"}}}`, false,
		},
		"a run without its tags": {create(tags), `{"run": {"info": {"run_id": "r1", "experiment_id": "7"}}}`, false},
		"a run with another tag": {
			create(tags),
			`{"run": {"info": {"run_id": "r1", "experiment_id": "7"}, "data": {"tags": [{"key": "a", "value": "2"}]}}}`, false,
		},
		"a run with its tags": {
			create(tags),
			`{"run": {"info": {"run_id": "r1", "experiment_id": "7"}, "data": {"tags": [{"key": "a", "value": "1"}]}}}`, true,
		},
		"an update of another run": {update(), `{"run_info": {"run_id": "r2"}}`, false},
		"an update that kept the name": {
			update(tracking.WithRunName("b")), `{"run_info": {"run_id": "r1", "run_name": "a"}}`, false,
		},
		"an update that lacks the end time": {update(end), `{"run_info": {"run_id": "r1"}}`, false},
		"an update with another end time":   {update(end), `{"run_info": {"run_id": "r1", "end_time": 1704067200124}}`, false},
		"an update with the end time":       {update(end), `{"run_info": {"run_id": "r1", "end_time": 1704067200123}}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := test.use(t.Context(), newTestServer(t, respondWith(200, "application/json", test.reply)))
			if test.ok {
				assert.NoError(t, err)
			} else {
				assertOnly(t, err, tracking.ErrUnexpectedResponse)
			}
		})
	}
}
