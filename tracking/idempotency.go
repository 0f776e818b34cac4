package tracking

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-go/mlflow/gen"
)

// grace is how long a request whose response was lost is given to show its effect: a busy server may have it in a queue.
const grace = 2 * time.Second

// The tags of a run that CreateRun with an idempotency key sets.
const (
	idempotencyKeyTag   = "mlflow_go.idempotency_key"
	idempotencyNonceTag = "mlflow_go.idempotency_nonce"      // of the call that created the run
	idempotencyUserTag  = "mlflow_go.idempotency_used_by"    // the nonce of a later call that found the run and returned it
	idempotencyDoomTag  = "mlflow_go.idempotency_deleted_by" // the nonce of a call that is about to delete the run
)

// A keyedCreate is a call of CreateRun that has an idempotency key.
type keyedCreate struct {
	client  *Client
	request gen.CreateRunRequest
	key     string
	nonce   string // of this call; no run without it is ever deleted
	lost    int    // attempts that may have run, and whose response was lost
	found   *Run   // of a lost attempt
}

// createOnce creates a run that has an idempotency key, unless there is one. See WithIdempotencyKey for what is promised.
func (c *Client) createOnce(ctx context.Context, request gen.CreateRunRequest, tags map[string]string, key string) (*Run, error) {
	k := &keyedCreate{client: c, request: request, key: key, nonce: rand.Text()}
	existing, err := k.adopt(ctx)
	if existing != nil || err != nil {
		return existing, err
	}
	k.request.Tags = runTags(merged(tags, map[string]string{idempotencyKeyTag: key, idempotencyNonceTag: k.nonce}))
	call := createRun.newReconciledCall(c, k.hasRun)
	run, err := sendCall(ctx, c, createRun, call, k.request, toCreated(k.request))
	mayBeLate := k.lost // attempts that may still run, or have
	if k.found != nil {
		run, err, mayBeLate = k.found, nil, k.lost-1
	}
	if err != nil || mayBeLate == 0 {
		return run, err
	}
	if err := k.deleteOthers(ctx, run); err != nil {
		c.logger.LogAttrs(ctx, slog.LevelWarn, "mlflow run may be there twice",
			slog.String("operation", createRun.name), slog.String("run", run.Info.RunID))
	}
	return run, nil
}

// adopt returns the run with the key that an earlier call has created, or nil.
func (k *keyedCreate) adopt(ctx context.Context) (*Run, error) {
	runs, err := k.search(ctx)
	if err != nil {
		return nil, renamed(err, createRun.name)
	}
	for i := range runs {
		run, err := k.use(ctx, &runs[i])
		if errors.Is(err, ErrNotFound) || errors.Is(err, ErrInvalidArgument) { // it was deleted just now
			continue
		}
		if run != nil || err != nil {
			return run, err
		}
	}
	return nil, nil
}

// use marks a run as used, so that the call which has created it does not take it for a late duplicate of its own. It
// returns nil if that call was about to delete the run. Each of the two sets its mark before it looks for the other's:
// one of them sees it, whatever happens in between.
func (k *keyedCreate) use(ctx context.Context, run *Run) (*Run, error) {
	id := run.Info.RunID
	err := k.client.SetTag(ctx, id, idempotencyUserTag, k.nonce)
	if errors.Is(err, ErrPermissionDenied) {
		return run, nil
	}
	if err != nil {
		return nil, renamed(err, createRun.name)
	}
	current, err := k.client.GetRun(ctx, id)
	if err != nil {
		return nil, renamed(err, createRun.name)
	}
	_, doomed := current.Data.Tags[idempotencyDoomTag]
	if doomed || current.Info.LifecycleStage == LifecycleStageDeleted {
		return nil, nil
	}
	return current, nil
}

// hasRun reports, after an attempt whose response was lost, whether the server has run it or one before it.
func (k *keyedCreate) hasRun(ctx context.Context) (bool, error) {
	k.lost++
	own, err := k.own(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return false, ctx.Err()
	case err != nil: // its text alone: the error is about the first request, and matches that one's sentinel
		return false, errors.New("looking for the run: " + err.Error())
	case len(own) == 0:
		return false, nil
	}
	k.found = &own[0]
	return true, nil
}

// deleteOthers deletes the runs of this call, but for the one that it keeps and any that somebody uses.
func (k *keyedCreate) deleteOthers(ctx context.Context, kept *Run) error {
	own, err := k.own(ctx)
	if err != nil {
		return err
	}
	isKept := func(run Run) bool { return run.Info.RunID == kept.Info.RunID }
	if !slices.ContainsFunc(own, isKept) { // a replica that lags behind
		return errors.New("the run is not found yet")
	}
	for _, run := range own {
		if isKept(run) || k.isUsed(run) {
			continue
		}
		if err := k.deleteUnused(ctx, run.Info.RunID); err != nil {
			return err
		}
	}
	return nil
}

// deleteUnused deletes a run of this call, unless another one has begun to use it. See use.
func (k *keyedCreate) deleteUnused(ctx context.Context, id string) error {
	if err := k.client.SetTag(ctx, id, idempotencyDoomTag, k.nonce); err != nil {
		return err
	}
	run, err := k.client.GetRun(ctx, id)
	if err != nil {
		return err
	}
	if k.isUsed(*run) {
		return k.client.DeleteTag(ctx, id, idempotencyDoomTag)
	}
	return k.client.DeleteRun(ctx, id)
}

// isUsed reports whether anything was done with a run since this call created it.
func (k *keyedCreate) isUsed(run Run) bool {
	_, adopted := run.Data.Tags[idempotencyUserTag]
	return adopted || run.Info.Status != RunStatusRunning || len(run.Data.Metrics) > 0 || len(run.Data.Params) > 0
}

// own waits for lost attempts to show their effect, and returns the runs that this call has created.
func (k *keyedCreate) own(ctx context.Context) ([]Run, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(grace):
	}
	runs, err := k.search(ctx)
	return slices.DeleteFunc(runs, func(run Run) bool { return run.Data.Tags[idempotencyNonceTag] != k.nonce }), err
}

// search returns the active runs that have the key, by their IDs. A server that ignores the filter may return others.
func (k *keyedCreate) search(ctx context.Context) ([]Run, error) {
	quote := "'"
	if strings.Contains(k.key, quote) {
		quote = `"`
	}
	filter := WithRunsFilter("tags." + idempotencyKeyTag + " = " + quote + k.key + quote)
	list, err := k.client.SearchRuns(ctx, []string{k.request.ExperimentID}, filter)
	if err != nil {
		return nil, err
	}
	runs := slices.DeleteFunc(list.Runs, func(run Run) bool {
		key, tagged := run.Data.Tags[idempotencyKeyTag]
		return !tagged || key != k.key || !sameExperiment(run.Info.ExperimentID, k.request.ExperimentID)
	})
	slices.SortFunc(runs, func(a, b Run) int { return strings.Compare(a.Info.RunID, b.Info.RunID) })
	return runs, nil
}
