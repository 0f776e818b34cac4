package tracking_test

import (
	"context"
	"maps"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/tracking"
)

// TestRefusedArguments checks that what servers would silently misread never reaches one.
func TestRefusedArguments(t *testing.T) {
	t.Parallel()
	const broken = "broken \xff text"
	tests := map[string]func(context.Context, *tracking.Client) error{
		"CreateExperiment: the name is empty": func(ctx context.Context, c *tracking.Client) error {
			_, err := c.CreateExperiment(ctx, "")
			return err
		},
		"CreateExperiment: name is not valid UTF-8": func(ctx context.Context, c *tracking.Client) error {
			_, err := c.CreateExperiment(ctx, broken)
			return err
		},
		"CreateExperiment: tags is not valid UTF-8": func(ctx context.Context, c *tracking.Client) error {
			_, err := c.CreateExperiment(ctx, "iris", tracking.WithExperimentTags(map[string]string{"key": broken}))
			return err
		},
		"GetExperiment: the experiment ID is empty": func(ctx context.Context, c *tracking.Client) error {
			_, err := c.GetExperiment(ctx, "")
			return err
		},
		"GetExperiment: experiment_id is not valid UTF-8": func(ctx context.Context, c *tracking.Client) error {
			_, err := c.GetExperiment(ctx, broken)
			return err
		},
		"GetExperimentByName: the name is empty": func(ctx context.Context, c *tracking.Client) error {
			_, err := c.GetExperimentByName(ctx, "")
			return err
		},
		"GetOrCreateExperiment: the name is empty": func(ctx context.Context, c *tracking.Client) error {
			_, err := c.GetOrCreateExperiment(ctx, "")
			return err
		},
		"UpdateExperiment: the experiment ID is empty": func(ctx context.Context, c *tracking.Client) error {
			return c.UpdateExperiment(ctx, "", "renamed")
		},
		"UpdateExperiment: the new name is empty": func(ctx context.Context, c *tracking.Client) error {
			return c.UpdateExperiment(ctx, "7", "")
		},
		"DeleteExperiment: the experiment ID is empty": func(ctx context.Context, c *tracking.Client) error {
			return c.DeleteExperiment(ctx, "")
		},
		"RestoreExperiment: the experiment ID is empty": func(ctx context.Context, c *tracking.Client) error {
			return c.RestoreExperiment(ctx, "")
		},
		`SearchExperiments: unknown view type "active_only"`: func(ctx context.Context, c *tracking.Client) error {
			_, err := c.SearchExperiments(ctx, tracking.WithExperimentsViewType("active_only"))
			return err
		},
		"SetExperimentTag: the experiment ID is empty": func(ctx context.Context, c *tracking.Client) error {
			return c.SetExperimentTag(ctx, "", "key", "value")
		},
		"SetExperimentTag: the key is empty": func(ctx context.Context, c *tracking.Client) error {
			return c.SetExperimentTag(ctx, "7", "", "value")
		},
		"DeleteExperimentTag: the experiment ID is empty": func(ctx context.Context, c *tracking.Client) error {
			return c.DeleteExperimentTag(ctx, "", "key")
		},
		"DeleteExperimentTag: the key is empty": func(ctx context.Context, c *tracking.Client) error {
			return c.DeleteExperimentTag(ctx, "7", "")
		},
		"CreateRun: the experiment ID is empty": func(ctx context.Context, c *tracking.Client) error {
			_, err := c.CreateRun(ctx, "")
			return err
		},
		"CreateRun: the run name is empty": func(ctx context.Context, c *tracking.Client) error {
			_, err := c.CreateRun(ctx, "7", tracking.WithRunName(""))
			return err
		},
		"CreateRun: the parent run ID is empty": func(ctx context.Context, c *tracking.Client) error {
			_, err := c.CreateRun(ctx, "7", tracking.WithParentRun(""))
			return err
		},
		"CreateRun: the idempotency key is empty": func(ctx context.Context, c *tracking.Client) error {
			_, err := c.CreateRun(ctx, "7", tracking.WithIdempotencyKey(""))
			return err
		},
		"CreateRun: the idempotency key has both kinds of quotes, for which MLflow's filters have no escape": func(ctx context.Context, c *tracking.Client) error {
			_, err := c.CreateRun(ctx, "7", tracking.WithIdempotencyKey(`'"`))
			return err
		},
		"GetRun: the run ID is empty": func(ctx context.Context, c *tracking.Client) error {
			_, err := c.GetRun(ctx, "")
			return err
		},
		"UpdateRun: the run ID is empty": func(ctx context.Context, c *tracking.Client) error {
			_, err := c.UpdateRun(ctx, "", tracking.WithStatus(tracking.RunStatusFinished))
			return err
		},
		"UpdateRun: the run name is empty": func(ctx context.Context, c *tracking.Client) error {
			_, err := c.UpdateRun(ctx, "r1", tracking.WithRunName(""))
			return err
		},
		`UpdateRun: unknown run status "finished"`: func(ctx context.Context, c *tracking.Client) error {
			_, err := c.UpdateRun(ctx, "r1", tracking.WithStatus("finished"))
			return err
		},
		`UpdateRun: unknown run status ""`: func(ctx context.Context, c *tracking.Client) error {
			_, err := c.UpdateRun(ctx, "r1", tracking.WithStatus(""))
			return err
		},
		"SetTerminated: the run ID is empty": func(ctx context.Context, c *tracking.Client) error {
			return c.SetTerminated(ctx, "", tracking.RunStatusFinished)
		},
		`SetTerminated: the run status "RUNNING" is not final: it must be FINISHED, FAILED or KILLED`: func(ctx context.Context, c *tracking.Client) error {
			return c.SetTerminated(ctx, "r1", tracking.RunStatusRunning)
		},
		`SetTerminated: the run status "SCHEDULED" is not final: it must be FINISHED, FAILED or KILLED`: func(ctx context.Context, c *tracking.Client) error {
			return c.SetTerminated(ctx, "r1", tracking.RunStatusScheduled)
		},
		`SetTerminated: the run status "finished" is not final: it must be FINISHED, FAILED or KILLED`: func(ctx context.Context, c *tracking.Client) error {
			return c.SetTerminated(ctx, "r1", "finished")
		},
		"DeleteRun: the run ID is empty": func(ctx context.Context, c *tracking.Client) error {
			return c.DeleteRun(ctx, "")
		},
		"RestoreRun: the run ID is empty": func(ctx context.Context, c *tracking.Client) error {
			return c.RestoreRun(ctx, "")
		},
		"SearchRuns: the experiment ID is empty": func(ctx context.Context, c *tracking.Client) error {
			_, err := c.SearchRuns(ctx, []string{"7", ""})
			return err
		},
		`SearchRuns: unknown view type ""`: func(ctx context.Context, c *tracking.Client) error {
			_, err := c.SearchRuns(ctx, []string{"7"}, tracking.WithRunsViewType(""))
			return err
		},
		"LogMetric: the run ID is empty": func(ctx context.Context, c *tracking.Client) error {
			return c.LogMetric(ctx, "", "loss", 1)
		},
		"LogMetric: the key is empty": func(ctx context.Context, c *tracking.Client) error {
			return c.LogMetric(ctx, "r1", "", 1)
		},
		"LogParam: the run ID is empty": func(ctx context.Context, c *tracking.Client) error {
			return c.LogParam(ctx, "", "rate", "1")
		},
		"LogParam: the key is empty": func(ctx context.Context, c *tracking.Client) error {
			return c.LogParam(ctx, "r1", "", "1")
		},
		"LogParam: value is not valid UTF-8": func(ctx context.Context, c *tracking.Client) error {
			return c.LogParam(ctx, "r1", "rate", broken)
		},
		"SetTag: the run ID is empty": func(ctx context.Context, c *tracking.Client) error {
			return c.SetTag(ctx, "", "key", "value")
		},
		"SetTag: the key is empty": func(ctx context.Context, c *tracking.Client) error {
			return c.SetTag(ctx, "r1", "", "value")
		},
		"DeleteTag: the run ID is empty": func(ctx context.Context, c *tracking.Client) error {
			return c.DeleteTag(ctx, "", "key")
		},
		"DeleteTag: the key is empty": func(ctx context.Context, c *tracking.Client) error {
			return c.DeleteTag(ctx, "r1", "")
		},
		"LogBatch: the run ID is empty": func(ctx context.Context, c *tracking.Client) error {
			return c.LogBatch(ctx, "", nil, nil, nil)
		},
		"LogBatch: the metric key is empty": func(ctx context.Context, c *tracking.Client) error {
			return c.LogBatch(ctx, "r1", []tracking.Metric{{Value: 1}}, nil, nil)
		},
		"LogBatch: the param key is empty": func(ctx context.Context, c *tracking.Client) error {
			return c.LogBatch(ctx, "r1", nil, []tracking.Param{{Value: "1"}}, nil)
		},
		"LogBatch: the tag key is empty": func(ctx context.Context, c *tracking.Client) error {
			return c.LogBatch(ctx, "r1", nil, nil, map[string]string{"": "1"})
		},
	}
	const tooFar = "is too far from 1970 to be counted in milliseconds"
	maps.Copy(tests, map[string]func(context.Context, *tracking.Client) error{
		"CreateExperiment: the tag key is empty": func(ctx context.Context, c *tracking.Client) error {
			_, err := c.CreateExperiment(ctx, "iris", tracking.WithExperimentTags(map[string]string{"a": "1", "": "2"}))
			return err
		},
		"GetOrCreateExperiment: the tag key is empty": func(ctx context.Context, c *tracking.Client) error {
			_, err := c.GetOrCreateExperiment(ctx, "iris", tracking.WithExperimentTags(map[string]string{"": "1"}))
			return err
		},
		"CreateRun: the tag key is empty": func(ctx context.Context, c *tracking.Client) error {
			_, err := c.CreateRun(ctx, "7", tracking.WithRunTags(map[string]string{"": ""}))
			return err
		},
		"CreateRun: the start time " + tooFar: func(ctx context.Context, c *tracking.Client) error {
			_, err := c.CreateRun(ctx, "7", tracking.WithStartTime(time.Unix(math.MaxInt64, 0)), tracking.WithIdempotencyKey("k1"))
			return err
		},
		"UpdateRun: the end time " + tooFar: func(ctx context.Context, c *tracking.Client) error {
			_, err := c.UpdateRun(ctx, "r1", tracking.WithEndTime(time.UnixMilli(math.MaxInt64).Add(time.Millisecond)))
			return err
		},
		"SetTerminated: the end time " + tooFar: func(ctx context.Context, c *tracking.Client) error {
			return c.SetTerminated(ctx, "r1", tracking.RunStatusFailed, tracking.WithEndTime(time.Unix(math.MaxInt64, 0)))
		},
		"LogMetric: the timestamp " + tooFar: func(ctx context.Context, c *tracking.Client) error {
			return c.LogMetric(ctx, "r1", "loss", 1, tracking.WithTimestamp(time.UnixMilli(math.MinInt64).Add(-time.Millisecond)))
		},
		"LogBatch: the timestamp " + tooFar: func(ctx context.Context, c *tracking.Client) error {
			far := tracking.Metric{Key: "loss", Timestamp: time.Date(300_000_000, 1, 1, 0, 0, 0, 0, time.UTC)}
			return c.LogBatch(ctx, "r1", append(manyMetrics(2000), far), nil, nil)
		},
		`LogBatch: the param "p0000" is given twice`: func(ctx context.Context, c *tracking.Client) error {
			return c.LogBatch(ctx, "r1", nil, append(manyParams(250), tracking.Param{Key: "p0000", Value: "0"}), nil)
		},
	})
	for want, use := range tests {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			client := newTestServer(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
			err := use(t.Context(), client)
			require.EqualError(t, err, "mlflow: "+want)
			require.ErrorIs(t, err, tracking.ErrInvalidArgument)
			var refusal *tracking.Error
			require.ErrorAs(t, err, &refusal)
			assert.Zero(t, refusal.StatusCode)
			assert.Zero(t, refusal.Attempts)
		})
	}
}

func TestLogBatchOfNothingSendsNothing(t *testing.T) {
	t.Parallel()
	client := newTestServer(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	require.NoError(t, client.LogBatch(t.Context(), "r1", nil, []tracking.Param{}, map[string]string{}))
}

// TestTimesFirstAndLast sends the times at the ends of MLflow's count.
func TestTimesFirstAndLast(t *testing.T) {
	t.Parallel()
	for _, ms := range []int64{math.MinInt64, math.MinInt64 + 999, -1, 0, math.MaxInt64 - 999, math.MaxInt64} {
		client, stored := batching(t, 0)
		at := time.UnixMilli(ms).Add(time.Millisecond - time.Nanosecond) // in the same millisecond
		require.NoError(t, client.LogBatch(t.Context(), "r1", []tracking.Metric{{Key: "loss", Timestamp: at}}, nil, nil))
		assert.Equal(t, ms, (*stored)[0].Metrics[0].Timestamp)
	}
}
