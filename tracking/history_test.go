package tracking_test

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/tracking"
)

// byTime sorts the values of one metric as SQL stores do from 3.1.1 on. Older servers have no order that they promise.
func byTime(metrics []tracking.Metric) []tracking.Metric {
	return slices.SortedFunc(slices.Values(metrics), func(a, b tracking.Metric) int {
		return cmp.Or(a.Timestamp.Compare(b.Timestamp), cmp.Compare(a.Step, b.Step), cmp.Compare(a.Value, b.Value))
	})
}

func TestMetricHistory(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		run, at := newRun(t, s, client), s.Now()
		logged := []tracking.Metric{
			{Key: "loss", Value: 0.5, Timestamp: at, Step: -1},
			{Key: "loss", Value: 0, Timestamp: at, Step: 0},
			{Key: "loss", Value: -0.25, Timestamp: at.Add(time.Millisecond), Step: 0},
			{Key: "loss", Value: 1e-300, Timestamp: at.Add(time.Second), Step: math.MaxInt64},
			{Key: "loss", Value: 1.0 / 3, Timestamp: at.Add(time.Minute), Step: 7},
		}
		other := tracking.Metric{Key: "accuracy", Value: 1, Timestamp: at}
		require.NoError(t, client.LogBatch(t.Context(), run.RunID, append(slices.Clone(logged), other), nil, nil))

		history, err := client.GetMetricHistory(t.Context(), run.RunID, "loss")
		require.NoError(t, err)
		assert.Equal(t, logged, byTime(history))
		if !s.Server.Before("3.1.1") && s.Server.Store != scenario.StoreFile && !s.Server.FastTrackML() {
			assert.Equal(t, logged, history, "the order")
		}

		var paged []tracking.Metric
		for metric, err := range client.AllMetrics(t.Context(), run.RunID, "loss", tracking.WithHistoryPageSize(2)) {
			require.NoError(t, err)
			paged = append(paged, metric)
		}
		assert.Equal(t, logged, byTime(paged))

		history, err = client.GetMetricHistory(t.Context(), run.RunID, "never logged")
		require.NoError(t, err)
		assert.Equal(t, []tracking.Metric{}, history)
	})
}

func TestMetricHistoryOfNaNAndInfinities(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		run, at := newRun(t, s, client), s.Now()
		for i, value := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			logged := tracking.WithTimestamp(at.Add(time.Duration(i) * time.Millisecond))
			require.NoError(t, client.LogMetric(t.Context(), run.RunID, "loss", value, logged, tracking.WithStep(int64(i))))
		}
		history, err := client.GetMetricHistory(t.Context(), run.RunID, "loss")
		require.NoError(t, err)
		require.Len(t, history, 3)
		history = byTime(history)
		assert.True(t, math.IsNaN(history[0].Value), "%v", history[0].Value)
		assert.GreaterOrEqual(t, history[1].Value, math.MaxFloat64)
		assert.LessOrEqual(t, history[2].Value, -math.MaxFloat64)
	})
}

// A run that is missing has an empty history on SQL stores, as the documentation says.
func TestMetricHistoryOfNothing(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		history, err := client.GetMetricHistory(t.Context(), missingRun, "loss")
		if s.Server.Store == scenario.StoreFile || s.Server.FastTrackML() {
			requireNotFound(t, err)
			return
		}
		require.NoError(t, err)
		assert.Equal(t, []tracking.Metric{}, history)
	})
}

