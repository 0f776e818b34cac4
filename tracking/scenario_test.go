package tracking_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/tracking"
)

// Scenarios are the tests that call scenario.Run: each is replayed for every recorded server, and runs against real
// ones in `make integration`. What they share is here.

// missingRun is the ID of a run that no server has.
const missingRun = "00000000000000000000000000000bad"

// missingExperiment is the ID of an experiment that no server has.
const missingExperiment = "987654321"

// fastTrackML says where FastTrackML, a server of its own with MLflow's API, differs from all releases of MLflow so much
// that a scenario does not fit it.
var fastTrackML = map[string]string{
	"TestBatcherRefusals":                "takes any key, and changes to a deleted run",
	"TestCreateRun":                      "keeps the name of a run apart from the tag mlflow.runName",
	"TestCreateRunWithTwoNames":          "takes a name and another tag mlflow.runName",
	"TestDeleteExperimentTag":            "has no such endpoint",
	"TestDeletedExperimentRefuses":       "deletes an experiment twice, and takes changes to a deleted one",
	"TestDeletedRunRefuses":              "takes changes to a deleted run",
	"TestErrorPage":                      "takes it for an empty list",
	"TestExperimentIDThatIsNoNumber":     "responds with 400 BAD_REQUEST",
	"TestExperimentNameTooLong":          "takes names of any length",
	"TestExperimentTagTooLong":           "takes tags of any length",
	"TestGetOrCreateExperimentAtOnce":    "responds to a lost race with 500 INTERNAL_ERROR",
	"TestKeyTooLong":                     "takes keys of any length",
	"TestLogBatch":                       "refuses a metric at timestamp 0",
	"TestLogBatchOfAnySize":              "refuses a metric at timestamp 0",
	"TestLogBatchRefused":                "takes a param twice in a batch",
	"TestLogInputs":                      "has no such endpoint",
	"TestLogInputsRefused":               "has no such endpoint",
	"TestLogInputsTwice":                 "has no such endpoint",
	"TestLogMetric":                      "refuses a metric at timestamp 0",
	"TestLogMetricLatest":                "takes the value that was sent last for the latest",
	"TestLogMetricRefused":               "takes any key",
	"TestLogParamRefused":                "takes any key",
	"TestLongValuesAreCut":               "stores long values whole",
	"TestQuotesInFilters":                "refuses 'it''s' as malformed, with 400",
	"TestRestoreExperiment":              "restores it alone, and once more without an error",
	"TestSampleMetricHistory":            "has no such endpoint",
	"TestSampleMetricHistoryOfManyRuns":  "has no such endpoint",
	"TestSearchExperimentsRefused":       "takes any order and any number of results",
	"TestSearchRuns":                     "sorts NaN first, and does not find runs by attributes.run_name",
	"TestSearchRunsComparesNaN":          "takes NaN for 0",
	"TestSearchRunsForTooFew":            "takes any number of results",
	"TestSearchRunsForTooManyConditions": "responds with 500 INTERNAL_ERROR",
	"TestSetTag":                         "takes any key, and keeps the name of a run apart from the tag mlflow.runName",
	"TestSetTerminated":                  "takes changes to a deleted run",
	"TestUpdateExperimentNameTaken":      "responds with 500 INTERNAL_ERROR",
	"TestUpdateRun":                      "forgets the end time with every update that has none, and responds with what was changed only",
	"TestUpdateRunStatus":                "forgets the end time with every update that has none",
	"TestValuesSurvive":                  "keeps the name of a run apart from the tag mlflow.runName",
}

// newScenarioClient returns a client for the session's server.
func newScenarioClient(t *testing.T, s *scenario.Session, opts ...mlflow.Option) *tracking.Client {
	t.Helper()
	scenario, _, _ := strings.Cut(t.Name(), "/")
	if why := fastTrackML[scenario]; why != "" && s.Server.FastTrackML() {
		t.Skip("FastTrackML " + why)
	}
	return newClient(t, append([]mlflow.Option{
		mlflow.WithTrackingURI(s.URI), mlflow.WithHTTPClient(s.HTTPClient()),
	}, opts...)...)
}

// newExperiment creates an experiment of the scenario's own.
func newExperiment(t *testing.T, s *scenario.Session, client *tracking.Client) string {
	t.Helper()
	id, err := client.CreateExperiment(t.Context(), s.Name("experiment"))
	require.NoError(t, err)
	return id
}

// newRun creates a run in an experiment of the scenario's own.
func newRun(t *testing.T, s *scenario.Session, client *tracking.Client) tracking.RunInfo {
	t.Helper()
	return newRunIn(t, s, client, newExperiment(t, s, client))
}

func newRunIn(t *testing.T, s *scenario.Session, client *tracking.Client, experimentID string) tracking.RunInfo {
	t.Helper()
	run, err := client.CreateRun(t.Context(), experimentID, tracking.WithRunName("run"), tracking.WithStartTime(s.Now()))
	require.NoError(t, err)
	return run.Info
}

// requireRefused checks that a server refused a call, with the given status and code, which sentinel matches.
func requireRefused(t *testing.T, err error, status int, code tracking.ErrorCode, sentinel error) {
	t.Helper()
	searchError(err)
	var refusal *tracking.Error
	require.ErrorAs(t, err, &refusal)
	assert.Equal(t, status, refusal.StatusCode, "status of %v", err)
	assert.Equal(t, code, refusal.Code, "code of %v", err)
	assert.NotEmpty(t, refusal.Message)
	for _, each := range []error{
		tracking.ErrNotFound, tracking.ErrAlreadyExists, tracking.ErrInvalidArgument, tracking.ErrUnauthenticated,
		tracking.ErrPermissionDenied, tracking.ErrRateLimited, tracking.ErrUnavailable, tracking.ErrUnsupported,
		tracking.ErrUnexpectedResponse,
	} {
		assert.Equal(t, each == sentinel, refusal.Is(each), "errors.Is(%v, %v)", err, each)
	}
}

func requireNotFound(t *testing.T, err error) {
	t.Helper()
	requireRefused(t, err, 404, tracking.ErrorCodeResourceDoesNotExist, tracking.ErrNotFound)
}

// requireNoEndpoint checks that the server is too old for a call.
func requireNoEndpoint(t *testing.T, err error) {
	t.Helper()
	requireRefused(t, err, 404, "", tracking.ErrUnsupported)
}

func requireInvalid(t *testing.T, err error) {
	t.Helper()
	requireRefused(t, err, 400, tracking.ErrorCodeInvalidParameterValue, tracking.ErrInvalidArgument)
}

// assertRecent checks a time that the server, or the library, took from its clock. A recording has a fixed one.
func assertRecent(t *testing.T, s *scenario.Session, got time.Time) {
	t.Helper()
	if s.Live() {
		assert.WithinDuration(t, time.Now(), got, time.Hour)
	} else {
		assert.False(t, got.IsZero())
	}
}
