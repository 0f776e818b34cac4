package mlflowtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/mlflowtest"
	"github.com/mlflow-go/mlflow/tracking"
)

// The guide docs/testing.md consists of the code here and in example_test.go. TestGuide compares them.

// newTracking returns a client for a server of the test's own.
func newTracking(t *testing.T, opts ...mlflowtest.Option) *tracking.Client {
	t.Helper()
	server := mlflowtest.NewServer(opts...)
	t.Cleanup(server.Close)
	client, err := mlflow.NewClient(mlflow.WithTrackingURI(server.URL))
	if err != nil {
		t.Fatal(err)
	}
	return client.Tracking()
}

func TestTrain(t *testing.T) {
	client := newTracking(t)
	runID, err := train(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}

	run, err := client.GetRun(t.Context(), runID)
	if err != nil {
		t.Fatal(err)
	}
	if run.Info.Status != tracking.RunStatusFinished {
		t.Errorf("the run is %s", run.Info.Status)
	}
	losses, err := client.GetMetricHistory(t.Context(), runID, "loss")
	if err != nil {
		t.Fatal(err)
	}
	if len(losses) != 3 || losses[2].Value >= losses[0].Value {
		t.Errorf("the loss does not fall: %v", losses)
	}
}

// best returns the run with the lowest loss of those that are finished.
func best(ctx context.Context, client *tracking.Client, experimentID string) (tracking.Run, error) {
	found, err := client.SearchRuns(ctx, []string{experimentID},
		tracking.WithRunsFilter("attributes.status = 'FINISHED' AND metrics.loss >= 0"),
		tracking.WithRunsOrderBy("metrics.loss ASC"),
		tracking.WithRunsMaxResults(1))
	if err != nil {
		return tracking.Run{}, err
	}
	if len(found.Runs) == 0 {
		return tracking.Run{}, errors.New("no run is finished")
	}
	return found.Runs[0], nil
}

func TestBest(t *testing.T) {
	client, ctx := newTracking(t), t.Context()
	for name, loss := range map[string]float64{"good": 0.1, "better": 0.05, "bad": 3} {
		run, err := client.CreateRun(ctx, "0", tracking.WithRunName(name))
		if err != nil {
			t.Fatal(err)
		}
		if err := client.LogMetric(ctx, run.Info.RunID, "loss", loss); err != nil {
			t.Fatal(err)
		}
		if err := client.SetTerminated(ctx, run.Info.RunID, tracking.RunStatusFinished); err != nil {
			t.Fatal(err)
		}
	}

	run, err := best(ctx, client, "0")
	if err != nil {
		t.Fatal(err)
	}
	if run.Info.RunName != "better" {
		t.Errorf("the best run is %s", run.Info.RunName)
	}
}

func TestReport(t *testing.T) {
	client := newTracking(t, mlflowtest.WithSeed(1)) // the same IDs and times each time
	started := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	run, err := client.CreateRun(t.Context(), "0", tracking.WithRunName("run"), tracking.WithStartTime(started))
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(run.Info, "", "\t")
	if err != nil {
		t.Fatal(err)
	}

	want, err := os.ReadFile(filepath.Join("testdata", "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != strings.TrimSpace(string(want)) {
		t.Errorf("got %s", got)
	}
}

func TestTrainWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler := mlflowtest.NewHandler(mlflowtest.WithMiddleware(tooMany(5)))
		client, err := mlflow.NewClient(
			mlflow.WithTrackingURI("http://mlflow.test"),
			mlflow.WithHTTPClient(&http.Client{Transport: mlflowtest.Transport(handler)}),
			mlflow.WithRetry(mlflow.RetryPolicy{MaxAttempts: 10, MinBackoff: time.Minute, MaxBackoff: time.Hour}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := train(t.Context(), client.Tracking()); err != nil { // takes no time
			t.Fatal(err)
		}
	})
}

// TestGuide checks that the guide's code is here or among the examples.
func TestGuide(t *testing.T) {
	t.Parallel()
	var sources strings.Builder
	for _, name := range []string{"guide_test.go", "example_test.go", filepath.Join("..", "tracking", "example_doer_test.go")} {
		source, err := os.ReadFile(name)
		require.NoError(t, err)
		sources.Write(source)
	}
	guide, err := os.ReadFile(filepath.Join("..", "docs", "testing.md"))
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(guide), -1)
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		for part := range strings.SplitSeq(block[1], "\n\n\n") {
			assert.Contains(t, sources.String(), part, "the guide shows what no test has:\n%s", part)
		}
	}
}
