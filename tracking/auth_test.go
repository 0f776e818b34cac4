package tracking_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/tracking"
)

// These scenarios are about servers with MLflow's own sign-in, `mlflow server --app-name basic-auth`. Whoever runs such
// a server for them names its administrator in MLFLOW_TEST_USERNAME and MLFLOW_TEST_PASSWORD. Recordings hold no
// credentials: replayed, they show how the client takes what such a server responds.

// A login is a user name and password.
type login struct{ username, password string }

func (l login) option() mlflow.Option { return mlflow.WithBasicAuth(l.username, l.password) }

// runWithBasicAuth runs a scenario with the login of the server's administrator.
func runWithBasicAuth(t *testing.T, run func(t *testing.T, s *scenario.Session, admin login)) {
	t.Helper()
	scenario.RunWith(t, scenario.FeatureBasicAuth, func(t *testing.T, s *scenario.Session) {
		admin := login{"admin", "not the real one"}
		if s.Live() {
			admin = login{os.Getenv("MLFLOW_TEST_USERNAME"), os.Getenv("MLFLOW_TEST_PASSWORD")}
			require.NotEmpty(t, admin.username, "MLFLOW_TEST_USERNAME must name the server's administrator")
		}
		run(t, s, admin)
	})
}

// newReader makes a user who may read everything, which is what servers allow new users by default. The request for that
// is not recorded, as it holds a password.
func newReader(t *testing.T, s *scenario.Session, admin login) login {
	t.Helper()
	reader := login{s.Name("reader"), rand.Text()}
	if !s.Live() {
		return reader
	}
	body, err := json.Marshal(map[string]string{"username": reader.username, "password": reader.password})
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URI+"/api/2.0/mlflow/users/create", bytes.NewReader(body))
	require.NoError(t, err)
	request.SetBasicAuth(admin.username, admin.password)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
	return reader
}

func TestBasicAuthWrongCredentials(t *testing.T) {
	runWithBasicAuth(t, func(t *testing.T, s *scenario.Session, admin login) {
		for _, test := range []struct {
			name string
			opts []mlflow.Option
		}{
			{"no credentials", nil},
			{"a wrong password", []mlflow.Option{mlflow.WithBasicAuth(admin.username, "wr0ng-passw0rd")}},
			{"an unknown user", []mlflow.Option{mlflow.WithBasicAuth("nobody-here", admin.password)}},
			{"a token", []mlflow.Option{mlflow.WithToken("t0ken-t0ken")}},
		} {
			client := newScenarioClient(t, s, test.opts...)
			_, err := client.GetRun(t.Context(), missingRun)
			requireRefused(t, err, 401, "", tracking.ErrUnauthenticated)
			assert.ErrorContains(t, err, "not authenticated", test.name)
			for _, secret := range []string{admin.password, "wr0ng-passw0rd", "t0ken-t0ken"} {
				assert.NotContains(t, err.Error(), secret, test.name)
			}
			_, err = client.CreateExperiment(t.Context(), s.Name(test.name))
			requireRefused(t, err, 401, "", tracking.ErrUnauthenticated)
		}
	})
}

func TestBasicAuthAdministrator(t *testing.T) {
	runWithBasicAuth(t, func(t *testing.T, s *scenario.Session, admin login) {
		client := newScenarioClient(t, s, admin.option())
		run := newRun(t, s, client)
		require.NoError(t, client.LogMetric(t.Context(), run.RunID, "loss", 0.5))
		got, err := client.GetRun(t.Context(), run.RunID)
		require.NoError(t, err)
		require.Len(t, got.Data.Metrics, 1)

		_, err = client.GetRun(t.Context(), missingRun)
		requireNotFound(t, err)
	})
}

func TestBasicAuthReaderMayRead(t *testing.T) {
	runWithBasicAuth(t, func(t *testing.T, s *scenario.Session, admin login) {
		run := newRun(t, s, newScenarioClient(t, s, admin.option()))
		client := newScenarioClient(t, s, newReader(t, s, admin).option())

		got, err := client.GetRun(t.Context(), run.RunID)
		require.NoError(t, err)
		assert.Equal(t, run, got.Info)
		experiment, err := client.GetExperiment(t.Context(), run.ExperimentID)
		require.NoError(t, err)
		assert.Equal(t, run.ExperimentID, experiment.ID)
		runs, err := client.SearchRuns(t.Context(), []string{run.ExperimentID})
		require.NoError(t, err)
		require.Len(t, runs.Runs, 1)
		assert.Equal(t, run.RunID, runs.Runs[0].Info.RunID)
	})
}

