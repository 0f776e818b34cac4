package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/mlflow-go/mlflow/internal/wire"
)

// A RetryPolicy says how often, and after what waits, a request is sent again. The wait before repeat number k is
// random, between 0 and MinBackoff·2^(k-1) but at most MaxBackoff, so that clients which failed together don't come
// back together.
type RetryPolicy struct {
	// MaxAttempts bounds how often a request is sent in all; 1 turns repeats off.
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

// maxDBRefusals bounds the attempts at what the database refuses: it may be overloaded, but it may also mean it.
const maxDBRefusals = 3

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

// An outcome is what an attempt means for another one.
type outcome int

const (
	final     outcome = iota // another attempt would bring the same
	notRun                   // the server surely did not run the request
	maybe                    // the server may have run the request
	dbRefused                // the database said no, for a reason that may pass
)

// judge tells what an attempt means that ended with an answer or a failure.
func judge(response *http.Response, err error) outcome {
	if err != nil {
		return judgeFailure(err)
	}
	body, readErr := ReadBody(response)
	var code wire.ErrorCode
	if response.StatusCode >= 400 { // an answer of success can be long
		code, _, _ = wire.ParseError(body)
	}
	switch response.StatusCode {
	case http.StatusTooManyRequests:
		return notRun
	case http.StatusRequestTimeout, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return maybe
	case http.StatusInternalServerError:
		if code == "" { // an unhandled exception, perhaps of a server that goes down; MLflow's own verdicts have a code
			return maybe
		}
	case http.StatusBadRequest:
		if code == badRequest {
			return dbRefused
		}
	}
	if response.StatusCode < 300 && readErr != nil && !errors.Is(readErr, errTooLarge) {
		return maybe // cut off
	}
	return final
}

// badRequest is the database's answer, not a judgement on the request: MLflow sends it for lost races, an exhausted
// connection pool, and constraints that don't hold.
const badRequest = "BAD_REQUEST"

// judgeFailure tells what it means that no answer came.
func judgeFailure(err error) outcome {
	var (
		sent        *url.Error
		network     *net.OpError
		lookup      *net.DNSError
		certificate *tls.CertificateVerificationError
		notTLS      tls.RecordHeaderError
	)
	errors.As(err, &network)
	during := func(op string) bool { return network != nil && network.Op == op }
	switch {
	case !errors.As(err, &sent): // a token source or a request editor failed
		return final
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return final
	case errors.As(err, &certificate), errors.As(err, &notTLS), errors.Is(err, http.ErrSchemeMismatch):
		return final
	case during("remote error"): // what crypto/tls calls an alert, such as that a client certificate is needed
		return final
	case errors.As(err, &lookup), during("dial"), during("proxyconnect"):
		return notRun
	}
	return maybe
}

// again tells whether to send a request again, and after what wait.
func (c *Client) again(ctx context.Context, call *Call, response *http.Response, means outcome) (time.Duration, bool) {
	switch {
	case means == final, call.Attempts >= c.config.Retry.MaxAttempts:
		return 0, false
	case means == maybe && !call.Repeatable && call.BeforeRepeat == nil:
		return 0, false
	case means == dbRefused && (!call.Repeatable || call.dbRefusals >= maxDBRefusals):
		return 0, false
	}
	wait := c.config.Retry.backoff(call.Attempts)
	if response != nil && !c.config.Retry.IgnoreRetryAfter {
		if asked := RetryAfter(response.Header); asked > c.config.Retry.MaxBackoff {
			return 0, false
		} else if asked > 0 {
			wait = asked
		}
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < wait {
		return 0, false // the caller learns of the failure now, rather than of the deadline later
	}
	return wait, true
}

// noteReplays returns the request such that the call is told when net/http itself sends it again, on losing a connection
// that was used before: the server may have run the request by then.
func noteReplays(request *http.Request, call *Call) *http.Request {
	var unanswered atomic.Bool
	return request.WithContext(httptrace.WithClientTrace(request.Context(), &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) {
			if unanswered.Swap(true) {
				call.MayHaveRun = true
			}
		},
		GotFirstResponseByte: func() { unanswered.Store(false) }, // of a redirect, perhaps
	}))
}

// RetryAfter reads the header of that name, which holds seconds or a date; 0 stands for none.
func RetryAfter(header http.Header) time.Duration {
	value := header.Get("Retry-After")
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

// interrupted is the error of a request that could not be sent again because of an obstacle.
func interrupted(obstacle, last error) error {
	var failed *url.Error
	if errors.As(last, &failed) {
		return &url.Error{Op: failed.Op, URL: failed.URL, Err: fmt.Errorf("%w, about to try again after: %w", obstacle, failed.Err)}
	}
	return obstacle
}
