package tracking_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/tracking"
)

func TestCreateRun(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		experimentID, start := newExperiment(t, s, client), s.Now()
		created, err := client.CreateRun(t.Context(), experimentID,
			tracking.WithRunName("first try"),
			tracking.WithStartTime(start),
			tracking.WithRunTags(map[string]string{"mlflow.user": "ada", "empty": "", "order": "z before a"}))
		require.NoError(t, err)

		assert.NotEmpty(t, created.Info.RunID)
		assert.NotEmpty(t, created.Info.ArtifactURI)
		assert.Equal(t, &tracking.Run{
			Info: tracking.RunInfo{
				RunID:          created.Info.RunID,
				ExperimentID:   experimentID,
				RunName:        "first try",
				UserID:         "ada",
				Status:         tracking.RunStatusRunning,
				StartTime:      start,
				ArtifactURI:    created.Info.ArtifactURI,
				LifecycleStage: tracking.LifecycleStageActive,
			},
			Data: tracking.RunData{
				Metrics: []tracking.Metric{},
				Params:  []tracking.Param{},
				Tags: map[string]string{
					"mlflow.user": "ada", "mlflow.runName": "first try", "empty": "", "order": "z before a",
				},
			},
			Inputs: tracking.RunInputs{Datasets: []tracking.DatasetInput{}},
		}, created)

		got, err := client.GetRun(t.Context(), created.Info.RunID)
		require.NoError(t, err)
		assert.Equal(t, created, got)
	})
}

func TestCreateRunWithoutOptions(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		run, err := client.CreateRun(t.Context(), newExperiment(t, s, client))
		require.NoError(t, err)
		assert.NotEmpty(t, run.Info.RunName, "servers make up a name")
		assert.Equal(t, "unknown", run.Info.UserID)
		assert.Zero(t, run.Info.EndTime)
		assertRecent(t, s, run.Info.StartTime)
	})
}

func TestCreateRunInMissingExperiment(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		_, err := newScenarioClient(t, s).CreateRun(t.Context(), missingExperiment, tracking.WithStartTime(s.Now()))
		requireNotFound(t, err)
	})
}

func TestCreateRunWithTwoNames(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		_, err := client.CreateRun(t.Context(), newExperiment(t, s, client),
			tracking.WithStartTime(s.Now()),
			tracking.WithRunName("one"),
			tracking.WithRunTags(map[string]string{"mlflow.runName": "another"}))
		requireInvalid(t, err)
	})
}

func TestParentRun(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		parent := newRun(t, s, client)
		var children []string
		for _, name := range []string{"first", "second"} {
			child, err := client.CreateRun(t.Context(), parent.ExperimentID, tracking.WithRunName(name),
				tracking.WithStartTime(s.Now()), tracking.WithParentRun(parent.RunID))
			require.NoError(t, err)
			assert.Equal(t, parent.RunID, child.Data.Tags[tracking.TagParentRunID])
			children = append(children, child.Info.RunID)
		}
		found, err := client.SearchRuns(t.Context(), []string{parent.ExperimentID},
			tracking.WithRunsFilter("tags."+tracking.TagParentRunID+" = '"+parent.RunID+"'"),
			tracking.WithRunsOrderBy("attributes.start_time ASC"))
		require.NoError(t, err)
		var ids []string
		for _, run := range found.Runs {
			ids = append(ids, run.Info.RunID)
		}
		assert.Equal(t, children, ids)
	})
}

func TestGetRunMissing(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		_, err := newScenarioClient(t, s).GetRun(t.Context(), missingRun)
		requireNotFound(t, err)
	})
}

func TestUpdateRun(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		want := newRun(t, s, client)

		want.Status, want.EndTime = tracking.RunStatusFinished, s.Now()
		got, err := client.UpdateRun(t.Context(), want.RunID,
			tracking.WithStatus(want.Status), tracking.WithEndTime(want.EndTime))
		require.NoError(t, err)
		assert.Equal(t, &want, got)

		want.RunName = "renamed"
		got, err = client.UpdateRun(t.Context(), want.RunID, tracking.WithRunName("renamed"))
		require.NoError(t, err)
		assert.Equal(t, &want, got, "only the name changes")

		got, err = client.UpdateRun(t.Context(), want.RunID)
		require.NoError(t, err)
		assert.Equal(t, &want, got, "nothing changes without options")

		run, err := client.GetRun(t.Context(), want.RunID)
		require.NoError(t, err)
		assert.Equal(t, want, run.Info)
		assert.Equal(t, "renamed", run.Data.Tags["mlflow.runName"])
	})
}

