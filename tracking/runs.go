package tracking

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mlflow-go/mlflow/gen"
)

// CreateRun creates a run in an experiment and returns it, with status [RunStatusRunning]. It sends the value of the
// tag [TagUser] as the run's user, or "unknown" if there is no such tag, because servers don't derive the user.
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
// differs from the tag [TagRunName].
//
// POST /api/2.0/mlflow/runs/create
func (c *Client) CreateRun(ctx context.Context, experimentID string, opts ...CreateRunOption) (*Run, error) {
	var s createRunSettings
	for _, option := range opts {
		option.applyToCreateRun(&s)
	}
	request, key, err := s.request(createRun.name, experimentID)
	if err != nil {
		return nil, err
	}
	if err := c.checkTags(createRun.name, s.tags); err != nil {
		return nil, err
	}
	if key != "" {
		return c.createOnce(ctx, request, s.tags, key)
	}
	return send(ctx, c, createRun, request, toCreated(request))
}

// request returns the request that the settings make, and the idempotency key, "" for none.
func (s *createRunSettings) request(op, experimentID string) (request gen.CreateRunRequest, key string, err error) {
	name, nameErr := s.runName.get(op)
	key, keyErr := s.idempotencyKey.get(op)
	request = gen.CreateRunRequest{
		ExperimentID: experimentID,
		UserID:       cmp.Or(s.tags[TagUser], "unknown"),
		RunName:      name,
		StartTime:    toMillis(orNow(s.startTime, time.Now())),
		Tags:         runTags(s.tags),
	}
	return request, key, cmp.Or(
		require(op, "experiment ID", experimentID),
		nameErr,
		requireTime(op, "start time", s.startTime),
		s.parentRun.check(op),
		requireTagKeys(op, s.tags),
		keyErr,
	)
}

// toCreated returns a conversion that checks whether the run is the one that was asked for.
func toCreated(request gen.CreateRunRequest) func(gen.CreateRunResult) (*Run, error) {
	return func(a gen.CreateRunResult) (*Run, error) {
		run, err := toRun(a.Run)
		if err != nil {
			return nil, err
		}
		if !sameExperiment(run.Info.ExperimentID, request.ExperimentID) {
			return nil, fmt.Errorf("the run is in experiment %q instead of %q", run.Info.ExperimentID, request.ExperimentID)
		}
		if request.RunName != "" && run.Info.RunName != request.RunName {
			return nil, fmt.Errorf("the name is %q instead of %q", run.Info.RunName, request.RunName)
		}
		for _, tag := range request.Tags {
			if value, ok := run.Data.Tags[tag.Key]; !ok || !strings.HasPrefix(tag.Value, value) || (value == "" && tag.Value != "") {
				return nil, fmt.Errorf("the tag %q is missing or has another value", tag.Key)
			}
		}
		return run, nil
	}
}

// GetRun returns a run, even if it is deleted, with the latest value of each metric.
//
// Errors: [ErrNotFound].
//
// GET /api/2.0/mlflow/runs/get
func (c *Client) GetRun(ctx context.Context, runID string) (*Run, error) {
	if err := require(getRun.name, "run ID", runID); err != nil {
		return nil, err
	}
	request := &gen.GetRunParams{RunID: runID}
	return send(ctx, c, getRun, request, func(a gen.GetRunResult) (*Run, error) {
		run, err := toRun(a.Run)
		if err == nil {
			err = checkRunID(run.Info, runID)
		}
		return run, err
	})
}

// UpdateRun changes only what the options set, and returns the run as it is on the server afterwards. Without options
// it changes nothing.
//
// Errors: [ErrNotFound]; [ErrInvalidArgument] for a deleted run, an empty name, and an unknown status;
// [ErrUnexpectedResponse] if the server ignored the status.
//
// POST /api/2.0/mlflow/runs/update
func (c *Client) UpdateRun(ctx context.Context, runID string, opts ...UpdateRunOption) (*RunInfo, error) {
	var s updateRunSettings
	for _, option := range opts {
		option.applyToUpdateRun(&s)
	}
	return c.update(ctx, updateRun, runID, s)
}

