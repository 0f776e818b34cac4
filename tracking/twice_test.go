package tracking_test

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/tracking"
)

// A subject is what an operation is sent about: an experiment and a run in it, which no other operation knows.
type subject struct {
	*tracking.Client

	experimentID, name, runID string
	at                        time.Time
}

// A resending is a use of an operation that is sent twice.
type resending struct {
	op      string
	prepare func(ctx context.Context, s subject) error // what must be there before, if anything
	send    func(ctx context.Context, s subject) error
	since   string // the first release that has the operation, if that is not the oldest one
	// fastTrackML says why FastTrackML is left out, if it is.
	fastTrackML string
	// fileStore is how servers with a file store refuse the second one, if they do.
	fileStore error
}

// sentTwice has a use of each operation that changes something and that the client may let a server run twice, as a
// retry does. TestSentTwice shows that the second one changes nothing.
var sentTwice = []resending{
	{
		op:   "GetOrCreateExperiment",
		send: func(ctx context.Context, s subject) error { return errorOf(s.GetOrCreateExperiment(ctx, s.name)) },
	},
	{
		op: "UpdateExperiment",
		send: func(ctx context.Context, s subject) error {
			return s.UpdateExperiment(ctx, s.experimentID, s.name+"-renamed")
		},
		fileStore: tracking.ErrAlreadyExists, // even if it is the experiment itself that has the name
	},
	{
		op:   "DeleteExperiment",
		send: func(ctx context.Context, s subject) error { return s.DeleteExperiment(ctx, s.experimentID) },
	},
	{
		op:      "RestoreExperiment",
		prepare: func(ctx context.Context, s subject) error { return s.DeleteExperiment(ctx, s.experimentID) },
		send:    func(ctx context.Context, s subject) error { return s.RestoreExperiment(ctx, s.experimentID) },
	},
	{
		op: "SetExperimentTag",
		send: func(ctx context.Context, s subject) error {
			return s.SetExperimentTag(ctx, s.experimentID, "team", "botany")
		},
	},
	{
		op: "DeleteExperimentTag",
		prepare: func(ctx context.Context, s subject) error {
			return s.SetExperimentTag(ctx, s.experimentID, "team", "botany")
		},
		send:  func(ctx context.Context, s subject) error { return s.DeleteExperimentTag(ctx, s.experimentID, "team") },
		since: "3.2", fastTrackML: "has no such endpoint",
	},
	{
		op: "UpdateRun",
		send: func(ctx context.Context, s subject) error {
			return errorOf(s.UpdateRun(ctx, s.runID, tracking.WithRunName("renamed"), tracking.WithStatus(tracking.RunStatusFailed),
				tracking.WithEndTime(s.at)))
		},
	},
	{
		op: "SetTerminated",
		send: func(ctx context.Context, s subject) error {
			return s.SetTerminated(ctx, s.runID, tracking.RunStatusFinished, tracking.WithEndTime(s.at))
		},
	},
	{
		op:   "DeleteRun",
		send: func(ctx context.Context, s subject) error { return s.DeleteRun(ctx, s.runID) },
	},
	{
		op:      "RestoreRun",
		prepare: func(ctx context.Context, s subject) error { return s.DeleteRun(ctx, s.runID) },
		send:    func(ctx context.Context, s subject) error { return s.RestoreRun(ctx, s.runID) },
	},
	{
		op: "LogMetric",
		send: func(ctx context.Context, s subject) error {
			return s.LogMetric(ctx, s.runID, "loss", 0.5, tracking.WithStep(1), tracking.WithTimestamp(s.at))
		},
	},
	{
		op:   "LogParam",
		send: func(ctx context.Context, s subject) error { return s.LogParam(ctx, s.runID, "rate", "0.1") },
	},
	{
		op:   "SetTag",
		send: func(ctx context.Context, s subject) error { return s.SetTag(ctx, s.runID, "team", "botany") },
	},
	{
		op:      "DeleteTag",
		prepare: func(ctx context.Context, s subject) error { return s.SetTag(ctx, s.runID, "team", "botany") },
		send:    func(ctx context.Context, s subject) error { return s.DeleteTag(ctx, s.runID, "team") },
	},
	{
		op: "LogBatch",
		send: func(ctx context.Context, s subject) error {
			return s.LogBatch(ctx, s.runID, []tracking.Metric{{Key: "loss", Value: 0.5, Step: 1, Timestamp: s.at}},
				[]tracking.Param{{Key: "rate", Value: "0.1"}}, map[string]string{"team": "botany"})
		},
	},
	{
		op: "LogInputs",
		send: func(ctx context.Context, s subject) error {
			return s.LogInputs(ctx, s.runID, []tracking.DatasetInput{aDataset()})
		},
		fastTrackML: "has no such endpoint",
	},
}

