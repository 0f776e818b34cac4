package transport

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// failed returns the outcome of an attempt that brought no response.
func failed(err error, p *progress) Outcome {
	kind := kindOfError(err, p)
	return Outcome{Kind: kind, Err: err, http2: p.http2.Load(), stale: kind == ConnectionLost && p.wasStale()}
}

// notSent returns the outcome of an attempt that failed before the request was handed to net/http.
func notSent(caller context.Context, err error) Outcome {
	if caller.Err() != nil {
		return Outcome{Kind: Canceled, Err: err}
	}
	return Outcome{Kind: NotSent, Err: err}
}

// stoppedBy returns the outcome of a request that is not retried because of err.
func (o Outcome) stoppedBy(err error, canceled bool) Outcome {
	if o.Status != 0 {
		o.Err = err
		return o
	}
	if canceled {
		o.Kind = Canceled
	}
	o.Err = stoppedError(err, o.Err)
	return o
}

// kindOfError returns what it means that no response came because of err, after the given progress. In err only the
// caller's own context counts as one that ended; see reason.
func kindOfError(err error, p *progress) Kind {
	var (
		network     *net.OpError
		lookup      *net.DNSError
		certificate *tls.CertificateVerificationError
		notTLS      tls.RecordHeaderError
	)
	errors.As(err, &network)
	proxyStatus, proxyRefused := statusOfProxy(err)
	during := func(op string) bool { return network != nil && network.Op == op }
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Canceled
	case asURLError(err) == nil: // a Doer of the caller's own has errors of its own
		return NotSent
	case errors.As(err, new(*redirectError)):
		return NotSent
	case errors.As(err, &certificate), errors.As(err, &notTLS), errors.Is(err, http.ErrSchemeMismatch):
		return NotTrusted
	case during("remote error"): // what crypto/tls calls an alert, such as that a client certificate is needed
		return NotTrusted
	case errors.As(err, &lookup):
		return NameNotResolved
	case proxyRefused && !maySucceedLater(proxyStatus):
		return ProxyRefused
	case p.hadNoConnection(), during("dial"), during("proxyconnect"):
		return NoConnection
	case isTimeout(err):
		return Timeout
	}
	return ConnectionLost
}

// newURLError returns the error of a request that net/http has none for.
func newURLError(request *http.Request, err error) error {
	method := cmp.Or(request.Method, http.MethodGet)
	return &url.Error{Op: method[:1] + strings.ToLower(method[1:]), URL: request.URL.String(), Err: err}
}

// reasonOf returns the error of net/http with the reason why the attempt failed.
func reasonOf(caller, attempt context.Context, err error) error {
	failed := asURLError(err)
	if failed == nil {
		return reason(caller, attempt, err)
	}
	return &url.Error{Op: failed.Op, URL: failed.URL, Err: reason(caller, attempt, failed.Err)}
}

// reason returns why an attempt failed. That is an error of package context only if the caller's context ended: net/http
// reports its own timeouts, and ours, as context errors too, and callers would take those for their own cancellation.
func reason(caller, attempt context.Context, err error) error {
	switch ended := caller.Err(); {
	case ended != nil && !errors.Is(err, ended): // net/http puts the context's cause in its place
		return fmt.Errorf("%w: %w", ended, err)
	case ended != nil:
		return err
	case errors.Is(context.Cause(attempt), context.Canceled):
		return errLost // nothing else cancels a running attempt; see progress.trace
	case attempt.Err() != nil:
		return context.Cause(attempt)
	case errors.Is(err, context.DeadlineExceeded):
		return timeoutError(err.Error())
	case errors.Is(err, context.Canceled):
		return errors.New(err.Error())
	}
	return err
}

// stoppedError returns the error of a request that is not retried because of err, after an attempt that failed with
// last.
func stoppedError(err, last error) error {
	failed := asURLError(last)
	if failed == nil {
		return err
	}
	return &url.Error{Op: failed.Op, URL: failed.URL, Err: fmt.Errorf("%w, about to retry after: %w", err, failed.Err)}
}

// attemptTimeout returns why an attempt ended whose response took too long.
func attemptTimeout(limit time.Duration) error {
	return timeoutError("no complete response within " + limit.String())
}

// timeoutError is the text of an error that reports a time limit, and is not [context.DeadlineExceeded].
type timeoutError string

func (e timeoutError) Error() string   { return string(e) }
func (e timeoutError) Timeout() bool   { return true }
func (e timeoutError) Temporary() bool { return true }

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// A proxyError is the error of a proxy's response to CONNECT.
type proxyError struct{ status int }

func (e *proxyError) Error() string {
	return fmt.Sprintf("the proxy responded to CONNECT with %d %s", e.status, http.StatusText(e.status))
}

// checkProxy is a [http.Transport.OnProxyConnectResponse] that keeps the status, of which net/http's own error has the
// text alone.
func checkProxy(_ context.Context, _ *url.URL, _ *http.Request, response *http.Response) error {
	if response.StatusCode == http.StatusOK {
		return nil
	}
	return &proxyError{response.StatusCode}
}

// statusOfProxy returns the status of a proxy's response to CONNECT, if err is about one. The error of a caller's own
// transport has only the text to go by.
func statusOfProxy(err error) (status int, ok bool) {
	var refusal *proxyError
	if errors.As(err, &refusal) {
		return refusal.status, true
	}
	failed := asURLError(err)
	for _, status := range []int{
		http.StatusProxyAuthRequired, http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusBadRequest, http.StatusNotFound,
	} {
		if failed != nil && failed.Err.Error() == http.StatusText(status) {
			return status, true
		}
	}
	return 0, false
}

// maySucceedLater reports whether a proxy that responds to CONNECT with the status may let a later one pass.
func maySucceedLater(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}
