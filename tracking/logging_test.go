package tracking_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/tracking"
)

func TestLogMetric(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		runID, at := newRun(t, s, client).RunID, s.Now()
		require.NoError(t, client.LogMetric(t.Context(), runID, "loss", 0.25, tracking.WithStep(3), tracking.WithTimestamp(at)))
		require.NoError(t, client.LogMetric(t.Context(), runID, "zero", 0, tracking.WithStep(-1), tracking.WithTimestamp(time.UnixMilli(0))))
		require.NoError(t, client.LogMetric(t.Context(), runID, "val/auc top", 1))

		run, err := client.GetRun(t.Context(), runID)
		require.NoError(t, err)
		got := metricsByKey(run)
		assert.Equal(t, tracking.Metric{Key: "loss", Value: 0.25, Timestamp: at, Step: 3}, got["loss"])
		assert.Equal(t, tracking.Metric{Key: "zero", Value: 0, Timestamp: time.UnixMilli(0).UTC(), Step: -1}, got["zero"])
		assertRecent(t, s, got["val/auc top"].Timestamp)
	})
}

func TestLogMetricNotFinite(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		runID, at := newRun(t, s, client).RunID, s.Now()
		require.NoError(t, client.LogMetric(t.Context(), runID, "nan", math.NaN(), tracking.WithTimestamp(at)))
		require.NoError(t, client.LogMetric(t.Context(), runID, "up", math.Inf(1), tracking.WithTimestamp(at)))
		require.NoError(t, client.LogMetric(t.Context(), runID, "down", math.Inf(-1), tracking.WithTimestamp(at)))

		infinity := math.MaxFloat64 // as SQL stores keep it
		if s.Server.Store == "file" {
			infinity = math.Inf(1)
		}
		run, err := client.GetRun(t.Context(), runID)
		require.NoError(t, err)
		got := metricsByKey(run)
		assert.True(t, math.IsNaN(got["nan"].Value), "got %v", got["nan"].Value)
		assert.Equal(t, tracking.Metric{Key: "up", Value: infinity, Timestamp: at}, got["up"])
		assert.Equal(t, tracking.Metric{Key: "down", Value: -infinity, Timestamp: at}, got["down"])
	})
}

func TestLogMetricLatest(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		runID, at := newRun(t, s, client).RunID, s.Now()
		for _, step := range []int64{2, 1} {
			require.NoError(t, client.LogMetric(t.Context(), runID, "loss", float64(step), tracking.WithStep(step), tracking.WithTimestamp(at)))
		}

		run, err := client.GetRun(t.Context(), runID)
		require.NoError(t, err)
		assert.Equal(t, []tracking.Metric{{Key: "loss", Value: 2, Timestamp: at, Step: 2}}, run.Data.Metrics,
			"the greatest step is the latest, not the one sent last")
	})
}

func TestLogMetricRefused(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client, at := newScenarioClient(t, s), tracking.WithTimestamp(s.Now())
		runID := newRun(t, s, client).RunID
		requireNotFound(t, client.LogMetric(t.Context(), missingRun, "loss", 1, at))
		requireInvalid(t, client.LogMetric(t.Context(), runID, "../loss", 1, at))
		requireInvalid(t, client.LogMetric(t.Context(), runID, "loss", 1, tracking.WithTimestamp(time.UnixMilli(-1))))
	})
}

func TestLogParam(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		runID := newRun(t, s, client).RunID
		require.NoError(t, client.LogParam(t.Context(), runID, "rate", "0.1"))
		require.NoError(t, client.LogParam(t.Context(), runID, "rate", "0.1"), "the same value again does nothing")
		require.NoError(t, client.LogParam(t.Context(), runID, "empty", ""))

		run, err := client.GetRun(t.Context(), runID)
		require.NoError(t, err)
		assert.ElementsMatch(t, []tracking.Param{{Key: "rate", Value: "0.1"}, {Key: "empty", Value: ""}}, run.Data.Params)
	})
}

func TestLogParamRefused(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		runID := newRun(t, s, client).RunID
		require.NoError(t, client.LogParam(t.Context(), runID, "rate", "0.1"))
		requireInvalid(t, client.LogParam(t.Context(), runID, "rate", "0.2"))
		requireInvalid(t, client.LogParam(t.Context(), runID, "/rate", "0.1"))
		requireNotFound(t, client.LogParam(t.Context(), missingRun, "rate", "0.1"))

		run, err := client.GetRun(t.Context(), runID)
		require.NoError(t, err)
		assert.Equal(t, []tracking.Param{{Key: "rate", Value: "0.1"}}, run.Data.Params)
	})
}

