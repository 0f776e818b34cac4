package tracking_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/tracking"
)

// Calls of CreateRun with one key that overlap, on a server that loses, delays and refuses requests: a run that one of
// them returned stays, and so does every run that has nothing to do with the key.
func TestOverlappingCallsWithAKey(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { overlap(t, seed) })
		})
	}
}

// overlap plays 2 to 4 calls, and holds what is left against what they returned.
func overlap(t *testing.T, seed uint64) {
	t.Helper()
	random, servers := rand.New(rand.NewPCG(seed, 0)), rand.New(rand.NewPCG(seed, 1))
	w := newFaultyServer(t, createRoute, overHTTP1)
	w.ignoresFilters = random.IntN(4) == 0
	w.newID = func() string { return fmt.Sprintf("%08x", servers.Uint32()) }
	others := map[string]map[string]string{
		"00": {"model": "iris"}, "zz": {tracking.IdempotencyKeyTag: "k2", tracking.IdempotencyNonceTag: "another nonce"},
	}
	for id, tags := range others {
		w.runs = append(w.runs, storedRun{id: id, tags: maps.Clone(tags)})
	}
	w.onRequest = func(route string) fault { return randomFault(servers, route, w.newID()) }

	// Retries come at once, so that the seed alone decides.
	client := w.client(t, mlflow.WithRetry(mlflow.RetryPolicy{MaxAttempts: 4, MinBackoff: 1, MaxBackoff: 1}))
	returned := make(map[string]bool)
	var mu sync.Mutex
	var calls sync.WaitGroup
	for range 2 + random.IntN(3) {
		starts, gives, uses := upTo(random, 8*time.Second), 5*time.Second+upTo(random, 30*time.Second), random.IntN(3)
		waits := upTo(random, 4*time.Second)
		calls.Go(func() {
			time.Sleep(starts)
			ctx, cancel := context.WithTimeout(t.Context(), gives)
			defer cancel()
			run, err := client.CreateRun(ctx, "7", tracking.WithIdempotencyKey("k1"))
			if err != nil {
				return
			}
			mu.Lock()
			returned[run.Info.RunID] = true
			mu.Unlock()
			time.Sleep(waits)
			useRun(t, client, run.Info.RunID, uses)
		})
	}
	calls.Wait()
	time.Sleep(time.Minute) // until what is late has run
	synctest.Wait()

	w.onRequest = nil
	for _, run := range w.runs {
		if returned[run.id] {
			assert.False(t, run.deleted, "run %s was returned, and is deleted", run.id)
		}
		if tags, ok := others[run.id]; ok {
			assert.False(t, run.deleted, "run %s without the key is deleted", run.id)
			assert.Equal(t, tags, run.tags, "run %s without the key is changed", run.id)
		}
	}
	before := w.live()
	run, err := client.CreateRun(t.Context(), "7", tracking.WithIdempotencyKey("k1"))
	require.NoError(t, err)
	if before > len(others) {
		assert.Equal(t, before, w.live(), "there was a run with the key")
	}
	for _, stored := range w.runs {
		assert.False(t, stored.id == run.Info.RunID && stored.deleted, "the run of a later call is deleted")
	}
	w.requireNoConnections(t)
}

// useRun does something with a run, or nothing. It may fail, as the server loses requests.
func useRun(t *testing.T, client *tracking.Client, id string, how int) {
	t.Helper()
	switch how {
	case 1:
		_ = client.LogMetric(t.Context(), id, "loss", 1)
	case 2:
		_ = client.SetTag(t.Context(), id, "stage", "train")
	}
}

// randomFault returns what becomes of a request: a CreateRun goes wrong more often than not, and others now and then.
func randomFault(random *rand.Rand, route, id string) fault {
	percent := 10
	if route == createRoute {
		percent = 67
	}
	f := fault{delay: upTo(random, time.Second)}
	if random.IntN(100) >= percent {
		return f
	}
	f.response = abort
	switch random.IntN(6) {
	case 0:
		f.ran = true
	case 1:
		f.response = respondWith(503, html, "Service Unavailable")
	case 2:
		f.response = respondWith(400, "application/json", `{"error_code": "BAD_REQUEST", "message": "QueuePool limit reached"}`)
	default:
		f.late, f.after = id, upTo(random, 10*time.Second)
	}
	return f
}

func upTo(random *rand.Rand, limit time.Duration) time.Duration {
	return time.Duration(random.Int64N(int64(limit)))
}
