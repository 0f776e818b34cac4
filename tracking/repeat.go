package tracking

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-go/mlflow/gen"
	"github.com/mlflow-go/mlflow/internal/transport"
)

// repeatable holds the operations that a server may run twice: a request is then sent again also if it may have run,
// because of a timeout, a lost connection, a 500 in HTML, a 502, 503 or 504, or MLflow's BAD_REQUEST. The others are
// sent again only if the request surely did not run, because no connection came about or the answer was 429.
var repeatable = map[string]bool{
	"GetExperiment":       true,
	"GetExperimentByName": true,
	"GetRun":              true,
	"SearchExperiments":   true,
	"SearchRuns":          true,

	"UpdateExperiment": true, // the same name again
	"SetExperimentTag": true, // the same value again
	"DeleteExperiment": true, // 404 if it is deleted already: see alreadyDeleted
	"UpdateRun":        true, // the same values again
	"DeleteRun":        true, // servers answer 200 to a second one
	"SetTag":           true, // the same value again
	"DeleteTag":        true, // 404 if it is deleted already: see alreadyDeleted
	"LogParam":         true, // the same value again
	"LogMetric":        true, // stored once; NaN see alreadyStored
	"LogBatch":         true, // stored once; NaN see alreadyStored

	"CreateExperiment": false, // the second one would be told that the name is taken
	"CreateRun":        false, // the second one would create a second run: see WithIdempotencyKey
}

func newCall(op string) *transport.Call {
	return &transport.Call{Operation: op, Repeatable: repeatable[op]}
}

// alreadyDeleted tells whether a delete failed because an earlier attempt, whose answer was lost, had succeeded.
func alreadyDeleted(call *transport.Call, err error) bool {
	return call.MayHaveRun && errors.Is(err, ErrNotFound)
}

// alreadyStored tells whether a NaN was refused because an earlier attempt, whose answer was lost, had stored it.
func alreadyStored(call *transport.Call, err error) bool {
	return call.MayHaveRun && isDuplicate(err)
}

// isDuplicate tells whether a database refused what is there already. To SQL stores before MLflow 3.16 a NaN differs
// from the same one that is there, but its key does not. The server's message is all there is to tell by; these are
// SQLite's, PostgreSQL's, MySQL's and SQL Server's.
func isDuplicate(err error) bool {
	var refusal *Error
	if !errors.As(err, &refusal) || refusal.Code != ErrorCodeBadRequest {
		return false
	}
	message := strings.ToLower(refusal.Message)
	return slices.ContainsFunc([]string{"unique constraint", "duplicate entry", "duplicate key"}, func(mark string) bool {
		return strings.Contains(message, mark)
	})
}

// idempotencyTag is the tag of a run that holds its idempotency key.
const idempotencyTag = "mlflow_go.idempotency_key"

// grace is how long a request whose answer was lost is given to show its effect: a busy server may have it in a queue.
const grace = 2 * time.Second

// createOnce creates a run that has an idempotency key. Before it asks again, after a request that may have run, it
// looks whether there is a run with the key; and when several requests may have run it looks once more at the end, as
// the lost ones may have been slow. Of several runs it keeps the one with the smallest ID, as everyone else would who
// finds them.
func (c *Client) createOnce(ctx context.Context, call *transport.Call, request gen.CreateRunRequest, key string) (*Run, error) {
	var found *Run
	lost := 0
	call.BeforeRepeat = func(ctx context.Context) error {
		lost++
		var err error
		found, err = c.settle(ctx, request.ExperimentID, key)
		switch {
		case err != nil && ctx.Err() != nil:
			return ctx.Err()
		case err != nil: // its text alone: the error is about the first request, and matches that one's sentinel
			return errors.New("looking for the run: " + err.Error())
		case found != nil:
			return errors.New("the run is there")
		}
		return nil
	}
	run, err := send(ctx, call, c.api.CreateRun, request, createdRun)
	mayHaveRun := lost + 1
	if found != nil {
		run, err, mayHaveRun = found, nil, lost
	}
	if err != nil || mayHaveRun == 1 {
		return run, err
	}
	kept, err := c.settle(ctx, request.ExperimentID, key)
	if err != nil || kept == nil { // a replica that lags behind finds nothing
		c.logger.LogAttrs(ctx, slog.LevelWarn, "mlflow run may be there twice",
			slog.String("operation", call.Operation), slog.String("run", run.Info.RunID))
		return run, nil //nolint:nilerr // the run is there, which is what was asked for
	}
	return kept, nil
}

// settle waits for a lost request to show its effect, and returns the run with an idempotency key, or nil. It deletes
// all such runs but the one with the smallest ID.
func (c *Client) settle(ctx context.Context, experimentID, key string) (*Run, error) {
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
