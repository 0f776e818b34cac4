package tracking

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-go/mlflow/gen"
)

// idempotencyTag is the tag of a run that holds its idempotency key.
const idempotencyTag = "mlflow_go.idempotency_key"

// grace is how long a request whose response was lost is given to show its effect: a busy server may have it in a queue.
const grace = 2 * time.Second

// createOnce creates a run that has an idempotency key. Before it asks again, after a request that may have run, it
// looks whether there is a run with the key; and when several requests may have run it looks once more at the end, as
// the lost ones may have been slow. Of several runs it keeps the one with the smallest ID, as everyone else would who
// finds them.
func (c *Client) createOnce(ctx context.Context, request gen.CreateRunRequest, key string) (*Run, error) {
	var found *Run
	lost := 0
	call := createRun.newCall(c)
	call.HasRun = func(ctx context.Context) (bool, error) {
		lost++
		var err error
		found, err = c.keepOneRun(ctx, request.ExperimentID, key)
		switch {
		case err != nil && ctx.Err() != nil:
			return false, ctx.Err()
		case err != nil: // its text alone: the error is about the first request, and matches that one's sentinel
			return false, errors.New("looking for the run: " + err.Error())
		}
		return found != nil, nil
	}
	run, err := sendCall(ctx, c, createRun, call, request, toCreatedRun)
	mayHaveRun := lost + 1
	if found != nil {
		run, err, mayHaveRun = found, nil, lost
	}
	if err != nil || mayHaveRun == 1 {
		return run, err
	}
	kept, err := c.keepOneRun(ctx, request.ExperimentID, key)
	if err != nil || kept == nil { // a replica that lags behind finds nothing
		c.logger.LogAttrs(ctx, slog.LevelWarn, "mlflow run may be there twice",
			slog.String("operation", createRun.name), slog.String("run", run.Info.RunID))
		return run, nil //nolint:nilerr // the run is there, which is what was asked for
	}
	return kept, nil
}

// keepOneRun waits for a lost request to show its effect, and returns the run with an idempotency key, or nil. It deletes
// all such runs but the one with the smallest ID.
func (c *Client) keepOneRun(ctx context.Context, experimentID, key string) (*Run, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(grace):
	}
	quote := "'"
	if strings.Contains(key, quote) {
		quote = `"`
	}
	filter := WithRunsFilter("tags." + idempotencyTag + " = " + quote + key + quote)
	list, err := c.SearchRuns(ctx, []string{experimentID}, filter)
	if err != nil || len(list.Runs) == 0 {
		return nil, err
	}
	slices.SortFunc(list.Runs, func(a, b Run) int { return strings.Compare(a.Info.RunID, b.Info.RunID) })
	for _, other := range list.Runs[1:] {
		if err := c.DeleteRun(ctx, other.Info.RunID); err != nil {
			return nil, err
		}
	}
	return &list.Runs[0], nil
}
