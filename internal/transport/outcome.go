package transport

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/mlflow-go/mlflow/internal/wire"
)

// An Outcome is what became of a call: the last response, or why there is none. It holds no secret that was sent, but
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
	// MayHaveRun tells that the server may have run an attempt before the last one, whose response was lost.
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

var kindsByCode = map[string]Kind{
	wire.CodeInternalError:          Failed,
	wire.CodeTemporarilyUnavailable: Unavailable,
	wire.CodeBadRequest:             DatabaseRefused,
	wire.CodeDeadlineExceeded:       Unavailable,
	wire.CodeResourceExhausted:      RateLimited,
	wire.CodeNotFound:               NotFound,
	wire.CodeAlreadyExists:          AlreadyExists,
	wire.CodeUnauthenticated:        Unauthenticated,
	wire.CodeInvalidParameterValue:  InvalidArgument,
	wire.CodeEndpointNotFound:       Unsupported,
	wire.CodeMalformedRequest:       InvalidArgument,
	wire.CodeInvalidState:           InvalidArgument,
	wire.CodePermissionDenied:       PermissionDenied,
	wire.CodeFeatureDisabled:        Unsupported,
	wire.CodeCustomerUnauthorized:   Unauthenticated,
	wire.CodeRequestLimitExceeded:   RateLimited,
	wire.CodeResourceConflict:       Failed,
	wire.CodeNotImplemented:         Unsupported,
	wire.CodeResourceAlreadyExists:  AlreadyExists,
	wire.CodeResourceDoesNotExist:   NotFound,
}

var kindsByStatus = map[int]Kind{
	http.StatusBadRequest:            InvalidArgument,
	http.StatusUnauthorized:          Unauthenticated,
	http.StatusForbidden:             PermissionDenied,
	http.StatusNotFound:              NotFound,
	http.StatusMethodNotAllowed:      Unsupported,
	http.StatusRequestTimeout:        Unavailable,
	http.StatusRequestEntityTooLarge: InvalidArgument,
	http.StatusRequestURITooLong:     InvalidArgument,
	http.StatusUnprocessableEntity:   InvalidArgument,
	http.StatusTooManyRequests:       RateLimited,
	http.StatusNotImplemented:        Unsupported,
	http.StatusBadGateway:            Unavailable,
	http.StatusServiceUnavailable:    Unavailable,
	http.StatusGatewayTimeout:        Unavailable,
}

// Classify returns what a response means that has the given HTTP status and error code, "" for none.
func Classify(status int, code string) Kind {
	kind, known := kindsByCode[code]
	switch {
	case known:
		return kind
	case isSuccess(status) && code == "":
		return Success
	case status < 400:
		return Unexpected
	case code == "" && status == http.StatusNotFound:
		return Unsupported // MLflow's own 404 has a code
	case code == "" && status == http.StatusInternalServerError:
		return Crashed // MLflow's own verdicts have a code
	}
	if kind, known = kindsByStatus[status]; known {
		return kind
	}
	return Failed
}

func isSuccess(status int) bool { return 200 <= status && status < 300 }

// received returns the outcome of an attempt that brought a response.
func (c *Call) received(response *http.Response, body []byte, readErr error) Outcome {
	o := Outcome{
		Status:     response.StatusCode,
		RetryAfter: retryAfter(response.Header),
		Body:       body,
		response:   response,
		bodyErr:    readErr,
	}
	// Some gateways send an error with status 200. A program knows best what it asked for.
	if !isSuccess(o.Status) || (!c.operation.OfProgram && bytes.Contains(body, []byte(`"error_code"`))) {
		var ok bool
		o.Code, o.Message, ok = wire.ParseError(body)
		o.quotesBody = !ok
	}
	o.Kind = Classify(o.Status, o.Code)
	switch location := response.Header.Get("Location"); {
	case o.Kind == Success && errors.Is(readErr, errTooLarge):
		return o.unexpected(Unexpected, readErr)
	case o.Kind == Success && readErr != nil:
		return o.unexpected(Truncated, readErr)
	case location != "" && o.Status < 400 && o.Kind != Success:
		o.Message, o.quotesBody = "the server redirects to "+cleanURL(location), false
	}
	return o
}

// unexpected returns the outcome of a 2xx response that does not hold what it promises.
func (o Outcome) unexpected(kind Kind, err error) Outcome {
	o.Kind, o.Err, o.quotesBody = kind, err, true
	return o
}

// Unexpected returns the outcome for a caller who found that a 2xx response does not hold what it promises.
func (c *Call) Unexpected(err error) Outcome {
	return c.redacted(c.outcome.unexpected(Unexpected, err))
}

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

// redacted completes the outcome, and takes the secrets from it that were sent: a server or a proxy may quote them.
func (c *Call) redacted(o Outcome) Outcome {
	o.Attempts, o.MayHaveRun = c.attempts, c.mayHaveRun
	if o.Kind == Success {
		return o
	}
	c.outcome = o // the requests of a redirect had secrets of their own
	o.Code, o.Message = c.redact(o.Code), c.redact(o.Message)
	if o.quotesBody {
		o.Message, o.quotesBody = c.beginning(o.Body), false
	}
	if o.Err != nil {
		o.Err = c.cleanError(o.Err)
	}
	return o
}

// result returns the outcome as net/http would.
func (c *Call) result() (*http.Response, error) {
	o := &c.outcome
	if o.response == nil {
		return nil, cmp.Or(o.Err, errors.New(o.Message))
	}
	if o.stream != nil {
		o.response.Body = o.stream
		return o.response, nil
	}
	c.body.data.Reset(o.Body)
	c.body.err = o.bodyErr
	o.response.Body = &c.body
	return o.response, nil
}

// asURLError returns the *url.Error in err, or nil.
func asURLError(err error) *url.Error {
	var failed *url.Error
	errors.As(err, &failed)
	return failed
}
