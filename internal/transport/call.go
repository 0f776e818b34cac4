package transport

import (
	"cmp"
	"context"
	"errors"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// A Call is one use of an operation. The caller says what it is and puts it into the request's context; the transport
// writes what became of it. A call can be used for several requests in turn, which share its attempts.
type Call struct {
	// Operation is the operation's name, such as "LogMetric".
	Operation string
	// Repeatable tells that the server may run the request more than once.
	Repeatable bool
	// BeforeRepeat, if set, is asked before a request is sent again that the server may have run, and must not run twice.
	// It returns an error if the request shall not be sent again.
	BeforeRepeat func(context.Context) error

	// Attempts counts how often a request was sent, or tried to be.
	Attempts int
	// MayHaveRun tells that the server may have run an attempt before the last one, whose answer was lost.
	MayHaveRun bool
	// Interrupted is why the request was not sent again after the answer that is returned: the context's error, or
	// that of BeforeRepeat.
	Interrupted error

	dbRefusals       int // how many answers were the database's no
	ignoresWorkspace bool
	authorization    string      // the header of the last attempt
	fresh            string      // the header of the next one, if it is known already
	sent             http.Header // those of the last attempt
}

type callKey struct{}

// WithCall returns a context that carries the call to the transport.
func WithCall(ctx context.Context, call *Call) context.Context {
	return context.WithValue(ctx, callKey{}, call)
}

func callFrom(ctx context.Context) *Call {
	if call, ok := ctx.Value(callKey{}).(*Call); ok {
		return call
	}
	return &Call{}
}

// Redact returns text without the secrets that were sent, which a server or a proxy may echo.
func (c *Call) Redact(text string) string {
	for _, secret := range c.secrets() {
		text = strings.ReplaceAll(text, secret, "[redacted]")
	}
	return text
}

// CleanError is CleanError, and redacts the secrets that were sent: the text of an error of net/http's may quote the
// server.
func (c *Call) CleanError(err error) error {
	err = CleanError(err)
	if text := err.Error(); c.Redact(text) == text {
		return err
	}
	var failed *url.Error
	if !errors.As(err, &failed) {
		return &redactedError{c.Redact(err.Error()), err}
	}
	cause := &redactedError{c.Redact(failed.Err.Error()), failed.Err}
	return &url.Error{Op: failed.Op, URL: c.Redact(failed.URL), Err: cause}
}

// A redactedError is an error with another text. It does not unwrap to the one that has the secrets.
type redactedError struct {
	text string
	err  error
}

func (e *redactedError) Error() string        { return e.text }
func (e *redactedError) Is(target error) bool { return errors.Is(e.err, target) }
func (e *redactedError) Timeout() bool        { return isTimeout(e.err) }

// secrets returns what the last request carried that nobody else may see, as it is and as it looks when it is quoted.
// Short values are left out: they would blank out parts of ordinary words.
func (c *Call) secrets() []string {
	const short = 4
	var all []string
	keep := func(secret string) {
		if len(secret) > short {
			all = append(all, secret, strings.Trim(strconv.Quote(secret), `"`), url.QueryEscape(secret), html.EscapeString(secret))
		}
	}
	sent := http.Request{Header: c.sent}
	if username, password, ok := sent.BasicAuth(); ok {
		keep(username + ":" + password)
		keep(password)
	}
	_, credentials, _ := strings.Cut(c.sent.Get("Authorization"), " ")
	keep(credentials)
	for name, values := range c.sent {
		switch name {
		case "Accept", "Content-Type", "User-Agent", "X-Mlflow-Workspace":
			continue
		}
		for _, value := range values {
			keep(value)
		}
	}
	slices.SortFunc(all, func(a, b string) int {
		// A secret that another one holds goes after it, or the rest of the other one would be left.
		return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b))
	})
	return slices.Compact(all)
}
