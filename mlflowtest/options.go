package mlflowtest

import (
	crand "crypto/rand"
	"math/rand/v2"
	"net/http"
	"time"
)

// An Option changes what NewServer and NewHandler make.
type Option interface{ apply(c *config) }

type option func(*config)

func (o option) apply(c *config) { o(c) }

type config struct {
	now         func() time.Time
	random      *rand.Rand
	middlewares []func(http.Handler) http.Handler
}

// WithClock sets the clock that stamps what the server itself stamps: when an experiment was created and last updated, and
// when a file was. The times of runs and metrics come with requests. The default is [time.Now]. The server reads the
// clock once at the start and then with each change, one at a time.
func WithClock(now func() time.Time) Option {
	return option(func(c *config) { c.now = now })
}

// WithSeed makes the server give the same IDs, run names and times for the same calls in the same order, as golden files
// need it. Unless WithClock sets another clock, it starts at 2026-01-01 00:00 UTC and advances by a millisecond each time
// the server reads it.
func WithSeed(seed uint64) Option {
	return option(func(c *config) {
		c.random = rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // repeating itself is what it is for
		if c.now == nil {
			c.now = ticks()
		}
	})
}

func ticks() func() time.Time {
	next := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	return func() time.Time {
		now := next
		next = next.Add(time.Millisecond)
		return now
	}
}

// WithMiddleware puts a handler in front of the server, for faults or to watch requests. Of several, the first one given
// gets requests first.
func WithMiddleware(middleware func(http.Handler) http.Handler) Option {
	return option(func(c *config) { c.middlewares = append(c.middlewares, middleware) })
}

func newConfig(opts []Option) config {
	var c config
	for _, opt := range opts {
		opt.apply(&c)
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.random == nil {
		var seed [32]byte
		_, _ = crand.Read(seed[:])                 // never fails
		c.random = rand.New(rand.NewChaCha8(seed)) //nolint:gosec // seeded by crypto/rand
	}
	return c
}
