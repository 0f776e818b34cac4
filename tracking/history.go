package tracking

import (
	"context"
	"iter"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"

	"github.com/mlflow-go/mlflow/gen"
	"github.com/mlflow-go/mlflow/internal/failure"
)

// defaultHistoryPageSize is what Python's client requests. A page of that size has 2.5 MB, and takes a server a second.
const defaultHistoryPageSize = 25000

// maxEmptyPages limits the empty pages in a row that are followed. MLflow 3.1.1 to 3.13 respond to a request without a
// page size with one after the other, and something in front of them may drop it.
const maxEmptyPages = 10

// GetMetricHistory returns all values that a metric of a run had, in the server's order. Servers with an SQL store sort
// them by timestamp, then step, then value, from MLflow 3.1.1 on; before, and with a file store, they usually come in the
// order in which they were logged.
//
// A metric that was never logged has an empty history. So does a missing run on most servers with an SQL store, which
// respond to both alike: call [Client.GetRun] to tell them apart. Servers with a file store, and those with workspaces,
// respond with [ErrNotFound] for a missing run.
//
// The history is requested in pages of 25,000 values, or as [WithHistoryPageSize] says. If values are logged meanwhile
// that the order puts before a page, the next page repeats some. MLflow before 3.1.1 sends everything in one response;
// its front end, gunicorn, gives up on a response that takes more than 30 seconds to prepare, so that a very long history
// cannot be read. [Client.AllMetrics] reads a history that need not fit into memory, and [Client.SampleMetricHistory] a
// part of it that is enough for a chart.
//
// Errors: [ErrNotFound] for a missing run, on some servers; [ErrInvalidArgument] for a page size below 1.
//
// GET /api/2.0/mlflow/metrics/get-history
func (c *Client) GetMetricHistory(ctx context.Context, runID, key string, opts ...MetricHistoryOption) ([]Metric, error) {
	history := []Metric{}
	for metric, err := range c.allMetrics(ctx, getMetricHistory.name, runID, key, opts) {
		if err != nil {
			return nil, err
		}
		history = append(history, metric)
	}
	return history, nil
}

// AllMetrics returns an iterator over all values that a metric of a run had, as [Client.GetMetricHistory] describes them.
// It holds two pages in memory at most, as it fetches one while you work on another, except that MLflow before 3.1.1 sends
// everything in one response. On an error the
// iterator yields the error once, with a zero Metric, and stops.
//
// GET /api/2.0/mlflow/metrics/get-history
func (c *Client) AllMetrics(ctx context.Context, runID, key string, opts ...MetricHistoryOption) iter.Seq2[Metric, error] {
	return c.allMetrics(ctx, "AllMetrics", runID, key, slices.Clone(opts))
}

// allMetrics is AllMetrics for a method of the given name.
func (c *Client) allMetrics(ctx context.Context, method, runID, key string, opts []MetricHistoryOption) iter.Seq2[Metric, error] {
	s := metricHistorySettings{pageSize: defaultHistoryPageSize}
	for _, option := range opts {
		option.applyToMetricHistory(&s)
	}
	return func(yield func(Metric, error) bool) {
		emptyPages := 0 // in a row
		pages := allPages(ctx, method, func(ctx context.Context, token string) ([]Metric, string, error) {
			page, err := c.metricHistoryPage(ctx, runID, key, s.pageSize, token)
			if err != nil {
				return nil, "", err
			}
			if emptyPages++; len(page.metrics) > 0 {
				emptyPages = 0
			}
			if emptyPages > maxEmptyPages && page.nextPageToken != "" {
				return nil, "", failure.Unexpected(method, http.StatusOK, "the server sends one empty page after the other")
			}
			return page.metrics, page.nextPageToken, nil
		})
		pages(yield)
	}
}

// A metricPage is one page of a metric's history.
type metricPage struct {
	metrics       []Metric
	nextPageToken string
}

