package tracking

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/mlflow-go/mlflow/internal/failure"
	"github.com/mlflow-go/mlflow/internal/redact"
	"github.com/mlflow-go/mlflow/internal/transport"
)

// What went wrong, for use with [errors.Is]. At most one of them matches an error. MLflow's error code decides; the HTTP
// status counts only if there is no known code. Some errors match none, such as a server's INTERNAL_ERROR, and
// BAD_REQUEST, by which MLflow reports any trouble with its database.
var (
	// ErrNotFound means that the experiment, the run, or the tag to delete does not exist.
	ErrNotFound = errors.New("mlflow: not found")
	// ErrAlreadyExists means that the name is taken, perhaps by a deleted experiment.
	ErrAlreadyExists = errors.New("mlflow: already exists")
	// ErrInvalidArgument means that the request is wrong, or wrong for the state that the experiment or the run is in.
	// It was refused by the server, or before anything was sent: then StatusCode is 0.
	ErrInvalidArgument = errors.New("mlflow: invalid argument")
	// ErrUnauthenticated means that the credentials are missing or wrong.
	ErrUnauthenticated = errors.New("mlflow: unauthenticated")
	// ErrPermissionDenied means that the credentials don't allow the call. Servers with MLflow's basic auth since 3.17
	// say so of a missing run as well, except to administrators.
	ErrPermissionDenied = errors.New("mlflow: permission denied")
	// ErrRateLimited means that the server, or a proxy in front of it, asks to slow down.
	ErrRateLimited = errors.New("mlflow: rate limited")
	// ErrUnavailable means that the server could not be reached, sent no response, or said that it can't serve for now.
	ErrUnavailable = errors.New("mlflow: unavailable")
	// ErrUnsupported means that the server has no such endpoint, or does not offer what it is asked for: the release is
	// too old, or the tracking URI names something that is not an MLflow server.
	ErrUnsupported = errors.New("mlflow: unsupported by this server")
	// ErrUnexpectedResponse means that the server, or something in front of it, sent a 2xx response without
	// what that promises, as login pages do, or one that could be misread: text that is not UTF-8, a value twice.
	ErrUnexpectedResponse = errors.New("mlflow: unexpected response")
)

// sentinels are what errors of each kind match. Kinds that are not listed match none.
var sentinels = map[transport.Kind]error{
	transport.Refused:          ErrInvalidArgument,
	transport.NotFound:         ErrNotFound,
	transport.AlreadyExists:    ErrAlreadyExists,
	transport.InvalidArgument:  ErrInvalidArgument,
	transport.Unauthenticated:  ErrUnauthenticated,
	transport.PermissionDenied: ErrPermissionDenied,
	transport.RateLimited:      ErrRateLimited,
	transport.Unavailable:      ErrUnavailable,
	transport.NoConnection:     ErrUnavailable,
	transport.NameNotResolved:  ErrUnavailable,
	transport.NotTrusted:       ErrUnavailable,
	transport.Timeout:          ErrUnavailable,
	transport.ConnectionLost:   ErrUnavailable,
	transport.Unsupported:      ErrUnsupported,
	transport.Truncated:        ErrUnexpectedResponse,
	transport.Unexpected:       ErrUnexpectedResponse,
}

// An ErrorCode is the error_code of an MLflow error. Codes that are not listed here pass through unchanged.
type ErrorCode string

// Error codes that MLflow's tracking server uses.
const (
	ErrorCodeInternalError          ErrorCode = "INTERNAL_ERROR"
	ErrorCodeTemporarilyUnavailable ErrorCode = "TEMPORARILY_UNAVAILABLE"
	// ErrorCodeBadRequest reports any trouble with the database but a lost connection: a constraint that does not hold, a
	// lost race, an exhausted connection pool.
	ErrorCodeBadRequest            ErrorCode = "BAD_REQUEST"
	ErrorCodeDeadlineExceeded      ErrorCode = "DEADLINE_EXCEEDED"
	ErrorCodeResourceExhausted     ErrorCode = "RESOURCE_EXHAUSTED"
	ErrorCodeNotFound              ErrorCode = "NOT_FOUND"
	ErrorCodeAlreadyExists         ErrorCode = "ALREADY_EXISTS"
	ErrorCodeUnauthenticated       ErrorCode = "UNAUTHENTICATED"
	ErrorCodeInvalidParameterValue ErrorCode = "INVALID_PARAMETER_VALUE"
	ErrorCodeEndpointNotFound      ErrorCode = "ENDPOINT_NOT_FOUND"
	ErrorCodeMalformedRequest      ErrorCode = "MALFORMED_REQUEST"
	ErrorCodeInvalidState          ErrorCode = "INVALID_STATE"
	ErrorCodePermissionDenied      ErrorCode = "PERMISSION_DENIED"
	ErrorCodeFeatureDisabled       ErrorCode = "FEATURE_DISABLED"
	ErrorCodeCustomerUnauthorized  ErrorCode = "CUSTOMER_UNAUTHORIZED"
	ErrorCodeRequestLimitExceeded  ErrorCode = "REQUEST_LIMIT_EXCEEDED"
	ErrorCodeResourceConflict      ErrorCode = "RESOURCE_CONFLICT"
	ErrorCodeNotImplemented        ErrorCode = "NOT_IMPLEMENTED"
	ErrorCodeResourceAlreadyExists ErrorCode = "RESOURCE_ALREADY_EXISTS"
	ErrorCodeResourceDoesNotExist  ErrorCode = "RESOURCE_DOES_NOT_EXIST"
)

