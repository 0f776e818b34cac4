package artifacts_test

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/artifacts"
	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/tracking"
)

// missingRun is the ID of a run that no server has.
const missingRun = "00000000000000000000000000000bad"

// newScenarioClient returns a client for the session's server.
func newScenarioClient(t *testing.T, s *scenario.Session, opts ...mlflow.Option) *mlflow.Client {
	t.Helper()
	if s.Server.FastTrackML() {
		t.Skip("FastTrackML keeps artifacts elsewhere")
	}
	client, err := mlflow.NewClient(append([]mlflow.Option{
		mlflow.WithTrackingURI(s.URI), mlflow.WithHTTPClient(s.HTTPClient()),
	}, opts...)...)
	require.NoError(t, err)
	return client
}

// newRun creates a run in an experiment of the scenario's own.
func newRun(t *testing.T, s *scenario.Session, client *mlflow.Client, opts ...tracking.CreateExperimentOption) string {
	t.Helper()
	experiment, err := client.Tracking().CreateExperiment(t.Context(), s.Name("experiment"), opts...)
	require.NoError(t, err)
	run, err := client.Tracking().CreateRun(t.Context(), experiment, tracking.WithRunName("run"), tracking.WithStartTime(s.Now()))
	require.NoError(t, err)
	return run.Info.RunID
}

func logText(t *testing.T, client *artifacts.Client, runID, path, text string) {
	t.Helper()
	require.NoError(t, client.LogArtifact(t.Context(), runID, path, strings.NewReader(text)), "%q", path)
}

// download returns the whole content of an artifact.
func download(t *testing.T, client *artifacts.Client, runID, path string) string {
	t.Helper()
	body, err := client.DownloadArtifact(t.Context(), runID, path)
	require.NoError(t, err, "%q", path)
	content, err := io.ReadAll(body)
	require.NoError(t, err, "%q", path)
	assert.NoError(t, body.Close())
	return string(content)
}

// requireRefused checks that the library refused arguments before anything was sent.
func requireRefused(t *testing.T, err error, reason string) {
	t.Helper()
	var refusal *tracking.Error
	require.ErrorAs(t, err, &refusal)
	assert.ErrorIs(t, err, tracking.ErrInvalidArgument)
	assert.Zero(t, refusal.StatusCode)
	assert.Zero(t, refusal.Attempts)
	assert.ErrorContains(t, err, reason)
}
