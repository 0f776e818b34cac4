package tracking_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"

	"github.com/mlflow-go/mlflow/tracking"
)

// finalLoss is the code to test.
func finalLoss(ctx context.Context, client *tracking.Client, runID string) (float64, error) {
	run, err := client.GetRun(ctx, runID)
	if err != nil {
		return 0, err
	}
	for _, metric := range run.Data.Metrics {
		if metric.Key == "loss" {
			return metric.Value, nil
		}
	}
	return 0, fmt.Errorf("run %s has no loss", runID)
}

// cannedRun is a Doer that knows one run.
type cannedRun struct{}

func (cannedRun) Do(request *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	recorder.Header().Set("Content-Type", "application/json")
	if request.URL.Query().Get("run_id") != "r1" {
		recorder.WriteHeader(http.StatusNotFound)
		fmt.Fprint(recorder, `{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such run"}`)
		return recorder.Result(), nil
	}
	fmt.Fprint(recorder, `{"run": {
		"info": {"run_id": "r1", "experiment_id": "1", "status": "FINISHED"},
		"data": {"metrics": [{"key": "loss", "value": 0.25, "timestamp": 1764000000000, "step": 9}]}
	}}`)
	return recorder.Result(), nil
}

// A test of your own code needs no server: give NewClient a Doer of your own that returns the responses.
func ExampleNewClient() {
	client := tracking.NewClient(&url.URL{Scheme: "http", Host: "mlflow.test"}, cannedRun{}, tracking.Config{})

	fmt.Println(finalLoss(context.Background(), client, "r1"))
	_, err := finalLoss(context.Background(), client, "r2")
	fmt.Println(errors.Is(err, tracking.ErrNotFound))
	// Output:
	// 0.25 <nil>
	// true
}
