package tracking

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mlflow-go/mlflow/gen"
	"github.com/mlflow-go/mlflow/internal/wire"
)

// BatchLimits limit what [Client.LogBatch] puts into one request. A zero field stands for the default, which is
// MLflow's own limit.
type BatchLimits struct {
	Metrics int // 1000 by default
	Params  int // 100 by default
	Tags    int // 100 by default
	// Items limits metrics, params and tags together; 1000 by default.
	Items int
	// Bytes limits the size of the request's body, 900,000 by default: hosts refuse more than 1 MB. An item that is too
	// large by itself is sent alone.
	Bytes int
}

var defaultBatchLimits = BatchLimits{Metrics: 1000, Params: 100, Tags: 100, Items: 1000, Bytes: 900_000}

// orDefault returns the limits with the defaults in place of zeros.
func (l BatchLimits) orDefault() BatchLimits {
	return BatchLimits{
		Metrics: cmp.Or(l.Metrics, defaultBatchLimits.Metrics),
		Params:  cmp.Or(l.Params, defaultBatchLimits.Params),
		Tags:    cmp.Or(l.Tags, defaultBatchLimits.Tags),
		Items:   cmp.Or(l.Items, defaultBatchLimits.Items),
		Bytes:   cmp.Or(l.Bytes, defaultBatchLimits.Bytes),
	}
}

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

// sendPart sends what goes into one request.
func (c *Client) sendPart(ctx context.Context, part batch) error {
	op := logBatch
	if slices.ContainsFunc(part.metrics, isNaN) {
		op.finalRefusal = duplicatePoint
	}
	list, _ := metricLists.Get().(*[]gen.Metric)
	*list = fromMetrics((*list)[:0], part.metrics)
	err := do(ctx, c, op, gen.LogBatchRequest{
		RunID: part.runID, Metrics: *list, Params: fromParams(part.params), Tags: part.tags,
	})
	clear(*list) // of the caller's strings
	if len(*list) <= defaultBatchLimits.Metrics {
		metricLists.Put(list)
	}
	if err == nil {
		c.warnAllTruncated(ctx, part)
	}
	return err
}

// metricLists is memory for the metrics of requests, which nobody looks at once they are JSON.
var metricLists = sync.Pool{New: func() any { return new([]gen.Metric) }}

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

// warnAllTruncated logs a warning for each value of a stored batch that the server may have cut.
func (c *Client) warnAllTruncated(ctx context.Context, stored batch) {
	for _, p := range stored.params {
		c.warnTruncated(ctx, logBatch.name, p.Key, p.Value, maxParamValue)
	}
	for _, tag := range stored.tags {
		c.warnTruncated(ctx, logBatch.name, tag.Key, tag.Value, maxTagValue)
	}
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

// A batch is what is left to log.
type batch struct {
	runID   string
	metrics []Metric
	params  []Param
	tags    []gen.RunTag
}

func (b batch) len() int { return len(b.metrics) + len(b.params) + len(b.tags) }

// cut returns as much of the front of a batch as the limits allow in one request, and the rest. No metric comes before
// the last param and tag.
func (b batch) cut(limits BatchLimits) (part, rest batch) {
	frame := wire.Size((&gen.LogBatchRequest{RunID: b.runID}).AppendJSON)
	left := budget{items: limits.Items, bytes: limits.Bytes - frame, surelyFits: frame+b.atMost(limits) <= limits.Bytes}
	params := left.fit(limits.Params, len(b.params), func(i int) int {
		param := gen.Param(b.params[i])
		return wire.Size(param.AppendJSON)
	})
	tags := left.fit(limits.Tags, len(b.tags), func(i int) int { return wire.Size(b.tags[i].AppendJSON) })
	metrics := 0
	if params == len(b.params) && tags == len(b.tags) {
		metrics = left.fit(limits.Metrics, len(b.metrics), func(i int) int {
			metric := fromMetric(b.metrics[i])
			return wire.Size(metric.AppendJSON)
		})
	}
	part = batch{b.runID, b.metrics[:metrics], b.params[:params], b.tags[:tags]}
	rest = batch{b.runID, b.metrics[metrics:], b.params[params:], b.tags[tags:]}
	return part, rest
}

// atMost returns a size, in bytes, that the next request's items do not exceed.
func (b batch) atMost(limits BatchLimits) int {
	const (
		perByte = len(`\u0000`) // of text
		perItem = 128           // for its names, its numbers and what is around them
	)
	size := 0
	for _, p := range b.params[:min(limits.Params, len(b.params))] {
		size += perItem + perByte*(len(p.Key)+len(p.Value))
	}
	for _, tag := range b.tags[:min(limits.Tags, len(b.tags))] {
		size += perItem + perByte*(len(tag.Key)+len(tag.Value))
	}
	for _, m := range b.metrics[:min(limits.Metrics, len(b.metrics))] {
		size += perItem + perByte*len(m.Key)
	}
	return size
}

// budget is what is left of a request.
type budget struct {
	items, bytes int
	surelyFits   bool // whatever the items are, they are within the bytes
	taken        int
}

// fit returns how many of n items, but no more than limit, fit. The first item of a request always does.
func (s *budget) fit(limit, n int, size func(int) int) int {
	limit = min(limit, n, s.items)
	if s.surelyFits {
		s.items -= limit
		return limit
	}
	count := 0
	for ; count < limit; count++ {
		bytes := size(count) + len(",")
		if bytes > s.bytes && s.taken > 0 {
			break
		}
		s.items--
		s.bytes -= bytes
		s.taken++
	}
	return count
}
