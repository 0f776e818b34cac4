package artifacts_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/tracking"
)

// TestBasicAuthArtifacts needs a server with MLflow's own sign-in, of which the environment names the administrator.
func TestBasicAuthArtifacts(t *testing.T) {
	scenario.RunWith(t, scenario.FeatureBasicAuth, func(t *testing.T, s *scenario.Session) {
		s.LiveOnly("recordings hold no credentials")
		login := mlflow.WithBasicAuth(os.Getenv("MLFLOW_TEST_USERNAME"), os.Getenv("MLFLOW_TEST_PASSWORD"))
		client := newScenarioClient(t, s, login)
		files, run := client.Artifacts(), newRun(t, s, client)
		want := tree()
		require.NoError(t, files.LogArtifacts(t.Context(), run, "", want))
		requireSame(t, want, files.FS(t.Context(), run))
		require.NoError(t, files.DeleteArtifact(t.Context(), run, "folder"))

		stranger := newScenarioClient(t, s, mlflow.WithBasicAuth("nobody", "wrong"), mlflow.WithRetry(mlflow.RetryPolicy{MaxAttempts: 1})).Artifacts()
		require.ErrorIs(t, stranger.LogArtifact(t.Context(), run, "a", strings.NewReader("x")), tracking.ErrUnauthenticated)
		_, err := stranger.ListArtifacts(t.Context(), run, "")
		require.ErrorIs(t, err, tracking.ErrUnauthenticated)
	})
}

// TestWorkspaceArtifacts needs a server with workspaces.
func TestWorkspaceArtifacts(t *testing.T) {
	scenario.RunWith(t, scenario.FeatureWorkspaces, func(t *testing.T, s *scenario.Session) {
		s.LiveOnly("recordings do not hold the header that names a workspace")
		name := s.NewWorkspace("artifacts")
		client := newScenarioClient(t, s, mlflow.WithWorkspace(name))
		files, run := client.Artifacts(), newRun(t, s, client)
		want := tree()
		require.NoError(t, files.LogArtifacts(t.Context(), run, "", want))
		requireSame(t, want, files.FS(t.Context(), run))
		require.NoError(t, files.DeleteArtifact(t.Context(), run, "folder"))
		_, err := newScenarioClient(t, s).Artifacts().ListArtifacts(t.Context(), run, "")
		assert.ErrorIs(t, err, tracking.ErrNotFound, "another workspace")
	})
}