// An Error says why a call failed. Every error of this package that has to do with a response or with arguments is
// one, or wraps one.
type Error struct {
	// Op is the name of the method that failed, such as "LogMetric".
	Op string
	// StatusCode is the HTTP status of the last response, 0 if none came.
	StatusCode int
	// Code is MLflow's error code, "" if the response had none.
	Code ErrorCode
	// Message is the server's own, word for word, or the start of what it sent instead. It may name SQL and values.
	Message string
	// RetryAfter is how long the server asked to wait before the next request, 0 when it did not ask.
	RetryAfter time.Duration
	// Attempts counts how often the request was sent, or tried to be; 0 when it was refused before.
	Attempts int

	cause      error
	kind       transport.Kind
	mayHaveRun bool // an attempt before the last one may have run
}

// maxErrorText limits, in bytes, the server's part of an error's text.
const maxErrorText = 1024

// Error returns one line that names the operation and what went wrong.
func (e *Error) Error() string {
	var text strings.Builder
	text.WriteString("mlflow: " + e.Op)
	if e.StatusCode != 0 {
		what := cmp.Or(string(e.Code), http.StatusText(e.StatusCode))
		text.WriteString(": " + oneLine(fmt.Sprint(e.StatusCode, " ", what)))
	}
	if e.cause != nil {
		text.WriteString(": " + oneLine(e.cause.Error()))
	}
	if e.Message != "" {
		text.WriteString(": " + oneLine(e.Message))
	}
	if e.Attempts > 1 {
		fmt.Fprintf(&text, " (after %d attempts)", e.Attempts)
	}
	if hint := e.hint(); hint != "" {
		text.WriteString(" (" + hint + ")")
	}
	return text.String()
}

// hint says what a response usually means that does not come from MLflow's own code.
func (e *Error) hint() string {
	switch {
	case e.StatusCode == http.StatusNotFound && e.Code == "":
		return "no such endpoint: check the path of the tracking URI, and the server's release"
	case e.StatusCode == http.StatusForbidden && strings.Contains(e.Message, "Invalid Host header"):
		return "the server's option --allowed-hosts must name this host"
	}
	return ""
}

// Unwrap returns what caused the error, such as [context.Canceled] or a *[url.Error], or nil.
func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is the sentinel for this error.
func (e *Error) Is(target error) bool { return target != nil && target == sentinels[e.classify()] }

// classify returns the kind of the error. An Error that a test made has none: the code and the status decide.
func (e *Error) classify() transport.Kind {
	switch {
	case e.kind != transport.Success:
		return e.kind
	case e.StatusCode == 0 && e.Code == "":
		return transport.Refused
	}
	kind := transport.Classify(e.StatusCode, string(e.Code))
	if kind == transport.Success { // and an error all the same
		return transport.Unexpected
	}
	return kind
}

// LogValue makes a group of the error's fields.
func (e *Error) LogValue() slog.Value {
	attributes := []slog.Attr{slog.String("op", e.Op), slog.Int("status", e.StatusCode)}
	if e.Code != "" {
		attributes = append(attributes, slog.String("code", oneLine(string(e.Code))))
	}
	if e.Message != "" {
		attributes = append(attributes, slog.String("message", oneLine(e.Message)))
	}
	if e.cause != nil {
		attributes = append(attributes, slog.String("cause", oneLine(e.cause.Error())))
	}
	return slog.GroupValue(append(attributes, slog.Int("attempts", e.Attempts))...)
}

// invalid is the error for an argument that is refused before anything is sent.
func invalid(op, format string, args ...any) error { return failure.Refused(op, format, args...) }

func init() {
	failure.New = func(op string, outcome transport.Outcome) error {
		return &Error{
			Op:         op,
			StatusCode: outcome.Status,
			Code:       ErrorCode(outcome.Code),
			Message:    outcome.Message,
			RetryAfter: outcome.RetryAfter,
			Attempts:   outcome.Attempts,
			cause:      outcome.Err,
			kind:       outcome.Kind,
			mayHaveRun: outcome.MayHaveRun,
		}
	}
}

// renamed returns the error of a request that another method makes on its way, as that method's.
func renamed(err error, op string) error {
	var failure *Error
	if !errors.As(err, &failure) {
		return err
	}
	ours := *failure
	ours.Op = op
	return &ours
}

// oneLine returns text on one line, within limits, and without control characters.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, redact.Truncate(text, maxErrorText))
	return strings.Join(strings.Fields(text), " ")
}
