package main

import (
	"context"
	"log"
	"os"
	"time"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/mlflowtest"
	"github.com/mlflow-go/mlflow/tracking"
)

// Example runs the whole program on a server with two runs.
func Example() {
	server := mlflowtest.NewServer(mlflowtest.WithSeed(1))
	defer server.Close()
	client, err := mlflow.NewClient(mlflow.WithTrackingURI(server.URL))
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	noon := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	for _, name := range []string{"first", "second"} {
		run, err := client.Tracking().CreateRun(ctx, "0", tracking.WithRunName(name), tracking.WithStartTime(noon))
		if err != nil {
			log.Fatal(err)
		}
		metrics := []tracking.Metric{{Key: "loss", Value: float64(len(name)), Timestamp: noon, Step: 7}}
		params := []tracking.Param{{Key: "rate", Value: "0.1"}}
		if err := client.Tracking().LogBatch(ctx, run.Info.RunID, metrics, params, nil); err != nil {
			log.Fatal(err)
		}
	}

	if err := os.Setenv("MLFLOW_TRACKING_URI", server.URL); err != nil {
		log.Fatal(err)
	}
	if err := run(ctx, "Default", "metrics.loss < 6", "metrics.loss ASC"); err != nil {
		log.Fatal(err)
	}
	// Output:
	// 0329edab29a147999653604a8c07d016  2026-03-01 12:00:00  RUNNING  first
	//     param   rate = 0.1
	//     metric  loss = 5 (step 7)
}