func TestSampleMetricHistory(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		run := newRun(t, s, client)
		other, empty := newRunIn(t, s, client, run.ExperimentID), newRunIn(t, s, client, run.ExperimentID)
		ids := []string{run.RunID, empty.RunID, other.RunID, run.RunID}
		at := s.Now()
		logged := []tracking.Metric{{Key: "loss", Value: 9, Timestamp: at, Step: -1}}
		for step := range int64(20) {
			logged = append(logged, tracking.Metric{Key: "loss", Value: 1 / float64(step+1), Timestamp: at, Step: step})
		}
		short := []tracking.Metric{{Key: "loss", Value: 0, Timestamp: at, Step: 3}}
		require.NoError(t, client.LogBatch(t.Context(), run.RunID, logged, nil, nil))
		require.NoError(t, client.LogBatch(t.Context(), other.RunID, short, nil, nil))

		samples, err := client.SampleMetricHistory(t.Context(), ids, "loss")
		if s.Server.Before("2.11") {
			requireNoEndpoint(t, err)
			return
		}
		require.NoError(t, err)
		inDefault := logged
		if s.Server.Before("3.15") || s.Server.Store == scenario.StoreFile {
			inDefault = logged[1:] // no negative steps
		}
		assert.Equal(t, map[string][]tracking.Metric{run.RunID: inDefault, other.RunID: short}, samples)

		samples, err = client.SampleMetricHistory(t.Context(), ids, "loss", tracking.WithStepRange(-1000, 1000))
		require.NoError(t, err)
		assert.Equal(t, map[string][]tracking.Metric{run.RunID: logged, other.RunID: short}, samples)

		samples, err = client.SampleMetricHistory(t.Context(), ids, "loss", tracking.WithStepRange(2, 5))
		require.NoError(t, err)
		assert.Equal(t, map[string][]tracking.Metric{run.RunID: logged[3:7], other.RunID: short}, samples)

		samples, err = client.SampleMetricHistory(t.Context(), ids, "loss", tracking.WithMaxPoints(5))
		require.NoError(t, err)
		sample := samples[run.RunID]
		assert.Less(t, len(sample), 10)
		assert.Greater(t, len(sample), 2)
		assert.Equal(t, inDefault[0], sample[0])
		assert.Equal(t, logged[20], sample[len(sample)-1])
		assert.Subset(t, logged, sample)
		assert.Equal(t, short, samples[other.RunID])

		for _, option := range []tracking.SampleOption{tracking.WithMaxPoints(2501), tracking.WithStepRange(2, 1)} {
			_, err = client.SampleMetricHistory(t.Context(), ids, "loss", option)
			requireInvalid(t, err)
		}
	})
}

// More runs than fit into one request, of which servers before 3.3 take fewer than 100.
func TestSampleMetricHistoryOfManyRuns(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		run := newRun(t, s, client)
		require.NoError(t, client.LogMetric(t.Context(), run.RunID, "loss", math.NaN(), tracking.WithTimestamp(s.Now())))
		ids := make([]string, 0, 151)
		for i := range 150 {
			ids = append(ids, fmt.Sprintf("bad%029d", i))
		}
		samples, err := client.SampleMetricHistory(t.Context(), append(ids, run.RunID), "loss")
		switch {
		case s.Server.Before("2.11"):
			requireNoEndpoint(t, err)
		case s.Server.Store == scenario.StoreFile:
			requireNotFound(t, err)
		default:
			require.NoError(t, err)
			require.Len(t, samples, 1, "missing runs are left out")
			require.Len(t, samples[run.RunID], 1)
			assert.True(t, math.IsNaN(samples[run.RunID][0].Value))
		}
	})
}

// historyPage returns the response with n values from the given step on, and a token unless that is "".
func historyPage(first, n int, token string) string {
	points := make([]string, n)
	for i := range points {
		points[i] = fmt.Sprintf(`{"key": "loss", "value": 1, "timestamp": 1, "step": %d}`, first+i)
	}
	return fmt.Sprintf(`{"metrics": [%s], "next_page_token": %q}`, strings.Join(points, ","), token)
}

// historyOf returns a client for a server that has the given pages, by token.
func historyOf(t *testing.T, pages map[string]string) (client *tracking.Client, asked *[]string) {
	t.Helper()
	asked = new([]string)
	return newTestServer(t, func(w http.ResponseWriter, r *http.Request) {
		token := r.URL.Query().Get("page_token")
		assert.Equal(t, token != "", r.URL.Query().Has("page_token"))
		assert.Equal(t, "25000", r.URL.Query().Get("max_results"), "without it, MLflow 3.1.1 to 3.13 never end")
		*asked = append(*asked, token)
		respondWith(200, "application/json", pages[token])(w, r)
	}), asked
}

