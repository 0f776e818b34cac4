package tracking

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/mlflow-go/mlflow/gen"
)

// CreateRun starts a run in an experiment and returns it, with status [RunStatusRunning]. It sends the value of the
// tag "mlflow.user" as the run's user, else "unknown": no server derives it.
//
// MLflow has no way to create a run at most once. A request that may have reached the server is therefore not sent
// again, and fails although there may be a run, unless [WithIdempotencyKey] is given.
//
// Errors: [ErrNotFound] for a missing experiment; [ErrInvalidArgument] for a deleted one, and for a name that differs
// from the tag "mlflow.runName".
//
// POST /api/2.0/mlflow/runs/create
func (c *Client) CreateRun(ctx context.Context, experimentID string, opts ...CreateRunOption) (*Run, error) {
	var s createRunSettings
	for _, option := range opts {
		option.applyToCreateRun(&s)
	}
	if err := require(createRun.name, "experiment ID", experimentID); err != nil {
		return nil, err
	}
	name, err := s.runName.get(createRun.name)
	if err != nil {
		return nil, err
	}
	key, err := s.idempotencyKey.get(createRun.name)
	if err != nil {
		return nil, err
	}
	if key != "" {
		s.tags = merged(s.tags, map[string]string{idempotencyTag: key})
	}
	request := gen.CreateRunRequest{
		ExperimentID: experimentID,
		UserID:       cmp.Or(s.tags["mlflow.user"], "unknown"),
		RunName:      name,
		StartTime:    toMillis(orNow(s.startTime, time.Now())),
		Tags:         runTags(s.tags),
	}
	if key != "" {
		return c.createOnce(ctx, request, key)
	}
	return send(ctx, c, createRun, request, toCreatedRun)
}

func toCreatedRun(a gen.CreateRunResponse) (*Run, error) { return toRun(a.Run) }

// GetRun returns a run, also if it is deleted, with the latest value of each metric.
//
// Errors: [ErrNotFound].
//
// GET /api/2.0/mlflow/runs/get
func (c *Client) GetRun(ctx context.Context, runID string) (*Run, error) {
	if err := require(getRun.name, "run ID", runID); err != nil {
		return nil, err
	}
	request := &gen.GetRunParams{RunID: runID}
	return send(ctx, c, getRun, request, func(a gen.GetRunResponse) (*Run, error) { return toRun(a.Run) })
}

// UpdateRun changes what the options ask for, and nothing else, and returns the run as the server then has it. Without
// options it changes nothing.
//
// Errors: [ErrNotFound]; [ErrInvalidArgument] for a deleted run, an empty name, and a status that MLflow doesn't have;
// [ErrUnexpectedResponse] if the server ignored the status.
//
// POST /api/2.0/mlflow/runs/update
func (c *Client) UpdateRun(ctx context.Context, runID string, opts ...UpdateRunOption) (*RunInfo, error) {
	var s updateRunSettings
	for _, option := range opts {
		option.applyToUpdateRun(&s)
	}
	if err := require(updateRun.name, "run ID", runID); err != nil {
		return nil, err
	}
	name, err := s.runName.get(updateRun.name)
	if err != nil {
		return nil, err
	}
	request := gen.UpdateRunRequest{RunID: runID, RunName: name}
	if s.status != nil {
		if !s.status.known() {
			return nil, invalid(updateRun.name, "unknown run status %q", *s.status)
		}
		request.Status = gen.RunStatus(*s.status)
	}
	if !s.endTime.IsZero() {
		endTime := toMillis(s.endTime)
		request.EndTime = &endTime
	}
	return send(ctx, c, updateRun, request, func(a gen.UpdateRunResponse) (*RunInfo, error) {
		info, err := toRunInfo(a.RunInfo)
		if err == nil && s.status != nil && info.Status != *s.status {
			// Servers answer 200 to a status that they don't know.
			err = fmt.Errorf("the status is %s after setting it to %s", info.Status, *s.status)
		}
		return info, err
	})
}

// DeleteRun marks a run as deleted. It can still be read and found, but not changed. Deleting it again does nothing.
//
// Errors: [ErrNotFound].
//
// POST /api/2.0/mlflow/runs/delete
func (c *Client) DeleteRun(ctx context.Context, runID string) error {
	if err := require(deleteRun.name, "run ID", runID); err != nil {
		return err
	}
	return do(ctx, c, deleteRun, gen.DeleteRunRequest{RunID: runID})
}
