package transport

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"
)

// An Outcome is what became of a call: the last response, or why no response came. It holds no secret that was sent, but
// for the body, which is the server's.
type Outcome struct {
	// Kind is Success, or says what went wrong.
	Kind Kind
	// Status is the HTTP status of the last response, 0 if none came.
	Status int
	// RetryAfter is how long the server asks to wait before the next request, 0 if it does not.
	RetryAfter time.Duration
	// Body is the whole body of a success, and at least the beginning of any other.
	Body []byte
	// Code and Message are MLflow's error code and message. Of a response that is not MLflow's, Message is the beginning.
	Code    string
	Message string
	// Err is why no response came, why its body is not whole, or what kept the request from being retried after it.
	Err error
	// Attempts counts how often the request was sent, or tried to be.
	Attempts int
	// MayHaveRun means that the server may have run an attempt before the last one, whose response was lost.
	MayHaveRun bool

	response   *http.Response
	stream     io.ReadCloser // the body of a success that is not read
	bodyErr    error         // why the body ends early
	quotesBody bool          // as the message
	http2      bool
	stale      bool // a connection was lost that another request had used before
}

// A Kind says what went wrong. It decides whether the request is retried, what the log calls it, and which sentinel the
// error matches.
type Kind int

// The kinds of outcomes.
const (
	Success Kind = iota

	Refused // by the library, before anything was sent

	// What the server said: MLflow's error code decides, and the HTTP status if there is no known code.
	NotFound
	AlreadyExists
	InvalidArgument
	Unauthenticated
	PermissionDenied
	RateLimited
	Unavailable
	Unsupported
	DatabaseRefused // BAD_REQUEST: a lost race, an exhausted connection pool, a constraint
	Crashed         // a 500 without an error code: an unhandled exception, perhaps of a server that goes down
	Failed          // any other error status

	// A 2xx response without what it promises.
	Truncated
	Unexpected

	// No response.
	Canceled // the caller's context ended
	NotSent  // a token source, a request editor or a redirect policy failed
	ProxyRefused
	NoConnection
	NameNotResolved
	NotTrusted // TLS failed
	Timeout
	ConnectionLost
)

var words = map[Kind]string{
	Success:          "none",
	Refused:          "refused",
	NotFound:         "not found",
	AlreadyExists:    "already exists",
	InvalidArgument:  "invalid argument",
	Unauthenticated:  "unauthenticated",
	PermissionDenied: "permission denied",
	RateLimited:      "rate limited",
	Unavailable:      "unavailable",
	Unsupported:      "unsupported",
	DatabaseRefused:  "refused by the database",
	Crashed:          "server error",
	Failed:           "error",
	Truncated:        "truncated response",
	Unexpected:       "unexpected response",
	Canceled:         "context ended",
	NotSent:          "not sent",
	ProxyRefused:     "refused by the proxy",
	NoConnection:     "no connection",
	NameNotResolved:  "name not resolved",
	NotTrusted:       "TLS failed",
	Timeout:          "timeout",
	ConnectionLost:   "connection lost",
}

// String returns the word for logs. The text of an error may hold anything; this does not.
func (k Kind) String() string { return words[k] }

// unexpected returns the outcome of a 2xx response that does not hold what it promises.
func (o Outcome) unexpected(kind Kind, err error) Outcome {
	o.Kind, o.Err, o.quotesBody = kind, err, true
	return o
}

// asURLError returns the *url.Error in err, or nil.
func asURLError(err error) *url.Error {
	var failed *url.Error
	errors.As(err, &failed)
	return failed
}