func (c *Client) metricHistoryPage(ctx context.Context, runID, key string, size int, token string) (metricPage, error) {
	if err := require(getMetricHistory.name, "run ID", runID, "key", key); err != nil {
		return metricPage{}, err
	}
	if size < 1 || int64(size) > math.MaxInt32 {
		// Servers take a number that is too large for none, which MLflow 3.1.1 to 3.13 respond to with nothing, for ever.
		return metricPage{}, invalid(getMetricHistory.name, "the page size is %d, and not between 1 and %d", size, math.MaxInt32)
	}
	return send(ctx, c, getMetricHistory, &gen.GetMetricHistoryParams{
		RunID: runID, MetricKey: key, MaxResults: int32(size), PageToken: token,
	}, toMetricPage)
}

const (
	// maxSampledRuns is how many runs a server accepts in one request.
	maxSampledRuns = 100
	// maxSampleQuery leaves something of gunicorn's 4094 bytes to the path, which may have that of the tracking URI before
	// it.
	maxSampleQuery = 3500
)

// SampleMetricHistory returns some of the values that a metric had in each of the given runs, by run ID: what a chart
// needs. They are spread over the whole history or over [WithStepRange], and at most 2500 for each run, or as many as
// [WithMaxPoints] says; a history that has no more is complete. The first and the last value are always among them,
// except that SQL stores from MLflow 3.15 on return only the last one if no more than one is wanted. The values of a run
// are sorted by step, then timestamp, then value.
//
// MLflow before 3.15, and a file store of any release, leave out negative steps, unless WithStepRange asks for them. They
// choose steps rather than values, the same for all runs of a request, and return each value of a chosen step, which can
// be more than were asked for.
//
// Runs that have no value of the metric are not in the map, and neither are missing runs, except that servers with a
// file store respond with [ErrNotFound]. Any number of runs may be given; up to 100 go into one request. Without run IDs
// nothing is sent. [Client.GetMetricHistory] returns all values.
//
// Errors: [ErrUnsupported] before MLflow 2.11; [ErrInvalidArgument] for a number of points above 2500 or below 1, and for
// a range that ends before it begins.
//
// GET /api/2.0/mlflow/metrics/get-history-bulk-interval
func (c *Client) SampleMetricHistory(
	ctx context.Context, runIDs []string, key string, opts ...SampleOption,
) (map[string][]Metric, error) {
	var s sampleSettings
	for _, option := range opts {
		option.applyToSample(&s)
	}
	if err := requireSample(runIDs, key, s.maxPoints); err != nil {
		return nil, err
	}
	samples := make(map[string][]Metric)
	for _, ids := range sampleRequests(distinct(runIDs), key) {
		byRun, err := send(ctx, c, sampleMetricHistory, &gen.SampleMetricHistoryParams{
			RunIDs: ids, MetricKey: key, StartStep: s.first, EndStep: s.last, MaxResults: s.maxPoints,
		}, toMetricsByRun)
		if err != nil {
			return nil, err
		}
		maps.Copy(samples, byRun)
	}
	return samples, nil
}

func requireSample(runIDs []string, key string, maxPoints *int) error {
	for _, id := range runIDs {
		if err := require(sampleMetricHistory.name, "run ID", id); err != nil {
			return err
		}
	}
	if maxPoints != nil && *maxPoints < 1 {
		return invalid(sampleMetricHistory.name, "the number of points is %d", *maxPoints)
	}
	return require(sampleMetricHistory.name, "key", key)
}

// sampleRequests divides runs among requests that servers accept. gunicorn, the front end before MLflow 3.3, refuses a
// request line of more than 4094 bytes, which is less than 100 run IDs take.
func sampleRequests(runIDs []string, key string) [][]string {
	const others = "metric_key=&start_step=-9223372036854775808&end_step=-9223372036854775808&max_results=9223372036854775807"
	var requests [][]string
	empty := len(others) + len(url.QueryEscape(key))
	size, begin := empty, 0
	for i, id := range runIDs {
		length := len("run_ids=&") + len(url.QueryEscape(id))
		if i > begin && (size+length > maxSampleQuery || i-begin == maxSampledRuns) {
			requests = append(requests, runIDs[begin:i])
			size, begin = empty, i
		}
		size += length
	}
	if begin < len(runIDs) {
		requests = append(requests, runIDs[begin:])
	}
	return requests
}

// distinct returns the texts in their order, without those that occurred before.
func distinct(texts []string) []string {
	seen := make(map[string]bool)
	return slices.DeleteFunc(slices.Clone(texts), func(text string) bool {
		before := seen[text]
		seen[text] = true
		return before
	})
}
