package tracking_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/internal/scenario"
)

// A request of the program's own reaches real servers as those of the library do.
func TestRequestsOfTheProgram(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		run := newRun(t, s, newScenarioClient(t, s))
		client, err := mlflow.NewClient(mlflow.WithTrackingURI(s.URI), mlflow.WithHTTPClient(s.HTTPClient()))
		require.NoError(t, err)
		send := func(method, uri, body string, result any) int {
			t.Helper()
			request, err := http.NewRequestWithContext(t.Context(), method, uri, strings.NewReader(body))
			require.NoError(t, err)
			request.Header.Set("Content-Type", "application/json")
			response, err := client.Do(request)
			require.NoError(t, err)
			defer response.Body.Close()
			require.NoError(t, json.NewDecoder(response.Body).Decode(result))
			return response.StatusCode
		}

		var found struct {
			Runs []struct {
				Info struct {
					RunID string `json:"run_id"`
				}
			}
		}
		search := `{"experiment_ids": ["` + run.ExperimentID + `"], "max_results": 5}`
		assert.Equal(t, 200, send(http.MethodPost, "/api/2.0/mlflow/runs/search", search, &found))
		require.Len(t, found.Runs, 1)
		assert.Equal(t, run.RunID, found.Runs[0].Info.RunID)

		var refusal struct {
			Code string `json:"error_code"`
		}
		assert.Equal(t, 404, send(http.MethodGet, s.URI+"/api/2.0/mlflow/runs/get?run_id="+missingRun, "", &refusal))
		assert.Equal(t, "RESOURCE_DOES_NOT_EXIST", refusal.Code)
	})
}

// Where MLflow does not expect what is sent, Flask responds with a page of HTML.
func TestErrorPage(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		if s.Server == scenario.Memory {
			t.Skip("mlflowtest says what is wrong instead")
		}
		run := newRun(t, s, newScenarioClient(t, s))
		client, err := mlflow.NewClient(mlflow.WithTrackingURI(s.URI), mlflow.WithHTTPClient(s.HTTPClient()))
		require.NoError(t, err)
		batch := `{"run_id": "` + run.RunID + `", "metrics": null, "params": [], "tags": []}`
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/api/2.0/mlflow/runs/log-batch", strings.NewReader(batch))
		require.NoError(t, err)
		request.Header.Set("Content-Type", "application/json")
		response, err := client.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, http.StatusInternalServerError, response.StatusCode)
		assert.Contains(t, response.Header.Get("Content-Type"), "text/html")
	})
}
