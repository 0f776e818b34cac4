package tracking_test

import (
	"bytes"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/tracking"
)

// The scenarios of this file are about what releases and stores do differently. The doc comments of the methods say so
// too.

func TestCreateExperimentNameTakenWithLocation(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client, location := newScenarioClient(t, s), tracking.WithArtifactLocation("mlflow-artifacts:/taken")
		_, err := client.CreateExperiment(t.Context(), s.Name("taken"), location)
		require.NoError(t, err)

		_, err = client.CreateExperiment(t.Context(), s.Name("taken"), location)
		if s.Server.Before("3.4") && s.Server.Store != "file" { // the database's own response
			requireRefused(t, err, 400, tracking.ErrorCodeBadRequest, nil)
			return
		}
		requireRefused(t, err, 400, tracking.ErrorCodeResourceAlreadyExists, tracking.ErrAlreadyExists)
	})
}

func TestExperimentIDThatIsNoNumber(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		_, err := newScenarioClient(t, s).GetExperiment(t.Context(), "iris")
		switch postgres := s.Server.Store == "postgres"; {
		case s.Server.Store == "file", s.Server.Before("3.2") && !postgres:
			requireNotFound(t, err)
		case s.Server.Before("3.9") && postgres:
			requireRefused(t, err, 400, tracking.ErrorCodeBadRequest, nil)
		case s.Server.Before("3.9"):
			requireRefused(t, err, 500, tracking.ErrorCodeInternalError, nil)
		default:
			requireInvalid(t, err)
		}
	})
}

func TestExperimentNameTooLong(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		if s.Server.Before("2.15") {
			t.Skip("before MLflow 2.15 only the database, if anything, bounds the name of an experiment")
		}
		client, name := newScenarioClient(t, s), s.Name("")+strings.Repeat("n", 500)
		_, err := client.CreateExperiment(t.Context(), name[:500])
		if s.Server.Store == "postgres" { // whose column holds 256
			requireRefused(t, err, 400, tracking.ErrorCodeBadRequest, nil)
			_, err = client.CreateExperiment(t.Context(), name[:256])
		}
		require.NoError(t, err)
		_, err = client.CreateExperiment(t.Context(), name[:501])
		requireInvalid(t, err)
	})
}

func TestExperimentTagTooLong(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		if s.Server.Store == "file" {
			t.Skip("file stores take experiment tags of any length")
		}
		client := newScenarioClient(t, s)
		id := newExperiment(t, s, client)
		limit := 20_000
		if s.Server.Before("3.16") {
			limit = 5000
		}
		require.NoError(t, client.SetExperimentTag(t.Context(), id, "key", strings.Repeat("ü", limit)))
		requireInvalid(t, client.SetExperimentTag(t.Context(), id, "key", strings.Repeat("ü", limit+1)))
		requireInvalid(t, client.SetExperimentTag(t.Context(), id, strings.Repeat("k", 251), "value"))
	})
}

func TestKeyTooLong(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client, at := newScenarioClient(t, s), s.Now()
		runID, key := newRun(t, s, client).RunID, strings.Repeat("k", 251)
		requireInvalid(t, client.LogParam(t.Context(), runID, key, "value"))
		if err := client.SetTag(t.Context(), runID, key, "value"); s.Server.Store == "file" { // doesn't look
			require.NoError(t, err)
		} else {
			requireInvalid(t, err)
		}
		requireInvalid(t, client.LogBatch(t.Context(), runID, []tracking.Metric{{Key: key, Timestamp: at}}, nil, nil))

		err := client.LogMetric(t.Context(), runID, key, 1, tracking.WithTimestamp(at))
		if s.Server.Before("2.11") { // doesn't look
			require.NoError(t, err)
			return
		}
		requireInvalid(t, err)
	})
}