func TestSetTag(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		runID := newRun(t, s, client).RunID
		require.NoError(t, client.SetTag(t.Context(), runID, "stage", "draft"))
		require.NoError(t, client.SetTag(t.Context(), runID, "stage", "final"))
		require.NoError(t, client.SetTag(t.Context(), runID, "empty", ""))
		require.NoError(t, client.SetTag(t.Context(), runID, "mlflow.runName", "renamed"))

		run, err := client.GetRun(t.Context(), runID)
		require.NoError(t, err)
		assert.Equal(t, map[string]string{"stage": "final", "empty": "", "mlflow.runName": "renamed"}, run.Data.Tags)
		assert.Equal(t, "renamed", run.Info.RunName)

		requireNotFound(t, client.SetTag(t.Context(), missingRun, "stage", "draft"))
		requireInvalid(t, client.SetTag(t.Context(), runID, "a//b", "draft"))
	})
}

func TestDeleteTag(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		runID := newRun(t, s, client).RunID
		require.NoError(t, client.SetTag(t.Context(), runID, "stage", "draft"))
		require.NoError(t, client.DeleteTag(t.Context(), runID, "stage"))

		run, err := client.GetRun(t.Context(), runID)
		require.NoError(t, err)
		assert.NotContains(t, run.Data.Tags, "stage")

		requireNotFound(t, client.DeleteTag(t.Context(), runID, "stage"))
		requireNotFound(t, client.DeleteTag(t.Context(), missingRun, "stage"))
	})
}

func TestLogBatch(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		runID := newRun(t, s, client).RunID
		metrics := []tracking.Metric{
			{Key: "loss", Value: 0.5, Timestamp: s.Now(), Step: 1},
			{Key: "loss", Value: 0.25, Timestamp: s.Now(), Step: 2},
			{Key: "diverged", Value: math.NaN(), Timestamp: s.Now()},
			{Key: "zero", Timestamp: time.UnixMilli(0)},
		}
		params := []tracking.Param{{Key: "rate", Value: "0.1"}, {Key: "empty", Value: ""}}
		tags := map[string]string{"stage": "draft", "empty": ""}
		require.NoError(t, client.LogBatch(t.Context(), runID, metrics, params, tags))

		run, err := client.GetRun(t.Context(), runID)
		require.NoError(t, err)
		got := metricsByKey(run)
		assert.Equal(t, metrics[1], got["loss"])
		assert.True(t, math.IsNaN(got["diverged"].Value))
		assert.Equal(t, metrics[2].Timestamp, got["diverged"].Timestamp)
		assert.Equal(t, tracking.Metric{Key: "zero", Timestamp: time.UnixMilli(0).UTC()}, got["zero"])
		assert.ElementsMatch(t, params, run.Data.Params)
		assert.Equal(t, map[string]string{"stage": "draft", "empty": "", "mlflow.runName": "run"}, run.Data.Tags)
	})
}

func TestLogBatchOfOneKind(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		runID := newRun(t, s, client).RunID
		require.NoError(t, client.LogBatch(t.Context(), runID, []tracking.Metric{{Key: "loss", Timestamp: s.Now()}}, nil, nil))
		require.NoError(t, client.LogBatch(t.Context(), runID, nil, []tracking.Param{{Key: "rate"}}, nil))
		require.NoError(t, client.LogBatch(t.Context(), runID, nil, nil, map[string]string{"stage": "draft"}))
		require.NoError(t, client.LogBatch(t.Context(), runID, nil, nil, nil))

		run, err := client.GetRun(t.Context(), runID)
		require.NoError(t, err)
		assert.Len(t, run.Data.Metrics, 1)
		assert.Len(t, run.Data.Params, 1)
		assert.Equal(t, "draft", run.Data.Tags["stage"])
	})
}

func TestLogBatchRefused(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		runID := newRun(t, s, client).RunID
		metrics := []tracking.Metric{{Key: "loss", Timestamp: s.Now()}}
		params := []tracking.Param{{Key: "rate", Value: "0.1"}, {Key: "../rate", Value: "0.1"}}
		requireInvalid(t, client.LogBatch(t.Context(), runID, metrics, params, nil))
		requireNotFound(t, client.LogBatch(t.Context(), missingRun, metrics, nil, nil))

		run, err := client.GetRun(t.Context(), runID)
		require.NoError(t, err)
		assert.Empty(t, run.Data.Metrics, "a batch is checked before any of it is stored")
		assert.Empty(t, run.Data.Params)
	})
}

func metricsByKey(run *tracking.Run) map[string]tracking.Metric {
	m := make(map[string]tracking.Metric, len(run.Data.Metrics))
	for _, metric := range run.Data.Metrics {
		m[metric.Key] = metric
	}
	return m
}
