package tracking_test

import (
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
			t.Errorf("%s may run twice, and no scenario sends it twice: add it to sentTwice in samples_test.go", op.Name)
		}
	}
}