func TestMetricHistoryPages(t *testing.T) {
	t.Parallel()
	empties := map[string]string{"": historyPage(0, 1, "1")}
	for i := 1; i <= 11; i++ {
		empties[fmt.Sprint(i)] = historyPage(0, 0, fmt.Sprint(i+1))
	}
	for name, tt := range map[string]struct {
		pages map[string]string
		steps []int64
		says  string
		asked int
	}{
		"two pages":                 {map[string]string{"": historyPage(0, 2, "x"), "x": historyPage(2, 1, "")}, []int64{0, 1, 2}, "", 2},
		"an empty page amid":        {map[string]string{"": historyPage(0, 1, "x"), "x": historyPage(0, 0, "y"), "y": historyPage(1, 1, "")}, []int64{0, 1}, "", 3},
		"an empty last page":        {map[string]string{"": historyPage(0, 1, "x"), "x": `{}`}, []int64{0}, "", 2},
		"a token that repeats":      {map[string]string{"": historyPage(0, 0, "x"), "x": historyPage(0, 0, "x")}, nil, "repeats a page token", 2},
		"empty pages without end":   {empties, []int64{0}, "one empty page after the other", 12},
		"an error after some pages": {map[string]string{"": historyPage(0, 2, "x"), "x": `{"detail": "denied"}`}, []int64{0, 1}, "denied", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, asked := historyOf(t, tt.pages)
			var steps []int64
			var last error
			for metric, err := range client.AllMetrics(t.Context(), "r1", "loss") {
				require.NoError(t, last, "an error is the end")
				if last = err; err == nil {
					steps = append(steps, metric.Step)
				}
			}
			assert.Equal(t, tt.steps, steps)
			assert.Len(t, *asked, tt.asked)
			history, err := client.GetMetricHistory(t.Context(), "r1", "loss")
			if tt.says == "" {
				require.NoError(t, last)
				require.NoError(t, err)
				assert.Len(t, history, len(tt.steps))
				return
			}
			assert.Nil(t, history, "a part is not the history")
			for _, err := range []error{last, err} {
				assertOnly(t, err, tracking.ErrUnexpectedResponse)
				require.ErrorContains(t, err, tt.says)
			}
		})
	}
}

func TestAllMetricsStopsWhenTheCallerBreaks(t *testing.T) {
	t.Parallel()
	client, asked := historyOf(t, map[string]string{"": historyPage(0, 2, "x"), "x": historyPage(2, 1, "")})
	all := client.AllMetrics(t.Context(), "r1", "loss")
	for range 2 { // it can be walked again
		for metric, err := range all {
			require.NoError(t, err)
			if metric.Step == 1 {
				break
			}
		}
	}
	assert.Equal(t, []string{"", ""}, *asked)
}

// It does not run beside other tests, which take memory too.
func TestAllMetricsHoldsOnePage(t *testing.T) {
	const size, last = 1000, 200
	client := newTestServer(t, func(w http.ResponseWriter, r *http.Request) {
		page, _ := strconv.Atoi(r.URL.Query().Get("page_token"))
		next := strconv.Itoa(page + 1)
		if page == last {
			next = ""
		}
		respondWith(200, "application/json", historyPage(page*size, size, next))(w, r)
	})
	var before, after uint64
	count := 0
	for _, err := range client.AllMetrics(t.Context(), "r1", "loss", tracking.WithHistoryPageSize(size)) {
		require.NoError(t, err)
		switch count++; count {
		case size:
			before = heap()
		case size * last:
			after = heap()
		}
	}
	assert.Equal(t, size*(last+1), count)
	assert.Less(t, after, before+4<<20, "bytes on the heap, of which the whole history takes 11 MiB")
}

