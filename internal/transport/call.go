package transport

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"regexp"
)

// An Operation is what the transport needs to know of a method: what to call it, and whether to retry it.
type Operation struct {
	// Name is the name of the method, such as "LogMetric".
	Name string
	// Safety says when the request may be sent again.
	Safety Safety
	// FinalRefusal, if set, matches the message of a BAD_REQUEST, or the body of a response that asks to come back later, that a
	// retry would bring again.
	FinalRefusal *regexp.Regexp
	// OfProgram means that the program built the request itself: its headers stay as they are, and a success may hold
	// anything.
	OfProgram bool
	// CrashIsFinal means that a 500 without an error code is not retried: some servers answer an impossible request that
	// way.
	CrashIsFinal bool
	// Downloads means that the body of a success is a stream, and is not read.
	Downloads bool
}

// A Content is what an upload sends. It is never held in memory.
type Content struct {
	// Size is the length in bytes, or -1 if it is not known: then the request is chunked.
	Size int64
	// Open returns the content from its beginning. It is called for each attempt, after what it returned before was
	// closed.
	Open func() (io.ReadCloser, error)
	// Once means that Open works only once, so that the request is sent once.
	Once bool
	// OnSent, if set, is called with how many bytes of an attempt net/http has taken.
	OnSent func(n int64)
}

// A Call sends the request of one operation, retrying where that is safe, and knows afterwards what became of it. It is
// used once.
type Call struct {
	// HasRun reports whether the server has run the request. The retry of a Reconciled request that may have run calls it
	// first: if it has, or if HasRun fails, the request is not sent again, and the outcome is that of the last attempt.
	HasRun func(context.Context) (bool, error)
	// Content, if set, is the body of the request in place of its own.
	Content *Content
	// Renew, if set, makes the request with which a download that was cut continues, in place of the first one, whose URL
	// may have expired.
	Renew func() (*http.Request, error)

	client    *Client
	operation Operation
	outcome   Outcome
	body      bufferedBody // of the response

	first             attempt // here, since there is always one
	attempts          int
	mayHaveRun        bool
	databaseRefusals  int
	ignoresWorkspace  bool
	renewed           bool        // it was sent again with new credentials
	authorized        bool        // the program's request has credentials of its own
	authorization     string      // the header of the last attempt
	nextAuthorization string      // the header of the next one, if it is known already
	sent              http.Header // those of the last attempt
	query             url.Values  // that of its URL, if the values are secrets
}

// An attempt holds what one sending of a request needs, in one piece.
type attempt struct {
	progress progress
	target   url.URL
	values   [5]string // space for those of the headers that the library sets, but for credentials and configured ones
}

// NewCall returns a call of an operation, which sends one request.
func (c *Client) NewCall(operation Operation) *Call {
	return &Call{client: c, operation: operation}
}

// Outcome returns what became of the request; the zero Outcome if none was sent.
func (c *Call) Outcome() Outcome { return c.outcome }

// Result returns the outcome for a caller whose request builder returned err. If no request was sent, it is NotSent with
// err.
func (c *Call) Result(err error) Outcome {
	if err != nil && c.outcome.Kind == Success {
		return Outcome{Kind: NotSent, Err: err}
	}
	return c.outcome
}
