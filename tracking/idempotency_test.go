package tracking_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/tracking"
)

const createRoute = "POST /api/2.0/mlflow/runs/create"

// createK1 creates a run with the key "k1".
func createK1(t *testing.T, client *tracking.Client) (*tracking.Run, error) {
	t.Helper()
	return client.CreateRun(t.Context(), "7", tracking.WithIdempotencyKey("k1"))
}

// addRun has the server hold a run with the key "k1", made by the call with the nonce.
func (w *faultyServer) addRun(id, nonce string) {
	w.runs = append(w.runs, storedRun{id: id, tags: map[string]string{
		tracking.IdempotencyKeyTag: "k1", tracking.IdempotencyNonceTag: nonce,
	}})
}

func (w *faultyServer) deleted() []string {
	var ids []string
	for _, run := range w.runs {
		if run.deleted {
			ids = append(ids, run.id)
		}
	}
	return ids
}

func TestCreateRunFindsRunOfEarlierCall(t *testing.T) {
	t.Parallel()
	onFaultyServer(t, createRoute, nil, func(t *testing.T, w *faultyServer, client *tracking.Client) {
		for range 3 {
			run, err := createK1(t, client)
			require.NoError(t, err)
			assert.Equal(t, "r1", run.Info.RunID)
		}
		assert.Equal(t, 1, w.ran)
	})
}

// A second call with the key, by a restarted job or another rank, leaves the first one's run alone whatever gets lost.
func TestCreateRunNeverDeletesRunOfAnotherCall(t *testing.T) {
	t.Parallel()
	for _, theirs := range []string{"r0", "r9"} {
		f := fault{response: abort}
		onFaultyServer(t, createRoute, &f, func(t *testing.T, w *faultyServer, client *tracking.Client) {
			w.onRun = func() { w.addRun(theirs, "another nonce") } // after we looked
			run, err := createK1(t, client)
			require.NoError(t, err)
			assert.NotEqual(t, theirs, run.Info.RunID)
			assert.Empty(t, w.deleted())
		})
	}
}

// A search that ignores the filter tells of runs that have nothing to do with the key.
func TestCreateRunIgnoresRunsWithOtherKeys(t *testing.T) {
	t.Parallel()
	onFaultyServer(t, createRoute, nil, func(t *testing.T, w *faultyServer, client *tracking.Client) {
		w.ignoresFilters = true
		for _, id := range []string{"a", "b", "z"} {
			w.runs = append(w.runs, storedRun{id: id, tags: map[string]string{"model": "iris"}})
		}
		w.setFault(&fault{late: "late", after: grace + 3*time.Second/2, response: abort})
		run, err := createK1(t, client)
		require.NoError(t, err)
		assert.Equal(t, "r1", run.Info.RunID)
		assert.Equal(t, []string{"late"}, w.deleted())
	})
}

func TestCreateRunDeletesLateDuplicateUnlessUsed(t *testing.T) {
	t.Parallel()
	for _, adopted := range []bool{true, false} {
		onFaultyServer(t, createRoute, nil, func(t *testing.T, w *faultyServer, client *tracking.Client) {
			w.setFault(&fault{late: "r0", after: grace + 3*time.Second/2, response: abort})
			if adopted {
				time.AfterFunc(grace+1600*time.Millisecond, func() {
					w.mu.Lock()
					defer w.mu.Unlock()
					w.runs[len(w.runs)-1].tags[tracking.IdempotencyUserTag] = "another nonce"
				})
			}
			run, err := createK1(t, client)
			require.NoError(t, err)
			assert.Equal(t, "r1", run.Info.RunID, "the one whose response came")
			if adopted {
				assert.Empty(t, w.deleted())
			} else {
				assert.Equal(t, []string{"r0"}, w.deleted())
			}
		})
	}
}