// TestLongValuesAreCut logs values that servers cut, or refuse if they are old. The library warns.
func TestLongValuesAreCut(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		var log bytes.Buffer
		client := newScenarioClient(t, s, mlflow.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))))
		runID := newRun(t, s, client).RunID
		const paramLimit = 6000
		tagLimit := 8000
		if s.Server.Before("2.17") {
			tagLimit = 5000
		}
		param, tag := strings.Repeat("ü", paramLimit+1), strings.Repeat("ü", tagLimit+1)
		errs := []error{
			client.LogParam(t.Context(), runID, "param", param),
			client.SetTag(t.Context(), runID, "tag", tag),
			client.LogBatch(t.Context(), runID, nil, []tracking.Param{{Key: "param in batch", Value: param}}, nil),
			client.LogBatch(t.Context(), runID, nil, nil, map[string]string{"tag in batch": tag}),
		}
		if s.Server.Before("2.11") {
			for i, err := range errs {
				if i == 1 && s.Server.Store == "file" { // looks at the tags of batches only
					require.NoError(t, err)
					return
				}
				requireInvalid(t, err)
			}
			assert.Empty(t, log.String(), "what is refused is not cut")
			return
		}
		for _, err := range errs {
			require.NoError(t, err)
		}
		run, err := client.GetRun(t.Context(), runID)
		require.NoError(t, err)
		for _, got := range run.Data.Params {
			assert.Equal(t, param[:2*paramLimit], got.Value)
		}
		if s.Server.Store != "file" { // which cuts the tags of batches only
			assert.Equal(t, tag[:2*tagLimit], run.Data.Tags["tag"])
		}
		assert.Equal(t, tag[:2*tagLimit], run.Data.Tags["tag in batch"])
		assert.Equal(t, 4, strings.Count(log.String(), `level=WARN msg="mlflow value may be cut"`), log.String())
		assert.Contains(t, log.String(), `operation=LogParam key=param length=6001 limit=6000`)
		assert.NotContains(t, log.String(), "ü", "values are not logged")
	})
}

func TestLogMetricTwice(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		s.LiveOnly("the history of a metric is no part of the library, and of no recording")
		client, at := newScenarioClient(t, s), s.Now()
		runID := newRun(t, s, client).RunID
		for range 2 {
			require.NoError(t, client.LogMetric(t.Context(), runID, "loss", 1, tracking.WithTimestamp(at)))
			require.NoError(t, client.LogBatch(t.Context(), runID, []tracking.Metric{{Key: "loss", Value: 1, Timestamp: at}}, nil, nil))
		}
		want := 1
		if s.Server.Store == "file" { // appends whatever comes
			want = 4
		}
		assert.Len(t, history(t, s, runID, "loss"), want)
	})
}

func TestLogNaNTwice(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client, at := newScenarioClient(t, s), s.Now()
		runID := newRun(t, s, client).RunID
		nan := []tracking.Metric{{Key: "loss", Value: math.NaN(), Timestamp: at}}
		require.NoError(t, client.LogBatch(t.Context(), runID, nan, nil, nil))
		require.NoError(t, client.LogBatch(t.Context(), runID, nan, nil, nil), "before 3.16 an SQL store refuses it")
	})
}

func TestSearchRunsComparesNaN(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		run := newRun(t, s, client)
		require.NoError(t, client.LogMetric(t.Context(), run.RunID, "loss", math.NaN(), tracking.WithTimestamp(s.Now())))
		list, err := client.SearchRuns(t.Context(), []string{run.ExperimentID}, tracking.WithRunsFilter("metrics.loss = 0"))
		require.NoError(t, err)
		if s.Server.Before("3.17") && s.Server.Store != "file" { // takes NaN for 0
			assert.Len(t, list.Runs, 1)
			return
		}
		assert.Empty(t, list.Runs)
	})
}

func TestUpdateRunTakesEndTimeBack(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		runID := newRun(t, s, client).RunID
		info, err := client.UpdateRun(t.Context(), runID, tracking.WithStatus(tracking.RunStatusFinished), tracking.WithEndTime(s.Now()))
		require.NoError(t, err)
		assert.NotZero(t, info.EndTime)

		info, err = client.UpdateRun(t.Context(), runID, tracking.WithStatus(tracking.RunStatusRunning), tracking.WithEndTime(time.UnixMilli(0)))
		require.NoError(t, err)
		assert.Equal(t, tracking.RunStatusRunning, info.Status)
		if s.Server.Store != "file" { // which takes 0 for none given
			assert.Zero(t, info.EndTime)
		}
	})
}

func TestCreateRunBefore1970(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client, start := newScenarioClient(t, s), time.Date(1912, time.June, 23, 0, 0, 0, 0, time.UTC)
		run, err := client.CreateRun(t.Context(), newExperiment(t, s, client), tracking.WithRunName("run"), tracking.WithStartTime(start))
		require.NoError(t, err)
		assert.Equal(t, start, run.Info.StartTime)
	})
}

// TestQuotesInFilters shows that MLflow has no escape: a value in the wrong quotes is found by nobody.
func TestQuotesInFilters(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		run := newRun(t, s, client)
		require.NoError(t, client.LogParam(t.Context(), run.RunID, "text", "it's"))
		for _, tt := range []struct {
			filter string
			want   int
		}{{`params.text = "it's"`, 1}, {`params.text = 'it''s'`, 0}} {
			list, err := client.SearchRuns(t.Context(), []string{run.ExperimentID}, tracking.WithRunsFilter(tt.filter))
			require.NoError(t, err)
			assert.Len(t, list.Runs, tt.want, tt.filter)
		}
	})
}
