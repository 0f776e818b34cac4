package transport

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// A RetryPolicy says how often, and after what waits, a request is retried. The wait before retry number k is random,
// between 0 and MinBackoff·2^(k-1) but at most MaxBackoff, so that clients which failed together don't come back
// together.
type RetryPolicy struct {
	// MaxAttempts limits how often a request is sent in all; 1 turns retries off.
	MaxAttempts int
	MinBackoff  time.Duration
	MaxBackoff  time.Duration
	// Jitter is the upper end of a random wait on top.
	Jitter time.Duration
	// IgnoreRetryAfter waits as long as without the header of that name.
	IgnoreRetryAfter bool
}

// DefaultRetryPolicy outlasts the restart of a server: as many attempts as Python's client makes, over a minute on
// average.
var DefaultRetryPolicy = RetryPolicy{MaxAttempts: 8, MinBackoff: time.Second, MaxBackoff: time.Minute}

// maxDatabaseRefusals limits the attempts at what the database refuses: it may be overloaded, but it may also mean it.
const maxDatabaseRefusals = 3

// backoff returns the wait after the given number of attempts.
func (p RetryPolicy) backoff(attempts int) time.Duration {
	limit := p.MaxBackoff
	if doublings := attempts - 1; doublings < 32 && p.MinBackoff < p.MaxBackoff>>doublings {
		limit = p.MinBackoff << doublings
	}
	wait := randomUpTo(limit)
	return wait + min(randomUpTo(p.Jitter), math.MaxInt64-wait)
}

func randomUpTo(limit time.Duration) time.Duration {
	if limit <= 0 {
		return 0
	}
	return rand.N(limit) // #nosec G404 -- spreads load, and keeps no secret
}

// retryDelay tells whether to retry the request after an attempt, and after what wait.
func (c *Call) retryDelay(ctx context.Context, o Outcome) (time.Duration, bool) {
	policy := &c.client.config.Retry
	if c.attempts >= policy.MaxAttempts || !c.mayRetry(o) {
		return 0, false
	}
	wait := policy.backoff(c.attempts)
	if o.stale {
		wait = 0 // it says nothing of how the server does
	}
	if o.RetryAfter > 0 && !policy.IgnoreRetryAfter {
		if o.RetryAfter > policy.MaxBackoff {
			return 0, false
		}
		wait = o.RetryAfter
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < wait {
		return 0, false // the caller learns of the failure now, rather than of the deadline later
	}
	return wait, true
}

// mayRetry tells whether the operation may be retried after an attempt that went wrong.
func (c *Call) mayRetry(o Outcome) bool {
	if c.operation.Once {
		return false
	}
	switch o.verdict() {
	case cannotHaveRun:
		return true
	case mayHaveRun:
		final := c.operation.FinalRefusal
		if o.Kind == Crashed && c.operation.FinalCrash || final != nil && final.Match(o.Body) {
			return false
		}
		return c.operation.MayRunTwice || c.HasRun != nil
	case mayPass:
		if final := c.operation.FinalRefusal; final != nil && final.MatchString(o.Message) {
			return false
		}
		return (c.operation.MayRunTwice || c.HasRun != nil) && c.databaseRefusals < maxDatabaseRefusals
	}
	return false
}

var errHasRun = errors.New("the request has run")

// beforeRetry waits, and asks whether the retry is needed. It returns an error if the request must not be sent again.
func (c *Call) beforeRetry(ctx context.Context, o Outcome, wait time.Duration) error {
	if err := sleep(ctx, wait); err != nil {
		return err
	}
	if o.Kind == Timeout && o.http2 {
		// HTTP/2 would use the silent connection again.
		c.client.closeIdleConnections()
	}
	if o.verdict() != mayHaveRun {
		return nil
	}
	c.mayHaveRun = true
	if c.HasRun == nil {
		return nil
	}
	ran, err := c.HasRun(ctx)
	if err == nil && ran {
		err = errHasRun
	}
	return err
}

// retryAfter reads the header of that name, which holds seconds or a date; 0 stands for none.
func retryAfter(header http.Header) time.Duration {
	value := header.Get("Retry-After")
	if value == "" {
		return 0
	}
	// A number out of range comes as the largest there is.
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil || errors.Is(err, strconv.ErrRange) {
		return max(0, time.Duration(seconds)*time.Second)
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(0, time.Until(date))
	}
	return 0
}

// sleep waits, or returns the context's error if that ends first.
func sleep(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