// Another call adopts the late duplicate after this one has looked, and before it deletes.
func TestCreateRunKeepsDuplicateAdoptedMeanwhile(t *testing.T) {
	t.Parallel()
	onFaultyServer(t, createRoute, nil, func(t *testing.T, w *faultyServer, client *tracking.Client) {
		lost := false
		w.onRequest = func(route string) fault {
			switch {
			case route == createRoute && !lost:
				lost = true
				return fault{late: "r0", after: grace + 3*time.Second/2, response: abort}
			case strings.HasSuffix(route, "/runs/set-tag"), strings.HasSuffix(route, "/runs/delete"):
				w.runs[1].tags[tracking.IdempotencyUserTag] = "another nonce"
			}
			return fault{}
		}
		run, err := createK1(t, client)
		require.NoError(t, err)
		assert.Equal(t, "r1", run.Info.RunID)
		assert.Empty(t, w.deleted())
		assert.Equal(t, "r0", w.runs[1].id)
		assert.NotContains(t, w.runs[1].tags, tracking.IdempotencyDoomTag, "later calls may find it")
	})
}

// The call that has created a run is about to delete it, since before another one looks or since after.
func TestCreateRunDoesNotAdoptDoomedRun(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"/runs/search", "/runs/set-tag"} {
		onFaultyServer(t, createRoute, nil, func(t *testing.T, w *faultyServer, client *tracking.Client) {
			w.addRun("r0", "another nonce")
			w.onRequest = func(route string) fault {
				if strings.HasSuffix(route, when) {
					w.runs[0].tags[tracking.IdempotencyDoomTag] = "another nonce"
				}
				return fault{}
			}
			run, err := createK1(t, client)
			require.NoError(t, err)
			assert.Equal(t, "r1", run.Info.RunID, when)
		})
	}
}

// Without permission to delete there are two runs, and the call returns one of them all the same.
func TestCreateRunReturnsRunItMayNotDelete(t *testing.T) {
	t.Parallel()
	onFaultyServer(t, createRoute, nil, func(t *testing.T, w *faultyServer, _ *tracking.Client) {
		var logged bytes.Buffer
		client := w.client(t, mlflow.WithLogger(slog.New(slog.NewTextHandler(&logged, nil))))
		w.keepsRuns = true
		w.setFault(&fault{late: "r0", after: grace + 3*time.Second/2, response: abort})
		run, err := createK1(t, client)
		require.NoError(t, err)
		assert.Equal(t, "r1", run.Info.RunID)
		assert.Contains(t, logged.String(), `msg="mlflow run may be there twice"`)
	})
}

// A run that is deleted between the look and the mark is not returned.
func TestCreateRunDoesNotAdoptDeletedRun(t *testing.T) {
	t.Parallel()
	onFaultyServer(t, createRoute, nil, func(t *testing.T, w *faultyServer, _ *tracking.Client) {
		w.addRun("r0", "another nonce")
		client := w.client(t, mlflow.WithRequestEditor(func(_ context.Context, r *http.Request) error {
			if strings.HasSuffix(r.URL.Path, "/set-tag") {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.runs[0].deleted = true
			}
			return nil
		}))
		run, err := createK1(t, client)
		require.NoError(t, err)
		assert.Equal(t, "r1", run.Info.RunID)
	})
}

// A CreateRun whose response was lost may be slow: it runs before we look for it, or after, or after our retry got a
// response.
func TestCreateRunWaitsForSlowLostRequest(t *testing.T) {
	t.Parallel()
	for after := time.Duration(0); after < 2*grace; after += grace / 16 {
		onFaultyServer(t, createRoute, nil, func(t *testing.T, w *faultyServer, client *tracking.Client) {
			w.setFault(&fault{late: "r0", after: after, response: abort})
			run, err := createK1(t, client)
			require.NoError(t, err)
			assert.Equal(t, 1, w.live(), "after %v", after)
			kept := w.runs[0]
			for _, stored := range w.runs {
				if !stored.deleted {
					kept = stored
				}
			}
			assert.Equal(t, kept.id, run.Info.RunID, "after %v", after)
			if after < grace {
				assert.Len(t, w.runs, 1, "after %v: there was no need to ask again", after)
			}
		})
	}
}

