package tracking_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/tracking"
)

// A sentBatch is the body of one request to log-batch.
type sentBatch struct {
	Metrics []struct {
		Key       string
		Step      int64
		Timestamp int64
	}
	Params []struct{ Key, Value string }
	Tags   []struct{ Key, Value string }
	bytes  int
}

// batching returns a client for a server that keeps what log-batch sends it, and refuses the request of the given
// number, counted from 1.
func batching(t *testing.T, refuse int, opts ...mlflow.Option) (*tracking.Client, *[]sentBatch) {
	t.Helper()
	var stored []sentBatch
	requests := 0
	return newTestServer(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		requests++
		if requests == refuse {
			respondWith(400, "application/json", `{"error_code": "INVALID_PARAMETER_VALUE", "message": "no"}`)(w, r)
			return
		}
		batch := sentBatch{bytes: len(body)}
		assert.NoError(t, json.Unmarshal(body, &batch))
		stored = append(stored, batch)
		respondWith(200, "application/json", `{}`)(w, r)
	}, opts...), &stored
}

func manyMetrics(n int) []tracking.Metric {
	metrics := make([]tracking.Metric, n)
	for i := range metrics {
		metrics[i] = tracking.Metric{Key: fmt.Sprint("m", i%7), Value: float64(i), Timestamp: time.UnixMilli(int64(i)), Step: int64(i)}
	}
	return metrics
}

func manyParams(n int) []tracking.Param {
	params := make([]tracking.Param, n)
	for i := range params {
		params[i] = tracking.Param{Key: fmt.Sprintf("p%04d", i), Value: fmt.Sprint(i)}
	}
	return params
}

func manyTags(n int) map[string]string {
	tags := make(map[string]string, n)
	for i := range n {
		tags[fmt.Sprintf("t%04d", i)] = fmt.Sprint(i)
	}
	return tags
}

func TestLogBatchSplits(t *testing.T) {
	t.Parallel()
	type sizes struct{ metrics, params, tags int }
	tests := map[string]struct {
		metrics, params, tags int
		limits                tracking.BatchLimits
		want                  []sizes
	}{
		"what fits":           {800, 100, 100, tracking.BatchLimits{}, []sizes{{800, 100, 100}}},
		"too many in all":     {801, 100, 100, tracking.BatchLimits{}, []sizes{{800, 100, 100}, {1, 0, 0}}},
		"too many metrics":    {2500, 0, 0, tracking.BatchLimits{}, []sizes{{1000, 0, 0}, {1000, 0, 0}, {500, 0, 0}}},
		"too many params":     {10, 250, 0, tracking.BatchLimits{}, []sizes{{0, 100, 0}, {0, 100, 0}, {10, 50, 0}}},
		"too many tags":       {10, 0, 101, tracking.BatchLimits{}, []sizes{{0, 0, 100}, {10, 0, 1}}},
		"params before tags":  {1, 150, 250, tracking.BatchLimits{}, []sizes{{0, 100, 100}, {0, 50, 100}, {1, 0, 50}}},
		"limits of one's own": {5, 3, 1, tracking.BatchLimits{Metrics: 3, Params: 2, Items: 4}, []sizes{{0, 2, 1}, {3, 1, 0}, {2, 0, 0}}},
		"one at a time":       {2, 1, 1, tracking.BatchLimits{Items: 1}, []sizes{{0, 1, 0}, {0, 0, 1}, {1, 0, 0}, {1, 0, 0}}},
		"not even one fits":   {2, 1, 1, tracking.BatchLimits{Bytes: 1}, []sizes{{0, 1, 0}, {0, 0, 1}, {1, 0, 0}, {1, 0, 0}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, stored := batching(t, 0, mlflow.WithBatchLimits(tt.limits))
			require.NoError(t, client.LogBatch(t.Context(), "r1", manyMetrics(tt.metrics), manyParams(tt.params), manyTags(tt.tags)))
			var got []sizes
			var metrics, params, tags int
			for _, batch := range *stored {
				got = append(got, sizes{len(batch.Metrics), len(batch.Params), len(batch.Tags)})
				for _, m := range batch.Metrics {
					assert.Equal(t, int64(metrics), m.Step, "the order of metrics")
					metrics++
				}
				for _, p := range batch.Params {
					assert.Equal(t, fmt.Sprint(params), p.Value, "the order of params")
					params++
				}
				for _, tag := range batch.Tags {
					assert.Equal(t, fmt.Sprint(tags), tag.Value, "the order of tags")
					tags++
				}
			}
			assert.Equal(t, tt.want, got)
		})
	}
}

