package tracking

import (
	"context"
	"time"

	"github.com/mlflow-go/mlflow/gen"
)

// LogMetric logs one value of a metric, by default for step 0 and now. The value may be NaN or infinite. Logging the
// same key, value, step and timestamp again changes nothing on a server with an SQL store, and adds a second point on
// one with a file store.
//
// Errors: [ErrNotFound] for a missing run; [ErrInvalidArgument] for a deleted run, a key of more than 250 characters
// or with characters that MLflow doesn't allow in one, and a time before 1970.
//
// POST /api/2.0/mlflow/runs/log-metric
func (c *Client) LogMetric(ctx context.Context, runID, key string, value float64, opts ...LogMetricOption) error {
	const op = "LogMetric"
	metric := Metric{Key: key, Value: value}
	for _, option := range opts {
		option.applyToLogMetric(&metric)
	}
	if err := require(op, "run ID", runID, "key", key); err != nil {
		return err
	}
	metric.Timestamp = orNow(metric.Timestamp, time.Now())
	point := wireMetric(metric)
	return do(ctx, op, c.api.LogMetric, gen.LogMetricRequest{
		RunID: runID, Key: point.Key, Value: point.Value, Timestamp: point.Timestamp, Step: point.Step,
	})
}

// LogParam logs a param. Its value cannot change: logging the same one again does nothing, another one is refused. Of
// a value of more than 6,000 characters, MLflow 2.11 and later store the first 6,000; older servers refuse it.
//
// Errors: [ErrNotFound] for a missing run; [ErrInvalidArgument] for a deleted run, another value than the one logged
// before, and a key of more than 250 characters or with characters that MLflow doesn't allow in one.
//
// POST /api/2.0/mlflow/runs/log-parameter
func (c *Client) LogParam(ctx context.Context, runID, key, value string) error {
	const op = "LogParam"
	if err := require(op, "run ID", runID, "key", key); err != nil {
		return err
	}
	return do(ctx, op, c.api.LogParam, gen.LogParamRequest{RunID: runID, Key: key, Value: value})
}

// SetTag sets a tag of a run, over any earlier value. Setting "mlflow.runName" renames the run. Of a value of more than
// 8,000 characters (5,000 before MLflow 2.17), MLflow 2.11 and later store the beginning; older servers refuse it.
//
// Errors: [ErrNotFound] for a missing run; [ErrInvalidArgument] for a deleted run, and for a key of more than 250
// characters or with characters that MLflow doesn't allow in one.
//
// POST /api/2.0/mlflow/runs/set-tag
func (c *Client) SetTag(ctx context.Context, runID, key, value string) error {
	const op = "SetTag"
	if err := require(op, "run ID", runID, "key", key); err != nil {
		return err
	}
	return do(ctx, op, c.api.SetTag, gen.SetTagRequest{RunID: runID, Key: key, Value: value})
}

// DeleteTag deletes a tag of a run.
//
// Errors: [ErrNotFound] for a missing run or a missing tag; [ErrInvalidArgument] for a deleted run.
//
// POST /api/2.0/mlflow/runs/delete-tag
func (c *Client) DeleteTag(ctx context.Context, runID, key string) error {
	const op = "DeleteTag"
	if err := require(op, "run ID", runID, "key", key); err != nil {
		return err
	}
	return do(ctx, op, c.api.DeleteTag, gen.DeleteTagRequest{RunID: runID, Key: key})
}

// LogBatch logs metrics, params and tags together, many times faster than one by one. A metric without a timestamp is
// logged as of now. Nothing to log sends nothing.
//
// Errors: as for [Client.LogMetric], [Client.LogParam] and [Client.SetTag]; [ErrInvalidArgument] also for a param that
// is given twice, even with the same value. A batch is checked as a whole before any of it is stored, but what the
// database refuses after that does not undo what was stored before.
//
// POST /api/2.0/mlflow/runs/log-batch
func (c *Client) LogBatch(ctx context.Context, runID string, metrics []Metric, params []Param, tags map[string]string) error {
	const op = "LogBatch"
	if err := require(op, "run ID", runID); err != nil {
		return err
	}
	for _, metric := range metrics {
		if err := require(op, "metric key", metric.Key); err != nil {
			return err
		}
	}
	for _, param := range params {
		if err := require(op, "param key", param.Key); err != nil {
			return err
		}
	}
	for key := range tags {
		if err := require(op, "tag key", key); err != nil {
			return err
		}
	}
	if len(metrics)+len(params)+len(tags) == 0 {
		return nil
	}
	return do(ctx, op, c.api.LogBatch, gen.LogBatchRequest{
		RunID:   runID,
		Metrics: wireMetrics(metrics, time.Now()),
		Params:  wireParams(params),
		Tags:    runTags(tags),
	})
}