// Two requests are lost. The second one is found first; the first one is slower.
func TestCreateRunKeepsOneOfSeveralLost(t *testing.T) {
	t.Parallel()
	onFaultyServer(t, createRoute, nil, func(t *testing.T, w *faultyServer, _ *tracking.Client) {
		sent := 0
		client := w.client(t, mlflow.WithRequestEditor(func(_ context.Context, r *http.Request) error {
			if strings.HasSuffix(r.URL.Path, "/runs/create") {
				if sent++; sent == 2 {
					w.setFault(&ranThenReset)
				}
			}
			return nil
		}))
		w.setFault(&fault{late: "r2", after: grace + 3*time.Second, response: abort}) // when the second one has been found
		run, err := createK1(t, client)
		require.NoError(t, err)
		assert.Equal(t, 2, sent)
		assert.Equal(t, "r1", run.Info.RunID)
		require.Len(t, w.runs, 2)
		assert.Equal(t, []string{"r2"}, w.deleted())
	})
}

func TestCreateRunKeepsErrorWhenSearchFails(t *testing.T) {
	t.Parallel()
	f := fault{ran: true, response: respondWith(503, html, "down for maintenance")}
	onFaultyServer(t, createRoute, &f, func(t *testing.T, w *faultyServer, _ *tracking.Client) {
		looks := 0
		client := w.client(t, mlflow.WithRequestEditor(func(_ context.Context, r *http.Request) error {
			if strings.HasSuffix(r.URL.Path, "/runs/search") {
				if looks++; looks == 2 {
					return errors.New("no look-up today")
				}
			}
			return nil
		}))
		_, err := createK1(t, client)
		require.ErrorIs(t, err, tracking.ErrUnavailable)
		var refused *tracking.Error
		require.ErrorAs(t, err, &refused)
		assert.Equal(t, "CreateRun", refused.Op)
		assert.Contains(t, refused.Message, "down for maintenance")
		assert.ErrorContains(t, err, "looking for the run: mlflow: SearchRuns: no look-up today")
		assert.Equal(t, 1, w.live())
		assert.Equal(t, 1, w.ran, "CreateRun is not sent again blindly")
	})
}

func TestCreateRunReturnsErrorOfFirstSearch(t *testing.T) {
	t.Parallel()
	onFaultyServer(t, createRoute, nil, func(t *testing.T, w *faultyServer, _ *tracking.Client) {
		client := w.client(t, mlflow.WithRequestEditor(func(context.Context, *http.Request) error { return errors.New("no") }))
		_, err := createK1(t, client)
		var failure *tracking.Error
		require.ErrorAs(t, err, &failure)
		assert.Equal(t, "CreateRun", failure.Op)
		assert.Zero(t, w.seen)
	})
}

// The run is there: a caller who cannot wait for lost requests gets it nevertheless.
func TestCreateRunReturnsRunFoundAtDeadline(t *testing.T) {
	t.Parallel()
	f := fault{response: abort}
	onFaultyServer(t, createRoute, &f, func(t *testing.T, w *faultyServer, _ *tracking.Client) {
		var logged bytes.Buffer
		client := w.client(t, mlflow.WithLogger(slog.New(slog.NewTextHandler(&logged, nil))))
		ctx, cancel := context.WithTimeout(t.Context(), grace+3*time.Second/2) // after the retry, before the second look
		defer cancel()
		run, err := client.CreateRun(ctx, "7", tracking.WithIdempotencyKey("k1"))
		require.NoError(t, err)
		assert.Equal(t, "r1", run.Info.RunID)
		assert.Contains(t, logged.String(), `msg="mlflow run may be there twice"`)
	})
}

// A caller who gives up before the retry learns what the first request came to, and that the context ended.
func TestCreateRunIsNotRetriedAfterDeadline(t *testing.T) {
	t.Parallel()
	for _, f := range []fault{{response: abort}, {response: respondWith(503, html, "down")}} {
		onFaultyServer(t, createRoute, &f, func(t *testing.T, w *faultyServer, client *tracking.Client) {
			ctx, cancel := context.WithTimeout(t.Context(), grace)
			defer cancel()
			_, err := client.CreateRun(ctx, "7", tracking.WithIdempotencyKey("k1"))
			require.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, 2, w.seen, "a look and a request")
			assert.Zero(t, w.live())
		})
	}
}
