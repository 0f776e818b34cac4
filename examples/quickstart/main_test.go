package main

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/mlflowtest"
	"github.com/mlflow-go/mlflow/tracking"
)

// newServer starts a server in memory, and returns its URL and a client.
func newServer(t *testing.T) (string, *tracking.Client) {
	t.Helper()
	server := mlflowtest.NewServer()
	t.Cleanup(server.Close)
	client, err := mlflow.NewClient(mlflow.WithTrackingURI(server.URL))
	require.NoError(t, err)
	return server.URL, client.Tracking()
}

// TestRun runs the whole program, and looks at what it has tracked.
func TestRun(t *testing.T) {
	uri, client := newServer(t)
	t.Setenv("MLFLOW_TRACKING_URI", uri)
	require.NoError(t, run(t.Context()))

	experiment, err := client.GetExperimentByName(t.Context(), experimentName)
	require.NoError(t, err)
	statuses := map[string]tracking.RunStatus{}
	for run, err := range client.AllRuns(t.Context(), []string{experiment.ID}) {
		require.NoError(t, err)
		statuses[run.Info.RunName] = run.Info.Status
		history, err := client.GetMetricHistory(t.Context(), run.Info.RunID, "loss")
		require.NoError(t, err)
		assert.Len(t, history, 500)
	}
	assert.Equal(t, map[string]tracking.RunStatus{
		"rate 0.0005": tracking.RunStatusFinished,
		"rate 0.002":  tracking.RunStatusFinished,
		"rate 0.01":   tracking.RunStatusFinished,
		"rate 5":      tracking.RunStatusFailed,
	}, statuses)
}

// TestEndRun checks that a run gets an end even after an interruption, and which one.
func TestEndRun(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		interrupted, finished bool
		want                  tracking.RunStatus
	}{
		"finished":                       {false, true, tracking.RunStatusFinished},
		"finished, and then interrupted": {true, true, tracking.RunStatusFinished},
		"failed":                         {false, false, tracking.RunStatusFailed},
		"interrupted":                    {true, false, tracking.RunStatusKilled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, client := newServer(t)
			run, err := client.CreateRun(t.Context(), "0")
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if test.interrupted {
				cancel()
			}
			require.NoError(t, endRun(ctx, client, run.Info.RunID, test.finished))
			run, err = client.GetRun(t.Context(), run.Info.RunID)
			require.NoError(t, err)
			assert.Equal(t, test.want, run.Info.Status)
		})
	}
}
