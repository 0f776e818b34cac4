package mlflow_test

import (
	"context"
	"errors"
	"log"
	"os"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/tracking"
)

// docs/from-python.md contains the code of this example: see TestDocsCode.

func Example_fromPython() {
	ctx := context.Background()
	train := func(ctx context.Context, client *mlflow.Client, id string) error {
		runs := client.Tracking()
		if err := runs.LogParam(ctx, id, "learning_rate", "0.1"); err != nil {
			return err
		}
		for step := range int64(5) {
			if err := runs.LogMetric(ctx, id, "loss", 1/float64(step+1), tracking.WithStep(step)); err != nil {
				return err
			}
		}
		return client.Artifacts().LogArtifacts(ctx, id, "model", os.DirFS("out/model"))
	}
	program := func() error {
		client, err := mlflow.NewClient() // the server is MLFLOW_TRACKING_URI
		if err != nil {
			return err
		}
		runs := client.Tracking()
		experiment, err := runs.GetOrCreateExperiment(ctx, "iris")
		if err != nil {
			return err
		}
		run, err := runs.CreateRun(ctx, experiment.ID, tracking.WithRunName("first try"))
		if err != nil {
			return err
		}
		id, status := run.Info.RunID, tracking.RunStatusFinished
		failure := train(ctx, client, id)
		if failure != nil {
			status = tracking.RunStatusFailed
		}
		return errors.Join(failure, runs.SetTerminated(ctx, id, status))
	}
	if err := program(); err != nil {
		log.Fatal(err)
	}
}
