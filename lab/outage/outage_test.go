package outage

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
)

const (
	clients = 1000
	step    = 10 * time.Second // of training, at whose end each client logs a metric
	// The worst that can happen: all clients end their first step at the same time, and the server leaves a second later,
	// when it has run a sixth of their requests. The others are lost at once, and nothing but their waits sets them apart.
	leaves = step + time.Second
)

// A logger logs one metric, and returns an error when it gives up.
type logger func(context.Context) error

// library returns a client of the library.
func library(t *testing.T, s *server, policy mlflow.RetryPolicy) logger {
	client, err := mlflow.NewClient(
		mlflow.WithTrackingURI("http://mlflow.test"),
		mlflow.WithHTTPClient(&http.Client{Transport: s}),
		mlflow.WithRetry(policy),
	)
	require.NoError(t, err)
	return func(ctx context.Context) error { return client.Tracking().LogMetric(ctx, "r1", "loss", 0.5) }
}

// byHand returns a client with as many attempts as ours, and other waits.
func byHand(s *server, wait func(attempts int) time.Duration) logger {
	return func(ctx context.Context) error {
		for attempts := 1; ; attempts++ {
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://mlflow.test", strings.NewReader("{}"))
			if err != nil {
				return err
			}
			response, err := s.RoundTrip(request)
			if err == nil {
				return response.Body.Close()
			}
			if attempts == 8 {
				return err
			}
			time.Sleep(wait(attempts))
		}
	}
}

// withoutJitter waits as long as ours may at most.
func withoutJitter(attempts int) time.Duration {
	return min(time.Second<<(attempts-1), time.Minute)
}

// python waits as MLflow's own client does by default: MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR is 2, and
// MLFLOW_HTTP_REQUEST_BACKOFF_JITTER is 1. urllib3 makes the first retry at once.
func python(attempts int) time.Duration {
	if attempts == 1 {
		return 0
	}
	return min(2*time.Second<<(attempts-1)+rand.N(time.Second), 2*time.Minute)
}

// A result is what a simulation came to.
type result struct {
	*server
	gaveUp  int           // clients
	through time.Duration // when the last of the others had logged what it began to log before the server was back
}

// simulate has all clients log for a while, each after every step of its own.
func simulate(t *testing.T, away, until time.Duration, newLogger func(*server) logger) (r result) {
	synctest.Test(t, func(t *testing.T) {
		r.server = newServer(leaves, away)
		var mu sync.Mutex
		var all sync.WaitGroup
		for range clients {
			log := newLogger(r.server)
			all.Go(func() {
				for time.Sleep(step); r.now() < until; time.Sleep(step) {
					began := r.now()
					err := log(t.Context())
					mu.Lock()
					if err != nil {
						r.gaveUp++
					} else if began < r.comesBack && r.now() > r.through {
						r.through = r.now()
					}
					mu.Unlock()
					if err != nil {
						return
					}
				}
			})
		}
		all.Wait()
	})
	return r
}

// A herd would be as many requests at once as there are clients.
func TestClientsDoNotComeBackTogether(t *testing.T) {
	t.Parallel()
	const away, until = 30 * time.Second, 2 * time.Minute
	ours := simulate(t, away, until, func(s *server) logger { return library(t, s, mlflow.RetryPolicy{}) })
	plain := simulate(t, away, until, func(s *server) logger { return byHand(s, withoutJitter) })
	theirs := simulate(t, away, until, func(s *server) logger { return byHand(s, python) })

	names := []string{"this library", "the same waits without jitter", "the waits of Python's client"}
	results := []result{ours, plain, theirs}
	lines := "| client | busiest second after the outage | all clients are through | gave up |\n|---|---|---|---|\n"
	for i, r := range results {
		lines += fmt.Sprintf("| %s | %d requests | %.0f s after the outage | %d |\n",
			names[i], r.busiest(r.comesBack, until), (r.through - r.comesBack).Seconds(), r.gaveUp)
	}
	t.Logf("%d clients, outage of %v:\n%s", clients, away, lines)
	capacity := int(time.Second / serviceTime)
	assert.Less(t, ours.busiest(ours.comesBack, until), 2*capacity, "the server sees no more than it can work off in 2 s")
	assert.Greater(t, plain.busiest(plain.comesBack, until), clients/2, "the simulation does not show a herd where there is one")
}

// The more attempts, the longer an outage may last.
func TestHowManyClientsGiveUp(t *testing.T) {
	t.Parallel()
	attempts := []int{8, 10, 12, 16, 20, 24}
	lines, rule := "| outage |", "\n|---|"
	for _, n := range attempts {
		lines += fmt.Sprintf(" %d attempts |", n)
		rule += "---|"
	}
	lines += rule + "\n"
	for _, away := range []time.Duration{10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute} {
		var gaveUp []int
		lines += fmt.Sprintf("| %v |", away)
		for _, n := range attempts {
			r := simulate(t, away, leaves, func(s *server) logger { return library(t, s, mlflow.RetryPolicy{MaxAttempts: n}) })
			gaveUp = append(gaveUp, r.gaveUp)
			lines += fmt.Sprintf(" %.1f %% |", 100*float64(r.gaveUp)/float64(r.lost))
		}
		lines += "\n"
		assert.IsNonIncreasing(t, gaveUp, "outage of %v", away)
	}
	t.Logf("Calls that fail, of those that the outage met:\n%s", lines)
}
