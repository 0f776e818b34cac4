package tracking

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mlflow-go/mlflow/gen"
	"github.com/mlflow-go/mlflow/internal/failure"
	"github.com/mlflow-go/mlflow/internal/transport"
)

// CreateExperiment creates an experiment and returns its ID. Names are unique, and deleted experiments keep theirs. A
// name can have up to 500 characters, on PostgreSQL up to 256.
//
// Errors: [ErrAlreadyExists] if the name is taken, but before MLflow 3.4 [ErrorCodeBadRequest] if an artifact location
// is given; [ErrInvalidArgument] for an empty name.
//
// POST /api/2.0/mlflow/experiments/create
func (c *Client) CreateExperiment(ctx context.Context, name string, opts ...CreateExperimentOption) (string, error) {
	request, err := newExperiment(createExperiment.name, name, opts)
	if err != nil {
		return "", err
	}
	return send(ctx, c, createExperiment, request, toExperimentID)
}

// newExperiment returns the request that creates an experiment, for one of the methods that do.
func newExperiment(op, name string, opts []CreateExperimentOption) (gen.CreateExperimentRequest, error) {
	var s createExperimentSettings
	for _, option := range opts {
		option.applyToCreateExperiment(&s)
	}
	request := gen.CreateExperimentRequest{
		Name:             name,
		ArtifactLocation: s.artifactLocation,
		Tags:             experimentTags(s.tags),
	}
	if err := require(op, "name", name); err != nil {
		return request, err
	}
	return request, requireTagKeys(op, s.tags)
}

// GetOrCreateExperiment returns the experiment with the given name, and creates it if there is none. The options apply
// only when it creates: an experiment that exists is returned as it is, and nothing is written.
//
// Any number of programs can call it at once, and get the same experiment. If the server refuses to create the
// experiment, or its response is lost, the call looks for the experiment again, and fails only if there is none. File
// stores do not keep names apart: there, calls that overlap can create several experiments of one name.
//
// Errors: [ErrAlreadyExists] if the experiment of that name is deleted. It can be restored with
// [Client.RestoreExperiment]. The file store of MLflow 2.9 forgets its name, and creates another experiment.
//
// GET /api/2.0/mlflow/experiments/get-by-name
// POST /api/2.0/mlflow/experiments/create
// GET /api/2.0/mlflow/experiments/get
func (c *Client) GetOrCreateExperiment(
	ctx context.Context, name string, opts ...CreateExperimentOption,
) (*Experiment, error) {
	op := getOrCreateExperiment.name
	request, err := newExperiment(op, name, opts)
	if err != nil {
		return nil, err
	}
	existing, err := c.activeExperiment(ctx, op, name)
	if !errors.Is(err, ErrNotFound) {
		return existing, err
	}
	id, refusal := send(ctx, c, getOrCreateExperiment, request, toExperimentID)
	if refusal == nil {
		created, err := c.GetExperiment(ctx, id)
		return created, renamed(err, op)
	}
	if !mayExist(refusal) {
		return nil, refusal
	}
	existing, err = c.activeExperiment(ctx, op, name)
	if errors.Is(err, ErrNotFound) { // it was refused for another reason, or the request never arrived
		return nil, refusal
	}
	return existing, err
}

// activeExperiment returns the experiment with the given name, and an error if it is deleted.
func (c *Client) activeExperiment(ctx context.Context, op, name string) (*Experiment, error) {
	experiment, err := c.GetExperimentByName(ctx, name)
	if err != nil {
		return nil, renamed(err, op)
	}
	if experiment.LifecycleStage == LifecycleStageDeleted {
		return nil, failure.AlreadyExists(op, "experiment %s is deleted and keeps the name %q: restore it or use another name",
			experiment.ID, name)
	}
	return experiment, nil
}

// mayExist reports, of an error of a request that creates an experiment, whether the experiment can be there: the server
// says so, it passes on a refusal of its database, or its response was lost.
func mayExist(err error) bool {
	var failure *Error
	if !errors.As(err, &failure) {
		return false
	}
	switch failure.kind {
	case transport.AlreadyExists, transport.DatabaseRefused, transport.Unavailable, transport.Crashed,
		transport.Truncated, transport.Unexpected, transport.Timeout, transport.ConnectionLost:
		return true
	}
	return false
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
// stays taken. [Client.RestoreExperiment] undoes it.
//
// Errors: [ErrNotFound], even if the experiment exists but is deleted already.
//
// POST /api/2.0/mlflow/experiments/delete
func (c *Client) DeleteExperiment(ctx context.Context, experimentID string) error {
	if err := require(deleteExperiment.name, "experiment ID", experimentID); err != nil {
		return err
	}
	return do(ctx, c, deleteExperiment, gen.DeleteExperimentRequest{ExperimentID: experimentID})
}

// RestoreExperiment makes a deleted experiment active again, and all the runs in it: even those that had been deleted
// one by one before the experiment was.
//
// Errors: [ErrNotFound], even if the experiment exists but is not deleted.
//
// POST /api/2.0/mlflow/experiments/restore
func (c *Client) RestoreExperiment(ctx context.Context, experimentID string) error {
	if err := require(restoreExperiment.name, "experiment ID", experimentID); err != nil {
		return err
	}
	return do(ctx, c, restoreExperiment, gen.RestoreExperimentRequest{ExperimentID: experimentID})
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

// DeleteExperimentTag deletes a tag of an experiment. It needs MLflow 3.2 or later.
//
// Errors: [ErrUnsupported] before MLflow 3.2; [ErrNotFound] for a missing experiment or a missing tag;
// [ErrInvalidArgument] for a deleted experiment.
//
// POST /api/2.0/mlflow/experiments/delete-experiment-tag
func (c *Client) DeleteExperimentTag(ctx context.Context, experimentID, key string) error {
	if err := require(deleteExperimentTag.name, "experiment ID", experimentID, "key", key); err != nil {
		return err
	}
	return do(ctx, c, deleteExperimentTag, gen.DeleteExperimentTagRequest{ExperimentID: experimentID, Key: key})
}

// sameExperiment reports whether two IDs are the same: SQL stores take "00" and " 0" for "0".
func sameExperiment(a, b string) bool {
	if a == b {
		return true
	}
	m, errM := strconv.ParseInt(strings.TrimSpace(a), 10, 64)
	n, errN := strconv.ParseInt(strings.TrimSpace(b), 10, 64)
	return errM == nil && errN == nil && m == n
}
