package tracking_test

import (
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/tracking"
)

// A sentBody is the size of a request, and the number of items in it.
type sentBody struct{ bytes, items int }

// bodiesOf returns the requests that LogBatch makes of a batch.
func bodiesOf(t *testing.T, limit int, runID string, metrics []tracking.Metric, params []tracking.Param, tags map[string]string) []sentBody {
	t.Helper()
	var sent []sentBody
	server := doerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		sent = append(sent, sentBody{len(body), strings.Count(string(body), `{"key":`)})
		respondWith(200, "application/json", `{}`)(w, r)
	})
	config := tracking.Config{BatchLimits: tracking.BatchLimits{Bytes: limit}}
	client := tracking.NewClient(&url.URL{Scheme: "http", Host: "mlflow.test"}, server, config)
	require.NoError(t, client.LogBatch(t.Context(), runID, metrics, params, tags))
	return sent
}

// assertBounded checks that a request is within the limit unless it holds a single item, and that all items are sent.
func assertBounded(t *testing.T, limit, items int, sent []sentBody) {
	t.Helper()
	total := 0
	for _, body := range sent {
		total += body.items
		if body.items > 1 {
			assert.LessOrEqual(t, body.bytes, limit)
		}
	}
	assert.Equal(t, items, total)
}

// TestBatchesAroundTheLimit tries limits around the size of a whole batch, with run IDs short and long.
func TestBatchesAroundTheLimit(t *testing.T) {
	t.Parallel()
	longest := tracking.Metric{
		Key: "<loss>", Value: -math.SmallestNonzeroFloat64, Timestamp: time.UnixMilli(math.MinInt64), Step: math.MinInt64,
	}
	for _, runID := range []string{"r", strings.Repeat("<&", 128)} {
		for name, batch := range map[string]struct {
			metrics []tracking.Metric
			params  []tracking.Param
			tags    map[string]string
		}{
			"params":       {params: manyParams(20)},
			"tags":         {tags: manyTags(20)},
			"metrics":      {metrics: manyMetrics(20)},
			"longest":      {metrics: []tracking.Metric{longest, longest, longest}},
			"some of each": {manyMetrics(5), manyParams(5), manyTags(5)},
			"a long one":   {params: []tracking.Param{{Key: "p", Value: strings.Repeat("x", 3000)}, {Key: "q"}}},
		} {
			items := len(batch.metrics) + len(batch.params) + len(batch.tags)
			whole := bodiesOf(t, 0, runID, batch.metrics, batch.params, batch.tags)
			require.Len(t, whole, 1)
			for limit := max(1, whole[0].bytes-300); limit < whole[0].bytes+300; limit += 7 {
				sent := bodiesOf(t, limit, runID, batch.metrics, batch.params, batch.tags)
				assertBounded(t, limit, items, sent)
				assert.False(t, t.Failed(), "%s, limit %d, run ID of %d bytes", name, limit, len(runID))
			}
		}
	}
}

// FuzzBatchBytes lets no text, number or limit make a request larger than the limit.
func FuzzBatchBytes(f *testing.F) {
	f.Add("r1", "loss", 0.5, int64(1), int64(-1), uint16(200))
	f.Add(strings.Repeat("<", 256), "a\u2028\x00\"\\é", -math.SmallestNonzeroFloat64, int64(math.MinInt64), int64(math.MinInt64), uint16(2000))
	f.Add("r1", "\u2029&>\x7f", math.MaxFloat64, int64(math.MaxInt64), int64(math.MaxInt64), uint16(1000))
	f.Fuzz(func(t *testing.T, runID, text string, value float64, step, at int64, limit uint16) {
		runID, text = "r"+strings.ToValidUTF8(runID, "?"), "k"+strings.ToValidUTF8(text, "?")
		if limit == 0 || strings.Contains(runID+text, `"key`) {
			t.Skip("0 stands for the default, and items are counted by their keys")
		}
		m := tracking.Metric{Key: text, Value: value, Step: step, Timestamp: time.UnixMilli(at)}
		params := []tracking.Param{{Key: text, Value: text}, {Key: text + "2", Value: ""}, {Key: text + "3", Value: text + text}}
		tags := map[string]string{text: text, text + "2": "", text + "3": runID}
		sent := bodiesOf(t, int(limit), runID, []tracking.Metric{m, m, m, m}, params, tags)
		assertBounded(t, int(limit), 10, sent)
	})
}