// TestLogBatchSplitsByBytes fills requests with what is long on the wire.
func TestLogBatchSplitsByBytes(t *testing.T) {
	t.Parallel()
	const limit = 900_000
	for name, value := range map[string]string{
		"letters":    strings.Repeat("x", 6000),
		"quotes":     strings.Repeat(`"\`, 3000),
		"controls":   strings.Repeat("\x00\x1f", 3000),
		"HTML":       strings.Repeat("<&>", 2000),
		"characters": strings.Repeat("é世🌍\u2028", 1500),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			params, tags, metrics := manyParams(400), manyTags(400), manyMetrics(3000)
			for i := range params {
				params[i].Value = value
			}
			for key := range tags {
				tags[key] = value
			}
			for i := range metrics {
				metrics[i].Key = value[:240]
			}
			client, stored := batching(t, 0)
			require.NoError(t, client.LogBatch(t.Context(), "r1", metrics, params, tags))
			total, full := 0, 0
			for _, batch := range *stored {
				assert.LessOrEqual(t, batch.bytes, limit)
				total += len(batch.Metrics) + len(batch.Params) + len(batch.Tags)
				if batch.bytes > limit*8/10 || len(batch.Params) == 100 || len(batch.Metrics) == 1000 {
					full++
				}
			}
			assert.Equal(t, 3800, total)
			assert.GreaterOrEqual(t, full, len(*stored)/2, "most requests are nearly full")
		})
	}
}

func TestLogBatchSaysHowFarItCame(t *testing.T) {
	t.Parallel()
	metrics, params, tags := manyMetrics(2500), manyParams(150), manyTags(120)
	for refuse, want := range map[int]tracking.BatchError{
		1: {},
		2: {Params: 100, Tags: 100},
		3: {Params: 150, Tags: 120, Metrics: 930},
		4: {Params: 150, Tags: 120, Metrics: 1930},
	} {
		client, stored := batching(t, refuse)
		err := client.LogBatch(t.Context(), "r1", metrics, params, tags)
		var partial *tracking.BatchError
		require.ErrorAs(t, err, &partial)
		var cause *tracking.Error
		require.ErrorAs(t, err, &cause)
		assertOnly(t, err, tracking.ErrInvalidArgument)
		want.Err, want.Stamp = cause, partial.Stamp
		assert.Equal(t, &want, partial)
		assert.Len(t, *stored, refuse-1, "a failure ends it")

		// Going on from there loses nothing and doubles nothing.
		left := maps.Clone(tags)
		for _, key := range slices.Sorted(maps.Keys(tags))[:partial.Tags] {
			delete(left, key)
		}
		require.NoError(t, client.LogBatch(t.Context(), "r1", metrics[partial.Metrics:], params[partial.Params:], left))
		var steps []int64
		sent := make(map[string]int)
		for _, batch := range *stored {
			for _, m := range batch.Metrics {
				steps = append(steps, m.Step)
			}
			for _, p := range append(batch.Params, batch.Tags...) {
				sent[p.Key]++
			}
		}
		require.Len(t, steps, len(metrics))
		assert.True(t, slices.IsSorted(steps))
		assert.Len(t, slices.Compact(steps), len(metrics))
		assert.Len(t, sent, len(params)+len(tags))
		assert.Equal(t, 1, slices.Max(slices.Collect(maps.Values(sent))))
	}
}

func TestBatchErrorText(t *testing.T) {
	t.Parallel()
	err := &tracking.BatchError{Metrics: 1000, Params: 3, Err: errors.New("mlflow: LogBatch: 400 INVALID_PARAMETER_VALUE: no")}
	assert.EqualError(t, err, "mlflow: LogBatch: 400 INVALID_PARAMETER_VALUE: no (1000 metrics, 3 params and 0 tags were stored before)")
}

// TestLogBatchRefusesBeforeItSends checks that one bad item at the end keeps the first request from being sent.
func TestLogBatchRefusesBeforeItSends(t *testing.T) {
	t.Parallel()
	client, stored := batching(t, 0)
	err := client.LogBatch(t.Context(), "r1", append(manyMetrics(2000), tracking.Metric{Key: "\xff"}), nil, nil)
	assertOnly(t, err, tracking.ErrInvalidArgument)
	err = client.LogBatch(t.Context(), "r1", nil, append(manyParams(200), tracking.Param{Key: "p", Value: "\xff"}), nil)
	assertOnly(t, err, tracking.ErrInvalidArgument)
	assert.Empty(t, *stored)
}

func TestLogBatchStampsOnce(t *testing.T) {
	t.Parallel()
	client, stored := batching(t, 0)
	require.NoError(t, client.LogBatch(t.Context(), "r1", unstamped(2500), nil, nil))
	for _, batch := range *stored {
		for _, m := range batch.Metrics {
			assert.Equal(t, (*stored)[0].Metrics[0].Timestamp, m.Timestamp)
		}
	}
}

func unstamped(n int) []tracking.Metric {
	metrics := manyMetrics(n)
	for i := range metrics {
		metrics[i].Timestamp = time.Time{}
	}
	return metrics
}

func TestLogBatchOfAnySize(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		s.LiveOnly("250,000 metrics are too many for a recording")
		count := 250_000
		switch {
		case testing.Short(): // when there are seventy servers to test
			count = 2500
		case s.Server.Store == "file", s.Server == scenario.Memory: // which opens a file for each; which is part of make test
			count = 25_000
		}
		client := newScenarioClient(t, s)
		runID := newRun(t, s, client).RunID
		metrics, params, tags := manyMetrics(count), manyParams(1000), manyTags(1000)
		const keys = 25 // servers before 3.1.1 send a whole history at once, and gunicorn kills what takes 30 s
		for i := range metrics {
			metrics[i].Key = fmt.Sprint("loss-", i%keys)
		}
		require.NoError(t, client.LogBatch(t.Context(), runID, metrics, params, tags))

		run, err := client.GetRun(t.Context(), runID)
		require.NoError(t, err)
		assert.ElementsMatch(t, params, run.Data.Params)
		tags["mlflow.runName"] = "run"
		assert.Equal(t, tags, run.Data.Tags)
		require.Len(t, run.Data.Metrics, keys)
		for key := range keys {
			points := history(t, s, runID, fmt.Sprint("loss-", key))
			require.Len(t, points, count/keys)
			// Servers before 3.1.1 send a history in the order of their database, which for PostgreSQL is none.
			slices.SortFunc(points, func(a, b historyPoint) int { return cmp.Compare(a.Step, b.Step) })
			for i, point := range points {
				n := int64(i*keys + key)
				require.Equal(t, historyPoint{Value: float64(n), Timestamp: n, Step: n}, point)
			}
		}
	})
}

// A historyPoint is one value of a metric, as the server has it.
type historyPoint struct {
	Value     float64
	Timestamp int64
	Step      int64
}

// history returns all values of a metric, from an endpoint that the library doesn't offer.
func history(t *testing.T, s *scenario.Session, runID, key string) []historyPoint {
	t.Helper()
	var points []historyPoint
	for token := ""; ; {
		query := fmt.Sprintf("?run_id=%s&metric_key=%s&max_results=25000&page_token=%s", runID, key, token)
		response, err := s.HTTPClient().Get(s.URI + "/api/2.0/mlflow/metrics/get-history" + query)
		require.NoError(t, err)
		var page struct {
			Metrics []historyPoint
			Next    string `json:"next_page_token"`
		}
		require.NoError(t, json.NewDecoder(response.Body).Decode(&page))
		require.NoError(t, response.Body.Close())
		points = append(points, page.Metrics...)
		if token = page.Next; token == "" {
			return points
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		s.LiveOnly("requests at the same time have no order to record")
		client := newScenarioClient(t, s)
		runID := newRun(t, s, client).RunID
		var group sync.WaitGroup
		for worker := range 8 {
			group.Go(func() {
				for step := range int64(10) {
					assert.NoError(t, client.LogMetric(t.Context(), runID, fmt.Sprint("worker ", worker), float64(step), tracking.WithStep(step)))
				}
			})
		}
		group.Wait()
		run, err := client.GetRun(t.Context(), runID)
		require.NoError(t, err)
		require.Len(t, run.Data.Metrics, 8)
		for _, metric := range run.Data.Metrics {
			assert.Equal(t, int64(9), metric.Step)
		}
	})
}
