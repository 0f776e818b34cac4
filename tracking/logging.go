package tracking

import (
	"context"
	"time"

	"github.com/mlflow-go/mlflow/gen"
	"github.com/mlflow-go/mlflow/internal/wire"
)

// LogMetric logs one value of a metric, by default at step 0 with the current time. The value may be NaN or infinite.
// Logging the same key, value, step and timestamp again changes nothing on servers with an SQL store, but adds a second
// point on servers with a file store.
//
// Errors: [ErrNotFound] for a missing run; [ErrInvalidArgument] for a deleted run, a key of more than 250 characters
// or with characters that MLflow doesn't allow in keys, and a time before 1970 or beyond the count of milliseconds in an
// int64.
//
// POST /api/2.0/mlflow/runs/log-metric
func (c *Client) LogMetric(ctx context.Context, runID, key string, value float64, opts ...LogMetricOption) error {
	metric := Metric{Key: key, Value: value}
	for _, option := range opts {
		option.applyToLogMetric(&metric)
	}
	if err := require(logMetric.name, "run ID", runID, "key", key); err != nil {
		return err
	}
	if err := requireTime(logMetric.name, "timestamp", metric.Timestamp); err != nil {
		return err
	}
	metric.Timestamp = orNow(metric.Timestamp, time.Now())
	op := logMetric
	if isNaN(metric) {
		op.finalRefusal = duplicatePoint
	}
	err := do(ctx, c, op, gen.LogMetricRequest{
		RunID: runID, Key: key, Value: wire.Float64(value), Timestamp: toMillis(metric.Timestamp), Step: wire.Int64(metric.Step),
	})
	if isNaN(metric) && isStored(err) {
		return nil
	}
	return err
}

// LogParam logs a param. The value of a param cannot change: logging the same value again does nothing, and servers
// refuse another value. If a value has more than 6,000 characters, MLflow 2.11 and later store only the first 6,000,
// and older servers refuse it. The client logs a warning, or refuses the value if [Config] has StrictLengths.
//
// Errors: [ErrNotFound] for a missing run; [ErrInvalidArgument] for a deleted run, for a value other than the one
// logged before, and for a key of more than 250 characters or with characters that MLflow doesn't allow in keys.
//
// POST /api/2.0/mlflow/runs/log-parameter
func (c *Client) LogParam(ctx context.Context, runID, key, value string) error {
	if err := require(logParam.name, "run ID", runID, "key", key); err != nil {
		return err
	}
	if err := c.checkParam(logParam.name, key, value); err != nil {
		return err
	}
	err := do(ctx, c, logParam, gen.LogParamRequest{RunID: runID, Key: key, Value: value})
	if err == nil {
		c.warnTruncated(ctx, logParam.name, key, value, maxParamValue)
	}
	return err
}

// SetTag sets a tag of a run and replaces any earlier value. Setting [TagRunName] renames the run. If a value has
// more than 8,000 characters (5,000 before MLflow 2.17), MLflow 2.11 and later store only its beginning, and older
// servers refuse it. The client logs a warning, or refuses a value of more than 8,000 characters if [Config] has
// StrictLengths.
//
// Errors: [ErrNotFound] for a missing run; [ErrInvalidArgument] for a deleted run, and for a key of more than 250
// characters or with characters that MLflow doesn't allow in keys.
//
// POST /api/2.0/mlflow/runs/set-tag
func (c *Client) SetTag(ctx context.Context, runID, key, value string) error {
	if err := require(setTag.name, "run ID", runID, "key", key); err != nil {
		return err
	}
	if err := c.checkTag(setTag.name, key, value); err != nil {
		return err
	}
	err := do(ctx, c, setTag, gen.SetTagRequest{RunID: runID, Key: key, Value: value})
	if err == nil {
		c.warnTruncated(ctx, setTag.name, key, value, maxTagValue)
	}
	return err
}

// DeleteTag deletes a tag of a run.
//
// Errors: [ErrNotFound] for a missing run or a missing tag; [ErrInvalidArgument] for a deleted run.
//
// POST /api/2.0/mlflow/runs/delete-tag
func (c *Client) DeleteTag(ctx context.Context, runID, key string) error {
	if err := require(deleteTag.name, "run ID", runID, "key", key); err != nil {
		return err
	}
	return do(ctx, c, deleteTag, gen.DeleteTagRequest{RunID: runID, Key: key})
}
