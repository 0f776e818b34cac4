package transport

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// failure returns the error of a request to which no answer came, or not in full before a time limit.
func failure(caller, attempt context.Context, request *http.Request, err error) error {
	var failed *url.Error
	if !errors.As(err, &failed) {
		method := cmp.Or(request.Method, http.MethodGet)
		failed = &url.Error{Op: method[:1] + strings.ToLower(method[1:]), URL: request.URL.String(), Err: err}
	}
	return CleanError(&url.Error{Op: failed.Op, URL: failed.URL, Err: reason(caller, attempt, failed.Err)})
}

// reason returns why an attempt failed. That is an error of package context if and only if the caller's context ended:
// those who get one give up, and net/http says the same of every time limit, its own and ours.
func reason(caller, attempt context.Context, err error) error {
	switch ended := caller.Err(); {
	case ended != nil && !errors.Is(err, ended): // net/http puts the context's cause in its place
		return fmt.Errorf("%w: %w", ended, err)
	case ended != nil:
		return err
	case attempt.Err() != nil:
		return context.Cause(attempt)
	case errors.Is(err, context.DeadlineExceeded):
		return timeoutError(err.Error())
	case errors.Is(err, context.Canceled):
		return errors.New(err.Error())
	}
	return err
}

// attemptTimeout is why an attempt ended whose answer took too long.
func attemptTimeout(limit time.Duration) error {
	return timeoutError("no complete answer within " + limit.String())
}

// timeoutError is the text of an error that reports a time limit, and is not [context.DeadlineExceeded].
type timeoutError string

func (e timeoutError) Error() string   { return string(e) }
func (e timeoutError) Timeout() bool   { return true }
func (e timeoutError) Temporary() bool { return true }

// kindOfFailure returns a word for why no answer came, for logs: the text of an error may hold anything.
func kindOfFailure(err error) string {
	var (
		sent   *url.Error
		lookup *net.DNSError
		dial   *net.OpError
	)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "context ended"
	case !errors.As(err, &sent):
		return "not sent"
	case isTimeout(err):
		return "timeout"
	case errors.As(err, &lookup):
		return "name not resolved"
	case errors.As(err, &dial) && dial.Op == "dial":
		return "no connection"
	}
	return "connection lost"
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// CleanError returns err, if it is a *[url.Error], without what its URLs may hold of secrets: after a redirect it has
// that of a login page, complete with its tokens.
func CleanError(err error) error {
	var failed *url.Error
	if !errors.As(err, &failed) {
		return err
	}
	cause := failed.Err
	if strings.HasPrefix(cause.Error(), "failed to parse Location header") { // which it quotes, complete with tokens
		cause = errors.New("the server redirects to something that is not a URL")
	}
	return &url.Error{Op: failed.Op, URL: CleanURL(failed.URL), Err: cause}
}

// CleanURL returns a URL without user info, query and fragment.
func CleanURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "(unreadable URL)"
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, "", false, "", ""
	return u.String()
}