func TestUpdateRunStatus(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		run, end := newRun(t, s, client), time.Time{}
		for _, status := range []tracking.RunStatus{
			tracking.RunStatusScheduled, tracking.RunStatusFailed, tracking.RunStatusKilled, tracking.RunStatusFinished,
			tracking.RunStatusRunning,
		} {
			got, err := client.UpdateRun(t.Context(), run.RunID, tracking.WithStatus(status))
			require.NoError(t, err)
			assert.Equal(t, status, got.Status)
			assert.Equal(t, end, got.EndTime)

			end = s.Now()
			got, err = client.UpdateRun(t.Context(), run.RunID, tracking.WithStatus(status), tracking.WithEndTime(end))
			require.NoError(t, err)
			assert.Equal(t, status, got.Status)
			assert.Equal(t, end, got.EndTime, "also of a run that is said to be running again")
		}
	})
}

func TestSetTerminated(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		want := newRun(t, s, client)
		for _, status := range []tracking.RunStatus{
			tracking.RunStatusFailed, tracking.RunStatusKilled, tracking.RunStatusFinished,
		} {
			want.Status, want.EndTime = status, s.Now()
			require.NoError(t, client.SetTerminated(t.Context(), want.RunID, status, tracking.WithEndTime(want.EndTime)))
			got, err := client.GetRun(t.Context(), want.RunID)
			require.NoError(t, err)
			assert.Equal(t, want, got.Info)
		}
		require.NoError(t, client.DeleteRun(t.Context(), want.RunID))
		requireInvalid(t, client.SetTerminated(t.Context(), want.RunID, tracking.RunStatusFinished))
		err := client.SetTerminated(t.Context(), missingRun, tracking.RunStatusFinished)
		requireNotFound(t, err)
		require.ErrorContains(t, err, "SetTerminated")
	})
}

func TestSetTerminatedWithoutOptions(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		s.LiveOnly("SetTerminated compares the end time in the response with that of the clock")
		client := newScenarioClient(t, s)
		runID := newRun(t, s, client).RunID
		require.NoError(t, client.SetTerminated(t.Context(), runID, tracking.RunStatusFinished))
		got, err := client.GetRun(t.Context(), runID)
		require.NoError(t, err)
		assert.Equal(t, tracking.RunStatusFinished, got.Info.Status)
		assertRecent(t, s, got.Info.EndTime)
	})
}

func TestUpdateRunMissing(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		_, err := newScenarioClient(t, s).UpdateRun(t.Context(), missingRun, tracking.WithStatus(tracking.RunStatusFailed))
		requireNotFound(t, err)
	})
}

func TestDeleteRun(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		runID := newRun(t, s, client).RunID
		require.NoError(t, client.DeleteRun(t.Context(), runID))
		require.NoError(t, client.DeleteRun(t.Context(), runID), "deleting it again does nothing")

		got, err := client.GetRun(t.Context(), runID)
		require.NoError(t, err)
		assert.Equal(t, tracking.LifecycleStageDeleted, got.Info.LifecycleStage)

		requireNotFound(t, client.DeleteRun(t.Context(), missingRun))
	})
}

func TestRestoreRun(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		runID := newRun(t, s, client).RunID
		require.NoError(t, client.DeleteRun(t.Context(), runID))
		require.NoError(t, client.RestoreRun(t.Context(), runID))
		require.NoError(t, client.RestoreRun(t.Context(), runID), "restoring it again does nothing")

		got, err := client.GetRun(t.Context(), runID)
		require.NoError(t, err)
		assert.Equal(t, tracking.LifecycleStageActive, got.Info.LifecycleStage)
		require.NoError(t, client.SetTag(t.Context(), runID, "key", "value"), "it can be changed again")

		requireNotFound(t, client.RestoreRun(t.Context(), missingRun))
	})
}

func TestDeletedRunRefuses(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		runID := newRun(t, s, client).RunID
		require.NoError(t, client.SetTag(t.Context(), runID, "key", "value"))
		require.NoError(t, client.DeleteRun(t.Context(), runID))

		at := s.Now()
		requireInvalid(t, client.LogMetric(t.Context(), runID, "loss", 1, tracking.WithTimestamp(at)))
		requireInvalid(t, client.LogParam(t.Context(), runID, "rate", "0.1"))
		requireInvalid(t, client.SetTag(t.Context(), runID, "key", "value"))
		requireInvalid(t, client.DeleteTag(t.Context(), runID, "key"))
		requireInvalid(t, client.LogBatch(t.Context(), runID, []tracking.Metric{{Key: "loss", Timestamp: at}}, nil, nil))
		_, err := client.UpdateRun(t.Context(), runID, tracking.WithStatus(tracking.RunStatusFinished))
		requireInvalid(t, err)
	})
}
