package tracking

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// A BatchError says how far [Client.LogBatch] came: how many metrics, params and tags, from the front, are known to
// be stored. (What a [Batcher] could not log is a [BatchFailure].) Tags count in the order of their keys. To continue, log
// what is left, with the same timestamps:
//
//	var partial *tracking.BatchError
//	if errors.As(err, &partial) {
//		metrics, params = metrics[partial.Metrics:], params[partial.Params:]
//		for i := range metrics {
//			if metrics[i].Timestamp.IsZero() {
//				metrics[i].Timestamp = partial.Stamp
//			}
//		}
//		for _, key := range slices.Sorted(maps.Keys(tags))[:partial.Tags] {
//			delete(tags, key)
//		}
//	}
//
// More may be stored than is known: some or all of the request that failed. Continuing logs that again, which changes
// nothing on a server with an SQL store. A file store keeps those metrics a second time.
type BatchError struct {
	Metrics, Params, Tags int
	// Stamp is the time that LogBatch gave to metrics without a timestamp.
	Stamp time.Time
	Err   error // the [*Error] of the request that failed
}

// Error returns one line that says what is stored and what went wrong.
func (e *BatchError) Error() string {
	return fmt.Sprintf("%v (%d metrics, %d params and %d tags were stored before)", e.Err, e.Metrics, e.Params, e.Tags)
}

// Unwrap returns the error of the request that failed.
func (e *BatchError) Unwrap() error { return e.Err }

// LogBatch logs metrics, params and tags together, many times faster than one by one. It takes any number of them, and
// sends as many requests as the [BatchLimits] ask for, one after the other: params and tags first, then the metrics in
// their order. A metric without a timestamp gets the current time. Without items no request is sent.
//
// Errors: [*BatchError] when a request fails; it says what was stored before, and unwraps to the [*Error] of that
// request, which is as for [Client.LogMetric], [Client.LogParam] and [Client.SetTag]. A param that is given twice, even
// with the same value, is [ErrInvalidArgument] before anything is sent. MLflow checks a request as a whole before it
// stores any of it, but what the database refuses after that does not undo what was stored before.
//
// POST /api/2.0/mlflow/runs/log-batch
func (c *Client) LogBatch(ctx context.Context, runID string, metrics []Metric, params []Param, tags map[string]string) error {
	if err := checkBatch(runID, metrics, params, tags); err != nil {
		return err
	}
	if err := c.checkBatchLimits(params, tags); err != nil {
		return err
	}
	stored := BatchError{Stamp: time.Now()}
	rest := batch{runID, stamped(metrics, stored.Stamp), params, runTags(tags)}
	for rest.len() > 0 {
		var part batch
		part, rest = rest.cut(c.limits)
		if stored.Err = c.logPart(ctx, part, func(batch) {}); stored.Err != nil {
			return &stored
		}
		stored.Metrics += len(part.metrics)
		stored.Params += len(part.params)
		stored.Tags += len(part.tags)
	}
	return nil
}

// checkBatch refuses a batch, before any part of it is sent, for what would keep a later part from being sent.
func checkBatch(runID string, metrics []Metric, params []Param, tags map[string]string) error {
	op := logBatch.name
	if err := require(op, "run ID", runID); err != nil {
		return err
	}
	for _, m := range metrics {
		if err := requireText(op, "metric key", m.Key); err != nil {
			return err
		}
		if err := requireTime(op, "timestamp", m.Timestamp); err != nil {
			return err
		}
	}
	logged := make(map[string]bool, len(params))
	for _, p := range params {
		if err := requireText(op, "param key", p.Key, p.Value); err != nil {
			return err
		}
		if logged[p.Key] { // servers refuse it only within one request
			return invalid(op, "the param %q is given twice", p.Key)
		}
		logged[p.Key] = true
	}
	for key, value := range tags {
		if err := requireText(op, "tag key", key, value); err != nil {
			return err
		}
	}
	return nil
}

// checkBatchLimits refuses a batch that no request within the limits could hold, or whose values are too long.
func (c *Client) checkBatchLimits(params []Param, tags map[string]string) error {
	if err := c.limits.check(logBatch.name); err != nil {
		return err
	}
	for _, p := range params {
		if err := c.checkParam(logBatch.name, p.Key, p.Value); err != nil {
			return err
		}
	}
	return c.checkTags(logBatch.name, tags)
}

// stamped returns the metrics with the time now in place of no time. It leaves the caller's alone.
func stamped(metrics []Metric, now time.Time) []Metric {
	copied := false
	for i := range metrics {
		if !metrics[i].Timestamp.IsZero() {
			continue
		}
		if !copied {
			metrics, copied = slices.Clone(metrics), true
		}
		metrics[i].Timestamp = now
	}
	return metrics
}
