package tracking_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/tracking"
)

const requestsOverlap = "the requests of a batcher overlap"

// stepsOf returns the steps in the history of a metric, in order, and checks the values.
func stepsOf(t *testing.T, client *tracking.Client, runID, key string) []int64 {
	t.Helper()
	history, err := client.GetMetricHistory(t.Context(), runID, key)
	require.NoError(t, err)
	all := make([]int64, 0, len(history))
	for _, m := range history {
		all = append(all, m.Step)
	}
	slices.Sort(all)
	return all
}

// upTo5000 are the steps of 5,000 points.
func upTo5000() []int64 {
	all := make([]int64, 5000)
	for i := range all {
		all[i] = int64(i)
	}
	return all
}

func TestBatcherArrives(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		s.LiveOnly(requestsOverlap)
		client := newScenarioClient(t, s)
		experimentID := newExperiment(t, s, client)
		b := tracking.NewBatcher(client)
		var runs []string
		for range 3 {
			runs = append(runs, newRunIn(t, s, client, experimentID).RunID)
		}
		for _, id := range runs {
			require.NoError(t, b.LogParam(t.Context(), id, "rate", "0.1"))
			require.NoError(t, b.LogParam(t.Context(), id, "rate", "0.1"))
		}
		for step := range int64(5000) {
			for _, id := range runs {
				value := float64(step)
				if step%7 == 0 {
					value = nan
				}
				require.NoError(t, b.LogMetric(t.Context(), id, "loss", value, tracking.WithStep(step)))
				if step%100 == 0 {
					require.NoError(t, b.SetTag(t.Context(), id, "progress", fmt.Sprint(step)))
				}
			}
		}
		require.NoError(t, b.Close(t.Context()))
		assert.EqualValues(t, 3*(2+5000+50), b.Stats().Sent)
		for _, id := range runs {
			assert.Equal(t, upTo5000(), stepsOf(t, client, id, "loss"))
			run, err := client.GetRun(t.Context(), id)
			require.NoError(t, err)
			assert.Equal(t, []tracking.Param{{Key: "rate", Value: "0.1"}}, run.Data.Params)
			assert.Equal(t, "4900", run.Data.Tags["progress"])
		}
	})
}

func TestBatcherRefusals(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		s.LiveOnly(requestsOverlap)
		counted := &countingTransport{through: s.HTTPClient().Transport}
		client := newScenarioClient(t, s, mlflow.WithHTTPClient(&http.Client{Transport: counted}))
		experimentID := newExperiment(t, s, client)
		run := newRunIn(t, s, client, experimentID).RunID
		deleted := newRunIn(t, s, client, experimentID).RunID
		require.NoError(t, client.DeleteRun(t.Context(), deleted))
		require.NoError(t, client.LogParam(t.Context(), run, "rate", "0.1"))
		counted.requests.Store(0)

		b := tracking.NewBatcher(client)
		metrics := make([]tracking.Metric, 900)
		for i := range metrics {
			metrics[i] = tracking.Metric{Key: "loss", Value: 1, Step: int64(i)}
		}
		metrics[300].Timestamp = time.UnixMilli(-5)
		for i := 500; i < 550; i++ {
			metrics[i].Key = "a//b"
		}
		want := []string{"loss 300"}
		for i := 500; i < 550; i++ {
			want = append(want, fmt.Sprint("a//b ", i))
		}
		require.NoError(t, b.LogBatch(t.Context(), run, metrics, nil, nil))
		if s.Server.Store != scenario.StoreFile { // it responds with 500 INTERNAL_ERROR, which takes a minute to be a refusal
			require.NoError(t, b.LogParam(t.Context(), run, "rate", "0.2"))
			want = append(want, "rate")
		}
		require.NoError(t, b.LogParam(t.Context(), run, "a//b", "0.2"))
		require.NoError(t, b.SetTag(t.Context(), run, "note", "x"))
		err := b.Flush(t.Context())
		want = append(want, "a//b")
		assert.ElementsMatch(t, want, describe(failuresIn(err)))
		require.ErrorIs(t, err, tracking.ErrInvalidArgument)
		t.Logf("%d requests", counted.requests.Load())
		assert.Less(t, counted.requests.Load(), int64(20))
		assert.Len(t, stepsOf(t, client, run, "loss"), 849)
		got, err := client.GetRun(t.Context(), run)
		require.NoError(t, err)
		assert.Equal(t, "x", got.Data.Tags["note"])
		assert.Equal(t, []tracking.Param{{Key: "rate", Value: "0.1"}}, got.Data.Params)

		counted.requests.Store(0)
		require.NoError(t, b.LogBatch(t.Context(), deleted, metrics[:40], nil, nil))
		require.NoError(t, b.LogBatch(t.Context(), missingRun, metrics[:40], nil, nil))
		err = b.Close(t.Context())
		require.ErrorIs(t, err, tracking.ErrNotFound)
		assert.EqualValues(t, 80, b.Stats().Failed-uint64(len(want))) // the error names no more than 100
		assert.LessOrEqual(t, counted.requests.Load(), int64(3))
	})
}

// A countingTransport counts requests.
type countingTransport struct {
	through  http.RoundTripper
	requests atomic.Int64
}

func (c *countingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	c.requests.Add(1)
	return c.through.RoundTrip(r)
}

// What Stats and failures report is what the server holds, although a third of the requests or responses get lost.
func TestBatcherOverABadConnection(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		s.LiveOnly(requestsOverlap)
		plain := newScenarioClient(t, s)
		client := newScenarioClient(t, s, mlflow.WithHTTPClient(&http.Client{Transport: lossyTransport{s.HTTPClient().Transport}}))
		experimentID := newExperiment(t, s, plain)
		runs := []string{newRunIn(t, s, plain, experimentID).RunID, newRunIn(t, s, plain, experimentID).RunID}
		dir := t.TempDir()
		b := tracking.NewBatcher(client, tracking.WithSpool(dir), tracking.WithBatchDelay(50*time.Millisecond))
		for step := range int64(5000) {
			for _, id := range runs {
				value := float64(step)
				if step%250 == 0 {
					value = nan
				}
				require.NoError(t, b.LogMetric(t.Context(), id, "loss", value, tracking.WithStep(step)))
			}
			if step == 2500 { // a second one goes on where the first one stopped
				require.Error(t, b.Close(canceledContext(t)))
				b = tracking.NewBatcher(client, tracking.WithSpool(dir), tracking.WithBatchDelay(50*time.Millisecond))
			}
		}
		require.NoError(t, b.Close(t.Context()))
		for _, id := range runs {
			got := stepsOf(t, plain, id, "loss")
			if s.Server.Store == scenario.StoreFile || s.Server.FastTrackML() {
				got = slices.Compact(got) // they may keep a point twice
			}
			assert.Equal(t, upTo5000(), got)
		}
	})
}

func canceledContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// A lossyTransport loses one request in six, and one response in six.
type lossyTransport struct{ through http.RoundTripper }

func (l lossyTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	fate := rand.IntN(6)
	if fate == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	response, err := l.through.RoundTrip(r)
	if fate == 1 && err == nil {
		_ = response.Body.Close()
		return nil, io.ErrUnexpectedEOF
	}
	return response, err
}
