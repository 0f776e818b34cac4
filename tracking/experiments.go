package tracking

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/mlflow-go/mlflow/gen"
)

// CreateExperiment creates an experiment and returns its ID. Names are unique, and deleted experiments keep theirs. A
// name can have up to 500 characters, on PostgreSQL up to 256.
//
// Errors: [ErrAlreadyExists] if the name is taken, but before MLflow 3.4 [ErrorCodeBadRequest] if an artifact location
// is given; [ErrInvalidArgument] for an empty name.
//
// POST /api/2.0/mlflow/experiments/create
func (c *Client) CreateExperiment(ctx context.Context, name string, opts ...CreateExperimentOption) (string, error) {
	var s createExperimentSettings
	for _, option := range opts {
		option.applyToCreateExperiment(&s)
	}
	if err := require(createExperiment.name, "name", name); err != nil {
		return "", err
	}
	if err := requireTagKeys(createExperiment.name, s.tags); err != nil {
		return "", err
	}
	return send(ctx, c, createExperiment, gen.CreateExperimentRequest{
		Name:             name,
		ArtifactLocation: s.artifactLocation,
		Tags:             experimentTags(s.tags),
	}, toExperimentID)
}

// GetExperiment returns the experiment with the given ID, even if it is deleted.
//
// Errors: [ErrNotFound]. For an ID that is not a number, MLflow 3.9 and later report [ErrInvalidArgument], and MLflow
// 3.2 to 3.8 report [ErrorCodeInternalError].
//
// GET /api/2.0/mlflow/experiments/get
func (c *Client) GetExperiment(ctx context.Context, experimentID string) (*Experiment, error) {
	if err := require(getExperiment.name, "experiment ID", experimentID); err != nil {
		return nil, err
	}
	request := &gen.GetExperimentParams{ExperimentID: experimentID}
	return send(ctx, c, getExperiment, request, func(a gen.GetExperimentResult) (*Experiment, error) {
		experiment, err := toExperiment(a.Experiment)
		if err == nil && !sameExperiment(experiment.ID, experimentID) {
			err = fmt.Errorf("the experiment is %q instead of %q", experiment.ID, experimentID)
		}
		return experiment, err
	})
}

// GetExperimentByName returns the experiment with the given name, even if it is deleted.
//
// Errors: [ErrNotFound].
//
// GET /api/2.0/mlflow/experiments/get-by-name
func (c *Client) GetExperimentByName(ctx context.Context, name string) (*Experiment, error) {
	if err := require(getExperimentByName.name, "name", name); err != nil {
		return nil, err
	}
	request := &gen.GetExperimentByNameParams{ExperimentName: name}
	return send(ctx, c, getExperimentByName, request, func(a gen.GetExperimentByNameResult) (*Experiment, error) {
		experiment, err := toExperiment(a.Experiment)
		if err == nil && experiment.Name != name {
			err = fmt.Errorf("the experiment's name is %q instead of %q", experiment.Name, name)
		}
		return experiment, err
	})
}

// UpdateExperiment renames an experiment. MLflow allows no other change.
//
// Errors: [ErrNotFound]; [ErrInvalidArgument] if the experiment is deleted. If the name is taken, the server reports
// [ErrorCodeBadRequest], which matches no sentinel.
//
// POST /api/2.0/mlflow/experiments/update
func (c *Client) UpdateExperiment(ctx context.Context, experimentID, newName string) error {
	if err := require(updateExperiment.name, "experiment ID", experimentID, "new name", newName); err != nil {
		return err
	}
	return do(ctx, c, updateExperiment, gen.UpdateExperimentRequest{ExperimentID: experimentID, NewName: newName})
}

// DeleteExperiment marks an experiment and the runs in it as deleted. They can still be read and found, and the name
// stays taken.
//
// Errors: [ErrNotFound], even if the experiment exists but is deleted already.
//
// POST /api/2.0/mlflow/experiments/delete
func (c *Client) DeleteExperiment(ctx context.Context, experimentID string) error {
	if err := require(deleteExperiment.name, "experiment ID", experimentID); err != nil {
		return err
	}
	err := do(ctx, c, deleteExperiment, gen.DeleteExperimentRequest{ExperimentID: experimentID})
	if deleteExperiment.doneBefore(err) {
		return nil
	}
	return err
}

// SetExperimentTag sets a tag of an experiment and replaces any earlier value. Servers refuse values of more than
// 20,000 characters; before MLflow 3.16 the limit was 5,000.
//
// Errors: [ErrNotFound]; [ErrInvalidArgument] for a deleted experiment, and for a key or value that is too long.
//
// POST /api/2.0/mlflow/experiments/set-experiment-tag
func (c *Client) SetExperimentTag(ctx context.Context, experimentID, key, value string) error {
	if err := require(setExperimentTag.name, "experiment ID", experimentID, "key", key); err != nil {
		return err
	}
	return do(ctx, c, setExperimentTag, gen.SetExperimentTagRequest{ExperimentID: experimentID, Key: key, Value: value})
}

// sameExperiment tells whether two IDs are the same: SQL stores take "00" and " 0" for "0".
func sameExperiment(a, b string) bool {
	if a == b {
		return true
	}
	m, errM := strconv.ParseInt(strings.TrimSpace(a), 10, 64)
	n, errN := strconv.ParseInt(strings.TrimSpace(b), 10, 64)
	return errM == nil && errN == nil && m == n
}
