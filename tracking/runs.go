package tracking

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/mlflow-go/mlflow/gen"
)

// CreateRun creates a run in an experiment and returns it, with status [RunStatusRunning]. It sends the value of the
// tag "mlflow.user" as the run's user, or "unknown" if there is no such tag, because servers don't derive the user.
//
// MLflow has no way to create a run at most once. A request that may have run is therefore not retried unless
// [WithIdempotencyKey] is given: the call fails, although the run may exist.
//
// The server runs a request even if the client goes away. If ctx ends while CreateRun waits, the run may exist with
// status RUNNING, and the program doesn't know its ID to end it. A program that can be interrupted should create runs
// with a context that is not canceled, and give it a time limit of its own:
//
//	createCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
//	defer cancel()
//	run, err := client.CreateRun(createCtx, experimentID)
//
// Errors: [ErrNotFound] for a missing experiment; [ErrInvalidArgument] for a deleted one, and for a run name that
// differs from the tag "mlflow.runName".
//
// POST /api/2.0/mlflow/runs/create
func (c *Client) CreateRun(ctx context.Context, experimentID string, opts ...CreateRunOption) (*Run, error) {
	const op = "CreateRun"
	var s createRunSettings
	for _, option := range opts {
		option.applyToCreateRun(&s)
	}
	if err := require(op, "experiment ID", experimentID); err != nil {
		return nil, err
	}
	name, err := s.runName.get(op)
	if err != nil {
		return nil, err
	}
	key, err := s.idempotencyKey.get(op)
	if err != nil {
		return nil, err
	}
	if key != "" {
		s.tags = merged(s.tags, map[string]string{idempotencyTag: key})
	}
	call, request := newCall(op), gen.CreateRunRequest{
		ExperimentID: experimentID,
		UserID:       cmp.Or(s.tags["mlflow.user"], "unknown"),
		RunName:      name,
		StartTime:    milliseconds(orNow(s.startTime, time.Now())),
		Tags:         runTags(s.tags),
	}
	if key != "" {
		return c.createOnce(ctx, call, request, key)
	}
	return send(ctx, call, c.api.CreateRun, request, createdRun)
}

func createdRun(a gen.CreateRunResponse) (*Run, error) { return run(a.Run) }

// GetRun returns a run, even if it is deleted, with the latest value of each metric.
//
// Errors: [ErrNotFound].
//
// GET /api/2.0/mlflow/runs/get
func (c *Client) GetRun(ctx context.Context, runID string) (*Run, error) {
	const op = "GetRun"
	if err := require(op, "run ID", runID); err != nil {
		return nil, err
	}
	request := &gen.GetRunParams{RunID: runID}
	return send(ctx, newCall(op), c.api.GetRun, request, func(a gen.GetRunResponse) (*Run, error) { return run(a.Run) })
}

// UpdateRun changes only what the options set, and returns the run as it is on the server afterwards. Without options
// it changes nothing.
//
// Errors: [ErrNotFound]; [ErrInvalidArgument] for a deleted run, an empty name, and an unknown status;
// [ErrUnexpectedResponse] if the server ignored the status.
//
// POST /api/2.0/mlflow/runs/update
func (c *Client) UpdateRun(ctx context.Context, runID string, opts ...UpdateRunOption) (*RunInfo, error) {
	const op = "UpdateRun"
	var s updateRunSettings
	for _, option := range opts {
		option.applyToUpdateRun(&s)
	}
	if err := require(op, "run ID", runID); err != nil {
		return nil, err
	}
	name, err := s.runName.get(op)
	if err != nil {
		return nil, err
	}
	request := gen.UpdateRunRequest{RunID: runID, RunName: name}
	if s.status != nil {
		if !s.status.known() {
			return nil, invalid(op, "unknown run status %q", *s.status)
		}
		request.Status = gen.RunStatus(*s.status)
	}
	if !s.endTime.IsZero() {
		endTime := milliseconds(s.endTime)
		request.EndTime = &endTime
	}
	return send(ctx, newCall(op), c.api.UpdateRun, request, func(a gen.UpdateRunResponse) (*RunInfo, error) {
		info, err := runInfo(a.RunInfo)
		if err == nil && s.status != nil && info.Status != *s.status {
			// Servers respond with 200 to a status that they don't know, and ignore it.
			err = fmt.Errorf("the status is %s after setting it to %s", info.Status, *s.status)
		}
		return info, err
	})
}

// DeleteRun marks a run as deleted. The run can still be read and found, but not changed. Deleting it again does
// nothing.
//
// Errors: [ErrNotFound].
//
// POST /api/2.0/mlflow/runs/delete
func (c *Client) DeleteRun(ctx context.Context, runID string) error {
	const op = "DeleteRun"
	if err := require(op, "run ID", runID); err != nil {
		return err
	}
	return do(ctx, newCall(op), c.api.DeleteRun, gen.DeleteRunRequest{RunID: runID})
}
