package transport

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// This file says when a request is sent again, top to bottom from the outcome of an attempt to the wait before the next:
// what an operation allows (Safety), what an outcome allows (verdict), what the client is configured to do (RetryPolicy),
// and the decision (Call.next).

// Safety says when the request of an operation may be sent again after an attempt that failed.
type Safety int

const (
	// RunOnce is the zero value, for requests that the server must not run twice. Such a request is sent again only if
	// the server cannot have run it: no connection was made, or the status is 429.
	RunOnce Safety = iota
	// MayRunTwice is for requests that read, or that change nothing when they run a second time. Such a request is sent
	// again even if the server may have run it: after a timeout, a lost connection, a 500 in HTML, a 408, 502, 503 or 504,
	// or MLflow's BAD_REQUEST.
	MayRunTwice
	// Reconciled is for requests that must not run twice, where the caller can find out whether one has: after an attempt
	// that may have run, Call.HasRun is asked, and the request is sent again only if it has not. Without HasRun it is
	// RunOnce.
	Reconciled
	// SendOnce is for requests that are never sent again, because the caller has a fallback.
	SendOnce
)

// String returns the name of the constant.
func (s Safety) String() string {
	names := [...]string{RunOnce: "RunOnce", MayRunTwice: "MayRunTwice", Reconciled: "Reconciled", SendOnce: "SendOnce"}
	if s < 0 || int(s) >= len(names) {
		return fmt.Sprintf("Safety(%d)", int(s))
	}
	return names[s]
}

// A verdict says what an outcome allows.
type verdict int

const (
	final         verdict = iota // a retry would bring the same
	cannotHaveRun                // the server cannot have run the request
	mayHaveRun                   // the server may have run the request
	mayPass                      // the server did not run it, for a reason that may pass or not
)

// verdicts are those of the kinds of outcomes. All others are final.
var verdicts = map[Kind]verdict{
	RateLimited:     cannotHaveRun,
	NoConnection:    cannotHaveRun,
	NameNotResolved: cannotHaveRun,
	Unavailable:     mayHaveRun,
	Crashed:         mayHaveRun,
	Truncated:       mayHaveRun,
	Timeout:         mayHaveRun,
	ConnectionLost:  mayHaveRun,
	DatabaseRefused: mayPass,
}

// verdict says whether the request may be retried. The kind decides, except after a status that says "not now": then a
// code that says something else comes from a proxy that does not know MLflow's.
func (o Outcome) verdict() verdict {
	switch o.Status {
	case http.StatusTooManyRequests:
		return cannotHaveRun
	case http.StatusRequestTimeout, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return mayHaveRun
	}
	return verdicts[o.Kind]
}

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
func DefaultRetryPolicy() RetryPolicy {
	return RetryPolicy{MaxAttempts: 8, MinBackoff: time.Second, MaxBackoff: time.Minute}
}

// maxDatabaseRefusals limits the attempts at what the database refuses: it may be overloaded, but it may also mean it.
const maxDatabaseRefusals = 3

// next reports whether to send the request again after an attempt, and after what wait.
func (c *Call) next(request *http.Request, o Outcome) (wait time.Duration, again bool) {
	ctx := request.Context()
	if !c.canSendAgain(request) {
		return 0, false
	}
	if !c.renewed && c.hasNewCredentials(ctx, o) {
		c.renewed = true
		return 0, true
	}
	return c.retryDelay(ctx, o)
}

// canSendAgain reports whether the body of the request can be read again. A request whose body cannot is sent once.
func (c *Call) canSendAgain(request *http.Request) bool {
	if c.Content != nil {
		return !c.Content.Once
	}
	return request.Body == nil || request.Body == http.NoBody || request.GetBody != nil
}

// hasNewCredentials reports whether there are other credentials than those that the server refused without running the
// request.
func (c *Call) hasNewCredentials(ctx context.Context, o Outcome) bool {
	config := &c.client.config
	if o.Status != http.StatusUnauthorized || config.Authorization == nil || c.authorized {
		return false
	}
	if config.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, config.Timeout)
		defer cancel()
	}
	authorization, err := config.Authorization(ctx)
	if err != nil || authorization == c.authorization {
		return false
	}
	c.nextAuthorization = authorization
	return true
}

// retryDelay reports whether to retry the request after an attempt, and after what wait.
func (c *Call) retryDelay(ctx context.Context, o Outcome) (time.Duration, bool) {
	policy := &c.client.config.Retry
	if c.attempts >= policy.MaxAttempts || !c.mayRetry(o) {
		return 0, false
	}
	wait := policy.backoff(c.attempts)
	if o.stale {
		wait = 0 // a stale connection says nothing about the server's load
	}
	if o.RetryAfter > 0 && !policy.IgnoreRetryAfter {
		if o.RetryAfter > policy.MaxBackoff {
			return 0, false
		}
		wait = o.RetryAfter
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < wait {
		return 0, false // report the failure now rather than the deadline later
	}
	return wait, true
}

// resumeDelay reports whether to ask for the rest of a download that was cut, and after what wait. Attempts count anew
// once the download has moved on.
func (c *Call) resumeDelay(ctx context.Context, cut error, movedOn bool) (time.Duration, bool) {
	if movedOn {
		c.attempts = 1
	}
	return c.retryDelay(ctx, Outcome{Kind: ConnectionLost, Err: cut})
}

// mayRetry reports whether the operation may be retried after an attempt that failed.
func (c *Call) mayRetry(o Outcome) bool {
	verdict := o.verdict()
	switch {
	case verdict == final, c.operation.Safety == SendOnce:
		return false
	case verdict == cannotHaveRun:
		return true
	case c.isFinal(o), verdict == mayPass && c.databaseRefusals >= maxDatabaseRefusals:
		return false
	case c.operation.Safety == Reconciled:
		return c.HasRun != nil
	}
	return c.operation.Safety == MayRunTwice
}

// isFinal reports whether the operation knows that a retry would bring the same outcome.
func (c *Call) isFinal(o Outcome) bool {
	if o.Kind == Crashed && c.operation.CrashIsFinal {
		return true
	}
	refusal := c.operation.FinalRefusal
	if refusal == nil {
		return false
	}
	if o.verdict() == mayPass {
		return refusal.MatchString(o.Message)
	}
	return refusal.Match(o.Body)
}

var errHasRun = errors.New("the request has run")

// beforeRetry waits, and asks HasRun where the request may have run. It returns an error if the request must not be sent again.
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
	if c.operation.Safety != Reconciled {
		return nil
	}
	ran, err := c.HasRun(ctx)
	if err == nil && ran {
		err = errHasRun
	}
	return err
}

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