// errorOf returns the error of a call whose result does not matter.
func errorOf[T any](_ T, err error) error { return err }

func TestSentTwice(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		for _, use := range sentTwice {
			if use.since != "" && s.Server.Before(use.since) || use.fastTrackML != "" && s.Server.FastTrackML() {
				continue
			}
			on := newSubject(t, s, client, use.op)
			if use.prepare != nil {
				require.NoError(t, use.prepare(t.Context(), on), use.op)
			}
			require.NoError(t, use.send(t.Context(), on), use.op)
			once := storedOf(t, s, on)
			use.checkSecond(t, s, use.send(t.Context(), on))
			assert.Equal(t, once, storedOf(t, s, on), "what a second %s changes", use.op)
		}
	})
}

// checkSecond checks what the second use returned.
func (r resending) checkSecond(t *testing.T, s *scenario.Session, err error) {
	t.Helper()
	switch {
	case r.fileStore != nil && s.Server.Store == scenario.StoreFile:
		assert.ErrorIs(t, err, r.fileStore, r.op)
	case hasDone(r.op) && errors.Is(err, tracking.ErrNotFound):
	default:
		assert.NoError(t, err, r.op)
	}
}

// hasDone reports whether a server may refuse the operation's second request, which the client takes for success then.
func hasDone(name string) bool {
	return slices.ContainsFunc(tracking.Operations, func(op tracking.Operation) bool { return op.Name == name && op.HasDone })
}

func newSubject(t *testing.T, s *scenario.Session, client *tracking.Client, op string) subject {
	t.Helper()
	on := subject{Client: client, name: s.Name(op), at: s.Now()}
	id, err := client.CreateExperiment(t.Context(), on.name)
	require.NoError(t, err)
	on.experimentID, on.runID = id, newRunIn(t, s, client, id).RunID
	return on
}

// stored is what a server has of a subject.
type stored struct {
	experiment *tracking.Experiment
	run        *tracking.Run
	history    []tracking.Metric
}

// storedOf asks for all but the time of an experiment's last update, and for the history where servers keep a point once.
func storedOf(t *testing.T, s *scenario.Session, on subject) stored {
	t.Helper()
	experiment, err := on.GetExperiment(t.Context(), on.experimentID)
	require.NoError(t, err)
	experiment.LastUpdateTime = time.Time{}
	run, err := on.GetRun(t.Context(), on.runID)
	require.NoError(t, err)
	if s.Server.Store == scenario.StoreFile {
		return stored{experiment, run, nil}
	}
	history, err := on.GetMetricHistory(t.Context(), on.runID, "loss")
	require.NoError(t, err)
	return stored{experiment, run, history}
}

// TestSentTwiceCoversOperations finds an operation that may run twice although nothing shows that this is harmless.
func TestSentTwiceCoversOperations(t *testing.T) {
	t.Parallel()
	reads := regexp.MustCompile("^(Get|Search|Sample)")
	for _, op := range tracking.Operations {
		shown := slices.ContainsFunc(sentTwice, func(use resending) bool { return use.op == op.Name })
		if op.MayRunTwice && !reads.MatchString(op.Name) && !shown {
			t.Errorf("%s may run twice, and no scenario sends it twice: add it to sentTwice in twice_test.go", op.Name)
		}
	}
}
