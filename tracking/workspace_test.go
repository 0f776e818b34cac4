package tracking_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/tracking"
)

const notInRecordings = "recordings do not hold the header that names a workspace"

func TestWorkspaceKeepsExperimentsApart(t *testing.T) {
	scenario.RunWith(t, scenario.FeatureWorkspaces, func(t *testing.T, s *scenario.Session) {
		s.LiveOnly(notInRecordings)
		vision, speech := s.NewWorkspace("vision"), s.NewWorkspace("speech")
		ctx, name := t.Context(), s.Name("same")
		clients := map[string]*tracking.Client{
			"":     newScenarioClient(t, s),
			vision: newScenarioClient(t, s, mlflow.WithWorkspace(vision)),
			speech: newScenarioClient(t, s, mlflow.WithWorkspace(speech)),
		}
		runs := make(map[string]tracking.RunInfo)
		for workspace, client := range clients {
			id, err := client.CreateExperiment(ctx, name)
			require.NoError(t, err, "the name is free in %q", workspace)
			runs[workspace] = newRunIn(t, s, client, id)
		}
		for workspace, client := range clients {
			got, err := client.GetExperimentByName(ctx, name)
			require.NoError(t, err)
			assert.Equal(t, runs[workspace].ExperimentID, got.ID, "in %q", workspace)

			found, err := client.SearchExperiments(ctx, tracking.WithExperimentsFilter("name = '"+name+"'"))
			require.NoError(t, err)
			assert.Len(t, found.Experiments, 1, "in %q", workspace)

			for other, run := range runs {
				err := client.SetTag(ctx, run.RunID, "set-by", workspace)
				if other == workspace {
					require.NoError(t, err)
				} else {
					requireNotFound(t, err)
					_, err := client.GetMetricHistory(ctx, run.RunID, "loss")
					requireNotFound(t, err)
				}
			}
		}
		asDefault, err := newScenarioClient(t, s, mlflow.WithWorkspace("default")).GetExperimentByName(ctx, name)
		require.NoError(t, err)
		assert.Equal(t, runs[""].ExperimentID, asDefault.ID, "no workspace is the one named default")
	})
}

func TestWorkspaceThatIsMissing(t *testing.T) {
	scenario.RunWith(t, scenario.FeatureWorkspaces, func(t *testing.T, s *scenario.Session) {
		s.LiveOnly(notInRecordings)
		client, name := newScenarioClient(t, s, mlflow.WithWorkspace("nowhere")), s.Name("experiment")
		_, err := client.CreateExperiment(t.Context(), name)
		requireNotFound(t, err)
		assert.ErrorContains(t, err, "nowhere")
		_, err = newScenarioClient(t, s).GetExperimentByName(t.Context(), name)
		requireNotFound(t, err)

		_, err = newScenarioClient(t, s, mlflow.WithWorkspace("Not A Workspace")).CreateExperiment(t.Context(), name)
		requireInvalid(t, err)
	})
}

// Releases before 3.10 ignore the header that names a workspace, and would write into what all share.
func TestWorkspaceOfAServerWithoutWorkspaces(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		s.LiveOnly(notInRecordings)
		client, name := newScenarioClient(t, s, mlflow.WithWorkspace("vision")), s.Name("experiment")
		for range 2 { // the check is not forgotten
			_, err := client.CreateExperiment(t.Context(), name)
			require.ErrorIs(t, err, tracking.ErrUnsupported)
			assert.ErrorContains(t, err, "workspaces")
		}
		shared := newScenarioClient(t, s)
		_, err := shared.GetExperimentByName(t.Context(), name)
		require.ErrorIs(t, err, tracking.ErrNotFound, "nothing is written")

		run := newRun(t, s, shared)
		require.ErrorIs(t, client.SetTag(t.Context(), run.RunID, "team", "vision"), tracking.ErrUnsupported)
		got, err := shared.GetRun(t.Context(), run.RunID)
		require.NoError(t, err)
		assert.NotContains(t, got.Data.Tags, "team")
	})
}
