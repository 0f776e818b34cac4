package tracking

import (
	"context"
	"slices"

	"github.com/mlflow-go/mlflow/gen"
)

// maxDatasets is how many datasets a server accepts in one request.
const maxDatasets = 1000

// LogInputs logs the datasets that a run has used. [Client.GetRun] and [Client.SearchRuns] return them in the run's
// Inputs.
//
// An experiment has one dataset for each name and digest: if it knows the dataset already, the rest of what is logged
// here is ignored. If the run has the dataset already, nothing changes, and that includes the tags. Servers with an SQL
// store refuse a name of more than 500 characters, a digest of more than 36, a source of more than 65,535, a schema of
// more than 1,048,575 (65,535 before MLflow 2.15) and a profile of more than 16,777,215, as well as a tag whose key has
// more than 255 characters or its value more than 500. File stores take any length.
//
// Any number of datasets may be given; up to 1000 go into one request. If one fails, those before it are stored: log all
// of them again. Without datasets nothing is sent.
//
// Errors: [ErrNotFound] for a missing run; [ErrInvalidArgument] for a deleted run, for what is too long, and for an empty
// name, digest, source type or source, which servers would store.
//
// POST /api/2.0/mlflow/runs/log-inputs
func (c *Client) LogInputs(ctx context.Context, runID string, datasets []DatasetInput) error {
	if err := require(logInputs.name, "run ID", runID); err != nil {
		return err
	}
	for _, input := range datasets {
		if err := input.check(logInputs.name); err != nil {
			return err
		}
	}
	for part := range slices.Chunk(datasets, maxDatasets) {
		if err := do(ctx, c, logInputs, gen.LogInputsRequest{RunID: runID, Datasets: fromDatasetInputs(part)}); err != nil {
			return err
		}
	}
	return nil
}

// check refuses what servers would store although it is missing, or would store as something else.
func (d DatasetInput) check(op string) error {
	err := require(op, "dataset's name", d.Dataset.Name, "dataset's digest", d.Dataset.Digest,
		"dataset's source type", d.Dataset.SourceType, "dataset's source", d.Dataset.Source)
	if err != nil {
		return err
	}
	return requireTagKeys(op, d.Tags)
}
