package tracking_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/tracking"
)

// A mirroredRun is a run as mirror.py has it. Numbers are text, so that no JSON library gets to round them.
type mirroredRun struct {
	Metrics  []mirroredMetric        `json:"metrics"` // the latest of each, where the run is read
	History  []mirroredMetric        `json:"history"` // all of them, only where the run is read
	Params   map[string]string       `json:"params"`
	Tags     map[string]string       `json:"tags"`
	Datasets []tracking.DatasetInput `json:"datasets"`
}

type mirroredMetric struct {
	Key       string `json:"key"`
	Bits      string `json:"bits"`
	Timestamp string `json:"timestamp"`
	Step      string `json:"step"`
}

// mirror runs mirror.py with the Python that has the server's release of MLflow.
func mirror(t *testing.T, s *scenario.Session, action, subject string, input []byte) []byte {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Getenv("MLFLOW_TEST_PYTHON"), "../lab/python/mirror.py", action, s.URI, subject)
	command.Stdin = bytes.NewReader(input)
	var log bytes.Buffer
	command.Stderr = &log
	output, err := command.Output()
	require.NoError(t, err, log.String())
	return bytes.TrimSpace(output)
}

func TestPythonReadsWhatGoLogged(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		needPython(t, s)
		client := newScenarioClient(t, s)
		run, at := newRun(t, s, client), s.Now()
		metrics := awkwardMetrics(at)
		params, tags := awkwardStrings()
		require.NoError(t, client.LogBatch(t.Context(), run.RunID, metrics, params, tags))

		var got mirroredRun
		require.NoError(t, json.Unmarshal(mirror(t, s, "read", run.RunID, nil), &got))
		require.Len(t, got.Metrics, len(metrics))
		byKey := make(map[string]mirroredMetric)
		for _, metric := range got.Metrics {
			byKey[metric.Key] = metric
		}
		for _, want := range metrics {
			assertSameMetric(t, s, want, byKey[want.Key].metric(t))
		}
		wantParams := make(map[string]string)
		for _, param := range params {
			wantParams[param.Key] = param.Value
		}
		assert.Equal(t, wantParams, got.Params)
		tags["mlflow.runName"] = "run"
		assert.Equal(t, tags, got.Tags)
	})
}

func TestGoReadsWhatPythonLogged(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		needPython(t, s)
		client := newScenarioClient(t, s)
		metrics := awkwardMetrics(s.Now())
		params, tags := awkwardStrings()
		wanted := mirroredRun{Params: make(map[string]string), Tags: tags}
		for _, metric := range metrics {
			wanted.Metrics = append(wanted.Metrics, mirrored(metric))
		}
		for _, param := range params {
			wanted.Params[param.Key] = param.Value
		}
		input, err := json.Marshal(wanted)
		require.NoError(t, err)
		runID := string(mirror(t, s, "write", newExperiment(t, s, client), input))

		run, err := client.GetRun(t.Context(), runID)
		require.NoError(t, err)
		got := metricsByKey(run)
		require.Len(t, got, len(metrics))
		for _, want := range metrics {
			assertSameMetric(t, s, want, got[want.Key])
		}
		assert.ElementsMatch(t, params, run.Data.Params)
		for key, value := range tags {
			assert.Equal(t, value, run.Data.Tags[key])
		}
		assert.Equal(t, "unknown", run.Info.UserID)
	})
}

// historyAndDatasets are what both clients log, and read of each other.
func historyAndDatasets(s *scenario.Session) ([]tracking.Metric, []tracking.DatasetInput) {
	at := s.Now()
	history := []tracking.Metric{
		{Key: "loss", Value: 0.1, Timestamp: at, Step: -1},
		{Key: "loss", Value: 0.1, Timestamp: at, Step: 1<<53 + 1},
		{Key: "loss", Value: 1.0 / 3, Timestamp: at.Add(time.Millisecond)},
	}
	return history, []tracking.DatasetInput{
		{
			Dataset: tracking.Dataset{Name: "python", Digest: "1", SourceType: "s3", Source: `{"uri": "s3://ü"}`, Schema: "{}", Profile: "[]"},
			Tags:    map[string]string{"mlflow.data.context": "training", "empty": ""},
		},
		{Dataset: tracking.Dataset{Name: "wine", Digest: "2", SourceType: "local", Source: "wine.csv"}, Tags: map[string]string{}},
	}
}

func TestPythonReadsHistoryAndDatasets(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		needPython(t, s)
		client := newScenarioClient(t, s)
		run := newRun(t, s, client)
		history, datasets := historyAndDatasets(s)
		require.NoError(t, client.LogBatch(t.Context(), run.RunID, history, nil, nil))
		require.NoError(t, client.LogInputs(t.Context(), run.RunID, datasets))

		var got mirroredRun
		require.NoError(t, json.Unmarshal(mirror(t, s, "read", run.RunID, nil), &got))
		read := make([]tracking.Metric, 0, len(got.History))
		for _, metric := range got.History {
			read = append(read, metric.metric(t))
		}
		assert.Equal(t, history, byTime(read))
		assert.ElementsMatch(t, datasets, got.Datasets)
	})
}

func TestGoReadsHistoryAndDatasetsOfPython(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		needPython(t, s)
		client := newScenarioClient(t, s)
		history, datasets := historyAndDatasets(s)
		wanted := mirroredRun{Params: map[string]string{}, Tags: map[string]string{}, Datasets: datasets}
		for _, metric := range history {
			wanted.Metrics = append(wanted.Metrics, mirrored(metric))
		}
		input, err := json.Marshal(wanted)
		require.NoError(t, err)
		runID := string(mirror(t, s, "write", newExperiment(t, s, client), input))

		read, err := client.GetMetricHistory(t.Context(), runID, "loss")
		require.NoError(t, err)
		assert.Equal(t, history, byTime(read))
		run, err := client.GetRun(t.Context(), runID)
		require.NoError(t, err)
		assert.ElementsMatch(t, datasets, run.Inputs.Datasets)
	})
}

func needPython(t *testing.T, s *scenario.Session) {
	t.Helper()
	s.LiveOnly("it asks Python's client")
	if s.Server.FastTrackML() {
		t.Skip("FastTrackML comes without Python's client")
	}
	if os.Getenv("MLFLOW_TEST_PYTHON") == "" {
		t.Skip("MLFLOW_TEST_PYTHON names no Python with the server's release of MLflow")
	}
}

func mirrored(m tracking.Metric) mirroredMetric {
	return mirroredMetric{
		Key:       m.Key,
		Bits:      fmt.Sprintf("%016x", math.Float64bits(m.Value)),
		Timestamp: strconv.FormatInt(m.Timestamp.UnixMilli(), 10),
		Step:      strconv.FormatInt(m.Step, 10),
	}
}

func (m mirroredMetric) metric(t *testing.T) tracking.Metric {
	t.Helper()
	bits, err := strconv.ParseUint(strings.TrimSpace(m.Bits), 16, 64)
	require.NoError(t, err, m.Key)
	timestamp, err := strconv.ParseInt(m.Timestamp, 10, 64)
	require.NoError(t, err, m.Key)
	step, err := strconv.ParseInt(m.Step, 10, 64)
	require.NoError(t, err, m.Key)
	return tracking.Metric{Key: m.Key, Value: math.Float64frombits(bits), Timestamp: time.UnixMilli(timestamp).UTC(), Step: step}
}