// SetTerminated ends a run: it sets the status and the end time, which is the current time unless [WithEndTime] gives
// another. The status must be [RunStatusFinished], [RunStatusFailed] or [RunStatusKilled]. Ending a run again sets both
// anew.
//
// A server never ends a run by itself. A program that can be interrupted should end its runs with a context that is not
// canceled, as it should create them: see [Client.CreateRun].
//
// Errors: [ErrNotFound]; [ErrInvalidArgument] for a deleted run, and for a status that is not final;
// [ErrUnexpectedResponse] if the server ignored the status.
//
// POST /api/2.0/mlflow/runs/update
func (c *Client) SetTerminated(ctx context.Context, runID string, status RunStatus, opts ...SetTerminatedOption) error {
	s := updateRunSettings{status: &status}
	for _, option := range opts {
		option.applyToSetTerminated(&s)
	}
	if !status.isFinal() {
		return invalid(setTerminated.name, "the run status %q is not final: it must be FINISHED, FAILED or KILLED", status)
	}
	s.endTime = orNow(s.endTime, time.Now())
	_, err := c.update(ctx, setTerminated, runID, s)
	return err
}

// update changes what the settings say, for one of the methods that use the endpoint.
func (c *Client) update(
	ctx context.Context, op operation[gen.UpdateRunRequest, gen.UpdateRunResult], runID string, s updateRunSettings,
) (*RunInfo, error) {
	request, err := s.request(op.name, runID)
	if err != nil {
		return nil, err
	}
	return send(ctx, c, op, request, func(a gen.UpdateRunResult) (*RunInfo, error) {
		info, err := toRunInfo(a.RunInfo)
		if err == nil {
			err = s.check(runID, *info)
		}
		return info, err
	})
}

// request returns the request that the settings make.
func (s *updateRunSettings) request(op, runID string) (gen.UpdateRunRequest, error) {
	name, err := s.runName.get(op)
	request := gen.UpdateRunRequest{RunID: runID, RunName: name}
	if s.status != nil {
		request.Status = gen.RunStatus(*s.status)
	}
	if !s.endTime.IsZero() {
		endTime := toMillis(s.endTime)
		request.EndTime = &endTime
	}
	return request, cmp.Or(require(op, "run ID", runID), err, requireTime(op, "end time", s.endTime), s.checkStatus(op))
}

// checkStatus refuses a status that servers would ignore.
func (s *updateRunSettings) checkStatus(op string) error {
	if s.status != nil && !s.status.known() {
		return invalid(op, "unknown run status %q", *s.status)
	}
	return nil
}

// check returns an error if the run is another one, or not as the settings say. Servers respond with 200 to a status
// that they don't know.
func (s *updateRunSettings) check(runID string, info RunInfo) error {
	if err := checkRunID(info, runID); err != nil {
		return err
	}
	switch {
	case s.status != nil && info.Status != *s.status:
		return fmt.Errorf("the status is %s after setting it to %s", info.Status, *s.status)
	case s.runName != nil && info.RunName != string(*s.runName):
		return fmt.Errorf("the name is %q after setting it to %q", info.RunName, string(*s.runName))
	case !s.endTime.IsZero() && s.endTime.UnixMilli() != 0 && info.EndTime.UnixMilli() != s.endTime.UnixMilli():
		return fmt.Errorf("the end time is %v after setting it to %v", info.EndTime, s.endTime)
	}
	return nil
}

// checkRunID returns an error if the run is another one than was asked for. Some databases don't tell capitals apart.
func checkRunID(info RunInfo, runID string) error {
	if !strings.EqualFold(info.RunID, runID) {
		return fmt.Errorf("the run is %q instead of %q", info.RunID, runID)
	}
	return nil
}

// DeleteRun marks a run as deleted. It can still be read and found, but not changed. Deleting it again does nothing.
// [Client.RestoreRun] undoes it.
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

// RestoreRun makes a deleted run active again. Restoring a run that is not deleted does nothing.
//
// Errors: [ErrNotFound].
//
// POST /api/2.0/mlflow/runs/restore
func (c *Client) RestoreRun(ctx context.Context, runID string) error {
	if err := require(restoreRun.name, "run ID", runID); err != nil {
		return err
	}
	return do(ctx, c, restoreRun, gen.RestoreRunRequest{RunID: runID})
}
