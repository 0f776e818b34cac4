package transport

import (
	"context"
	"encoding/base64"
	"net/http"
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
	authorization    string // the header of the last attempt
	fresh            string // the header of the next one, if it is known already
	secrets          []string
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
	for _, secret := range c.secrets {
		text = strings.ReplaceAll(text, secret, "[redacted]")
	}
	return text
}

// keepSecrets notes what a request carries that nobody else may see. Short values are left out: they would blank out
// parts of ordinary words.
func (c *Call) keepSecrets(request *http.Request, configured http.Header) {
	const short = 4
	keep := func(secret string) {
		if len(secret) > short {
			c.secrets = append(c.secrets, secret)
		}
	}
	c.secrets = c.secrets[:0]
	if username, password, ok := request.BasicAuth(); ok {
		keep(username + ":" + password)
		keep(password)
		keep(base64.StdEncoding.EncodeToString([]byte(username + ":" + password)))
	} else {
		_, token, _ := strings.Cut(request.Header.Get("Authorization"), " ")
		keep(token)
	}
	for _, values := range configured {
		for _, value := range values {
			keep(value)
		}
	}
}