func TestMetricHistoryRefusesArguments(t *testing.T) {
	t.Parallel()
	client := newTestServer(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	for name, get := range map[string]func(context.Context) error{
		"no run ID":       func(ctx context.Context) error { _, err := client.GetMetricHistory(ctx, "", "loss"); return err },
		"no key":          func(ctx context.Context) error { _, err := client.GetMetricHistory(ctx, "r1", ""); return err },
		"a bad key":       func(ctx context.Context) error { _, err := client.GetMetricHistory(ctx, "r1", "\xff"); return err },
		"pages of 0":      getHistory(client, tracking.WithHistoryPageSize(0)),
		"pages below 0":   getHistory(client, tracking.WithHistoryPageSize(-1)),
		"pages too large": getHistory(client, tracking.WithHistoryPageSize(math.MaxInt)),
		"all, no run ID": func(ctx context.Context) (last error) {
			for _, err := range client.AllMetrics(ctx, "", "loss") {
				last = err
			}
			return last
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assertOnly(t, get(t.Context()), tracking.ErrInvalidArgument)
		})
	}
}

func getHistory(client *tracking.Client, opts ...tracking.MetricHistoryOption) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := client.GetMetricHistory(ctx, "r1", "loss", opts...)
		return err
	}
}

func TestSampleMetricHistoryRefusesArguments(t *testing.T) {
	t.Parallel()
	client := newTestServer(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	sample := func(key string, points int, ids ...string) error {
		_, err := client.SampleMetricHistory(t.Context(), ids, key, tracking.WithMaxPoints(points))
		return err
	}
	assertOnly(t, sample("loss", 1, "r1", ""), tracking.ErrInvalidArgument)
	assertOnly(t, sample("loss", 1, "\xff"), tracking.ErrInvalidArgument)
	assertOnly(t, sample("", 1, "r1"), tracking.ErrInvalidArgument)
	assertOnly(t, sample("loss", 0, "r1"), tracking.ErrInvalidArgument)
	samples, err := client.SampleMetricHistory(t.Context(), nil, "loss")
	require.NoError(t, err)
	assert.Equal(t, map[string][]tracking.Metric{}, samples)
}

// TestSampleMetricHistoryDividesRuns counts what goes into a request: no more than 100 runs, and no more bytes than
// gunicorn takes, whatever the key and the IDs are.
func TestSampleMetricHistoryDividesRuns(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		id, key  string
		runs     int
		requests int
	}{
		"short IDs":         {"%03d", "loss", 201, 3},
		"MLflow's IDs":      {"%032d", "loss", 164, 2},
		"a key of 3000":     {"%032d", strings.Repeat("\U0001F9EA", 250), 27, 3},
		"IDs in need of it": {strings.Repeat("&", 100) + "%d", "loss", 12, 2},
		"IDs of any length": {strings.Repeat("a", 5000) + "%d", "loss", 2, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ids := make([]string, tt.runs)
			for i := range ids {
				ids[i] = fmt.Sprintf(tt.id, i)
			}
			var asked []string
			requests := 0
			client := newTestServer(t, func(w http.ResponseWriter, r *http.Request) {
				requests++
				runs := r.URL.Query()["run_ids"]
				assert.LessOrEqual(t, len(runs), 100)
				assert.Equal(t, tt.key, r.URL.Query().Get("metric_key"))
				if len(runs) > 1 {
					assert.Less(t, len(r.RequestURI), 4094-len("GET  HTTP/1.1"))
				}
				asked = append(asked, runs...)
				respondWith(200, "application/json", `{}`)(w, r)
			})
			_, err := client.SampleMetricHistory(t.Context(), ids, tt.key)
			require.NoError(t, err)
			assert.Equal(t, ids, asked)
			assert.Equal(t, tt.requests, requests)
		})
	}
}

// heap returns the bytes that are in use.
func heap() uint64 {
	var memory runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&memory)
	return memory.HeapAlloc
}
