package tracking

import (
	"context"
	"slices"
	"sync"

	"github.com/mlflow-go/mlflow/gen"
	"github.com/mlflow-go/mlflow/internal/wire"
)

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

// warnAllTruncated logs a warning for each value of a stored batch that the server may have cut.
func (c *Client) warnAllTruncated(ctx context.Context, stored batch) {
	for _, p := range stored.params {
		c.warnTruncated(ctx, logBatch.name, p.Key, p.Value, maxParamValue)
	}
	for _, tag := range stored.tags {
		c.warnTruncated(ctx, logBatch.name, tag.Key, tag.Value, maxTagValue)
	}
}
