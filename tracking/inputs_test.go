package tracking_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/tracking"
)

func TestLogInputs(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		run := newRun(t, s, client)
		whole := tracking.DatasetInput{
			Dataset: tracking.Dataset{
				Name: "iris", Digest: strings.Repeat("d", 36), SourceType: "s3", Source: `{"uri": "s3://bucket/iris.csv"}`,
				Schema: `{"mlflow_colspec": []}`, Profile: `{"num_rows": 150}`,
			},
			Tags: map[string]string{"mlflow.data.context": "training", "empty": ""},
		}
		least := tracking.DatasetInput{
			Dataset: tracking.Dataset{Name: "wine <ü>", Digest: "1", SourceType: "local", Source: "wine.csv"},
			Tags:    map[string]string{},
		}
		require.NoError(t, client.LogInputs(t.Context(), run.RunID, []tracking.DatasetInput{whole, least}))

		got, err := client.GetRun(t.Context(), run.RunID)
		require.NoError(t, err)
		assert.ElementsMatch(t, []tracking.DatasetInput{whole, least}, got.Inputs.Datasets)
		list, err := client.SearchRuns(t.Context(), []string{run.ExperimentID})
		require.NoError(t, err)
		require.Len(t, list.Runs, 1)
		assert.ElementsMatch(t, []tracking.DatasetInput{whole, least}, list.Runs[0].Inputs.Datasets)
	})
}

// What is known already stays as it is: so it does no harm to log it twice, and does not change it.
func TestLogInputsTwice(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		run := newRun(t, s, client)
		other := newRunIn(t, s, client, run.ExperimentID)
		first := tracking.DatasetInput{
			Dataset: tracking.Dataset{Name: "iris", Digest: "1", SourceType: "local", Source: "iris.csv"},
			Tags:    map[string]string{"mlflow.data.context": "training"},
		}
		second := first
		second.Dataset.Source = "elsewhere.csv"
		second.Tags = map[string]string{"mlflow.data.context": "testing", "more": "1"}
		for _, input := range []tracking.DatasetInput{first, first, second} {
			require.NoError(t, client.LogInputs(t.Context(), run.RunID, []tracking.DatasetInput{input}))
		}
		require.NoError(t, client.LogInputs(t.Context(), other.RunID, []tracking.DatasetInput{second, second}))

		got, err := client.GetRun(t.Context(), run.RunID)
		require.NoError(t, err)
		assert.Equal(t, []tracking.DatasetInput{first}, got.Inputs.Datasets)
		got, err = client.GetRun(t.Context(), other.RunID)
		require.NoError(t, err)
		assert.Equal(t, []tracking.DatasetInput{{Dataset: first.Dataset, Tags: second.Tags}}, got.Inputs.Datasets)
	})
}

func TestLogInputsRefused(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		iris := []tracking.DatasetInput{aDataset()}
		requireNotFound(t, client.LogInputs(t.Context(), missingRun, iris))
		run := newRun(t, s, client)
		for _, change := range []func(*tracking.DatasetInput){
			func(d *tracking.DatasetInput) { d.Dataset.Name = strings.Repeat("n", 501) },
			func(d *tracking.DatasetInput) { d.Dataset.Digest = strings.Repeat("d", 37) },
			func(d *tracking.DatasetInput) { d.Tags = map[string]string{"key": strings.Repeat("v", 501)} },
		} {
			if s.Server.Store == scenario.StoreFile {
				break // it takes any length
			}
			long := aDataset()
			change(&long)
			requireInvalid(t, client.LogInputs(t.Context(), run.RunID, []tracking.DatasetInput{aDataset(), long}))
		}
		got, err := client.GetRun(t.Context(), run.RunID)
		require.NoError(t, err)
		assert.Equal(t, []tracking.DatasetInput{}, got.Inputs.Datasets)

		require.NoError(t, client.DeleteRun(t.Context(), run.RunID))
		requireInvalid(t, client.LogInputs(t.Context(), run.RunID, iris))
	})
}

func aDataset() tracking.DatasetInput {
	return tracking.DatasetInput{Dataset: tracking.Dataset{Name: "iris", Digest: "1", SourceType: "local", Source: "iris.csv"}}
}

func TestLogInputsRefusesArguments(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*tracking.DatasetInput){
		"no name":        func(d *tracking.DatasetInput) { d.Dataset.Name = "" },
		"no digest":      func(d *tracking.DatasetInput) { d.Dataset.Digest = "" },
		"no source type": func(d *tracking.DatasetInput) { d.Dataset.SourceType = "" },
		"no source":      func(d *tracking.DatasetInput) { d.Dataset.Source = "" },
		"no tag key":     func(d *tracking.DatasetInput) { d.Tags = map[string]string{"": "1"} },
		"bad text":       func(d *tracking.DatasetInput) { d.Dataset.Profile = "\xff" },
		"a bad tag":      func(d *tracking.DatasetInput) { d.Tags = map[string]string{"a": "\xff"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := newTestServer(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
			wrong := aDataset()
			change(&wrong)
			assertOnly(t, client.LogInputs(t.Context(), "r1", []tracking.DatasetInput{aDataset(), wrong}), tracking.ErrInvalidArgument)
		})
	}
	client := newTestServer(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	assertOnly(t, client.LogInputs(t.Context(), "", []tracking.DatasetInput{aDataset()}), tracking.ErrInvalidArgument)
	assert.NoError(t, client.LogInputs(t.Context(), "r1", nil))
}

// logsInputs returns a client for a server that takes a number of requests, and the names of the datasets in each.
func logsInputs(t *testing.T, takes int) (client *tracking.Client, logged *[][]string) {
	t.Helper()
	logged = new([][]string)
	return newTestServer(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		var request struct {
			Datasets []struct{ Dataset struct{ Name string } }
		}
		assert.NoError(t, json.Unmarshal(body, &request))
		names := make([]string, 0, len(request.Datasets))
		for _, input := range request.Datasets {
			names = append(names, input.Dataset.Name)
		}
		if *logged = append(*logged, names); len(*logged) > takes {
			respondWith(400, "application/json", `{"error_code": "INVALID_PARAMETER_VALUE", "message": "no"}`)(w, r)
			return
		}
		respondWith(200, "application/json", `{}`)(w, r)
	}), logged
}

func TestLogInputsDividesDatasets(t *testing.T) {
	t.Parallel()
	inputs := make([]tracking.DatasetInput, 2001)
	for i := range inputs {
		inputs[i] = aDataset()
		inputs[i].Dataset.Name = fmt.Sprint(i)
	}
	client, logged := logsInputs(t, 3)
	require.NoError(t, client.LogInputs(t.Context(), "r1", inputs))
	require.Len(t, *logged, 3)
	assert.Len(t, (*logged)[0], 1000)
	assert.Len(t, (*logged)[1], 1000)
	assert.Equal(t, "1000", (*logged)[1][0])
	assert.Equal(t, []string{"2000"}, (*logged)[2])

	client, logged = logsInputs(t, 1)
	assertOnly(t, client.LogInputs(t.Context(), "r1", inputs), tracking.ErrInvalidArgument)
	assert.Len(t, *logged, 2, "nothing is sent after a failure")
}