func TestBasicAuthReaderMayNotWrite(t *testing.T) {
	runWithBasicAuth(t, func(t *testing.T, s *scenario.Session, admin login) {
		writer := newScenarioClient(t, s, admin.option())
		run := newRun(t, s, writer)
		before, err := writer.GetRun(t.Context(), run.RunID)
		require.NoError(t, err)

		client, ctx := newScenarioClient(t, s, newReader(t, s, admin).option()), t.Context()
		_, createErr := client.CreateRun(ctx, run.ExperimentID)
		_, updateErr := client.UpdateRun(ctx, run.RunID, tracking.WithStatus(tracking.RunStatusFinished))
		for name, err := range map[string]error{ // the calls are made in the order in which they stand here
			"CreateRun":         createErr,
			"UpdateRun":         updateErr,
			"SetTerminated":     client.SetTerminated(ctx, run.RunID, tracking.RunStatusFinished),
			"DeleteRun":         client.DeleteRun(ctx, run.RunID),
			"RestoreRun":        client.RestoreRun(ctx, run.RunID),
			"LogMetric":         client.LogMetric(ctx, run.RunID, "loss", 0.5),
			"LogParam":          client.LogParam(ctx, run.RunID, "rate", "0.1"),
			"SetTag":            client.SetTag(ctx, run.RunID, "team", "vision"),
			"DeleteTag":         client.DeleteTag(ctx, run.RunID, "team"),
			"LogBatch":          client.LogBatch(ctx, run.RunID, nil, []tracking.Param{{Key: "rate", Value: "0.1"}}, nil),
			"SetExperimentTag":  client.SetExperimentTag(ctx, run.ExperimentID, "team", "vision"),
			"UpdateExperiment":  client.UpdateExperiment(ctx, run.ExperimentID, s.Name("other")),
			"DeleteExperiment":  client.DeleteExperiment(ctx, run.ExperimentID),
			"RestoreExperiment": client.RestoreExperiment(ctx, run.ExperimentID),
		} {
			var batch *tracking.BatchError
			if errors.As(err, &batch) {
				err = batch.Err
			}
			requireRefused(t, err, 403, "", tracking.ErrPermissionDenied)
			assert.ErrorContains(t, err, "mlflow: "+name+": 403 Forbidden: Permission denied")
		}

		untag := client.DeleteExperimentTag(ctx, run.ExperimentID, "team")
		if s.Server.Before("3.2") {
			requireNoEndpoint(t, untag)
		} else {
			requireRefused(t, untag, 403, "", tracking.ErrPermissionDenied)
		}

		after, err := writer.GetRun(ctx, run.RunID)
		require.NoError(t, err)
		assert.Equal(t, before, after)
		runs, err := writer.SearchRuns(ctx, []string{run.ExperimentID}, tracking.WithRunsViewType(tracking.ViewTypeAll))
		require.NoError(t, err)
		assert.Len(t, runs.Runs, 1)
	})
}

func TestBasicAuthReaderOfAMissingRun(t *testing.T) {
	runWithBasicAuth(t, func(t *testing.T, s *scenario.Session, admin login) {
		client := newScenarioClient(t, s, newReader(t, s, admin).option())
		_, err := client.GetRun(t.Context(), missingRun)
		if s.Server.Before("3.17") {
			requireNotFound(t, err)
		} else { // who may not see everything is not told what is there
			requireRefused(t, err, 403, "", tracking.ErrPermissionDenied)
		}
		_, err = client.GetExperiment(t.Context(), missingExperiment)
		requireNotFound(t, err)
	})
}

func TestBasicAuthCreatorMayWrite(t *testing.T) {
	runWithBasicAuth(t, func(t *testing.T, s *scenario.Session, admin login) {
		client := newScenarioClient(t, s, newReader(t, s, admin).option())
		run := newRun(t, s, client)
		require.NoError(t, client.LogMetric(t.Context(), run.RunID, "loss", 0.5))
		require.NoError(t, client.DeleteExperiment(t.Context(), run.ExperimentID))
		require.NoError(t, client.RestoreExperiment(t.Context(), run.ExperimentID))

		created, err := client.GetOrCreateExperiment(t.Context(), s.Name("mine"))
		require.NoError(t, err)
		got, err := client.GetOrCreateExperiment(t.Context(), s.Name("mine"))
		require.NoError(t, err)
		assert.Equal(t, created, got)
	})
}
