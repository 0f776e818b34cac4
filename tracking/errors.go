package tracking

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mlflow-go/mlflow/internal/transport"
	"github.com/mlflow-go/mlflow/internal/wire"
)

// What went wrong, for use with [errors.Is]. At most one of them matches an error. An error code decides where the
// server sent one that MLflow defines, the HTTP status where it did not. Some errors match none, such as a server's
// INTERNAL_ERROR, and BAD_REQUEST, by which MLflow reports any trouble with its database.
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
	// ErrUnavailable means that the server could not be reached, gave no answer, or said that it can't serve for now.
	ErrUnavailable = errors.New("mlflow: unavailable")
	// ErrUnsupported means that the server has no such endpoint, or does not offer what it is asked for: the release is
	// too old, or the tracking URI names something that is not an MLflow server.
	ErrUnsupported = errors.New("mlflow: unsupported by this server")
	// ErrUnexpectedResponse means that the server, or something in front of it, answered with success but without
	// what that promises, as login pages do.
	ErrUnexpectedResponse = errors.New("mlflow: unexpected response")
)

// An ErrorCode is the error_code of an MLflow error. Codes that are not listed here pass through unchanged.
type ErrorCode string

// Error codes that MLflow's tracking server uses.
const (
	ErrorCodeInternalError          ErrorCode = "INTERNAL_ERROR"
	ErrorCodeTemporarilyUnavailable ErrorCode = "TEMPORARILY_UNAVAILABLE"
	// ErrorCodeBadRequest is the answer to any trouble with the database but a lost connection: a constraint that does
	// not hold, a lost race, an exhausted connection pool.
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

// An Error tells why a call failed. Every error of this package that has to do with the server or with arguments is
// one, or wraps one.
type Error struct {
	// Op is the name of the method that failed, such as "LogMetric".
	Op string
	// StatusCode is the HTTP status of the last answer, 0 when none came.
	StatusCode int
	// Code is MLflow's error code, "" when the answer had none.
	Code ErrorCode
	// Message is the server's own, word for word, or the start of what it sent instead. It may name SQL and values.
	Message string
	// RetryAfter is how long the server asked to wait before the next request, 0 when it did not ask.
	RetryAfter time.Duration
	// Attempts counts how often the request was sent, or tried to be; 0 when it was refused before.
	Attempts int

	cause error
}

// maxErrorText bounds, in bytes, the server's part of an error's text.
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

// hint says what an answer usually means that does not come from MLflow's own code.
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

// Is tells whether target is the sentinel for this error.
func (e *Error) Is(target error) bool { return target != nil && target == e.sentinel() }

// sentinel returns the sentinel for the error, or nil. It goes by the exported fields alone, so that a test can make an
// Error that behaves like one from a server.
func (e *Error) sentinel() error {
	switch e.Code {
	case ErrorCodeResourceDoesNotExist, ErrorCodeNotFound:
		return ErrNotFound
	case ErrorCodeResourceAlreadyExists, ErrorCodeAlreadyExists:
		return ErrAlreadyExists
	case ErrorCodeInvalidParameterValue, ErrorCodeMalformedRequest, ErrorCodeInvalidState:
		return ErrInvalidArgument
	case ErrorCodeUnauthenticated, ErrorCodeCustomerUnauthorized:
		return ErrUnauthenticated
	case ErrorCodePermissionDenied:
		return ErrPermissionDenied
	case ErrorCodeRequestLimitExceeded, ErrorCodeResourceExhausted:
		return ErrRateLimited
	case ErrorCodeTemporarilyUnavailable, ErrorCodeDeadlineExceeded:
		return ErrUnavailable
	case ErrorCodeEndpointNotFound, ErrorCodeNotImplemented, ErrorCodeFeatureDisabled:
		return ErrUnsupported
	case ErrorCodeBadRequest, ErrorCodeInternalError, ErrorCodeResourceConflict:
		return nil
	}
	switch {
	case e.StatusCode == 0 && e.Attempts == 0:
		return ErrInvalidArgument
	case e.StatusCode == 0:
		return unreachable(e.cause)
	case e.StatusCode < 400:
		return ErrUnexpectedResponse
	case e.StatusCode == http.StatusNotFound && e.Code == "":
		return ErrUnsupported
	}
	return sentinels[e.StatusCode]
}

var sentinels = map[int]error{
	http.StatusBadRequest:            ErrInvalidArgument,
	http.StatusUnauthorized:          ErrUnauthenticated,
	http.StatusForbidden:             ErrPermissionDenied,
	http.StatusNotFound:              ErrNotFound,
	http.StatusMethodNotAllowed:      ErrUnsupported,
	http.StatusRequestTimeout:        ErrUnavailable,
	http.StatusRequestEntityTooLarge: ErrInvalidArgument,
	http.StatusRequestURITooLong:     ErrInvalidArgument,
	http.StatusUnprocessableEntity:   ErrInvalidArgument,
	http.StatusTooManyRequests:       ErrRateLimited,
	http.StatusNotImplemented:        ErrUnsupported,
	http.StatusBadGateway:            ErrUnavailable,
	http.StatusServiceUnavailable:    ErrUnavailable,
	http.StatusGatewayTimeout:        ErrUnavailable,
}

// unreachable returns ErrUnavailable if it was the network that failed, and not the caller who gave up.
func unreachable(cause error) error {
	var failed *url.Error
	if !errors.As(cause, &failed) || errors.Is(cause, context.Canceled) || errors.Is(cause, context.DeadlineExceeded) {
		return nil
	}
	return ErrUnavailable
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
func invalid(op, format string, args ...any) *Error {
	return &Error{Op: op, Message: fmt.Sprintf(format, args...)}
}

// noAnswer is the error for a request to which no answer came.
func noAnswer(call *transport.Call, err error) *Error {
	e := &Error{Op: call.Operation, Attempts: max(1, call.Attempts)}
	var noWorkspaces *transport.WorkspaceError
	if errors.As(err, &noWorkspaces) {
		e.StatusCode, e.Code, e.Message = noWorkspaces.StatusCode, ErrorCodeFeatureDisabled, noWorkspaces.Error()
		return e
	}
	e.cause = call.CleanError(err)
	return e
}

// unexpected is the error for an answer of success that does not hold what was promised.
func unexpected(call *transport.Call, response *http.Response, body []byte, cause error) *Error {
	return &Error{
		Op:         call.Operation,
		StatusCode: response.StatusCode,
		Message:    beginning(call, body),
		Attempts:   max(1, call.Attempts),
		cause:      call.CleanError(cause),
	}
}

// refused is the error for an answer that reports one.
func refused(call *transport.Call, response *http.Response, body []byte) *Error {
	e := &Error{
		Op:         call.Operation,
		StatusCode: response.StatusCode,
		RetryAfter: transport.RetryAfter(response.Header),
		Attempts:   max(1, call.Attempts),
		cause:      call.Interrupted,
	}
	code, message, ok := wire.ParseError(body)
	if !ok {
		message = beginning(call, body)
	}
	e.Code, e.Message = ErrorCode(call.Redact(string(code))), call.Redact(message)
	if location := response.Header.Get("Location"); location != "" && response.StatusCode < 400 {
		e.Message = "the server redirects to " + call.Redact(transport.CleanURL(location))
	}
	return e
}

// decode reads an answer that must be a JSON object: a login page, an empty body and null are none.
func decode(body []byte, answer any) error {
	start := bytes.TrimLeft(body, " \t\r\n")
	switch {
	case len(start) == 0:
		return errors.New("the answer is empty")
	case start[0] != '{':
		return errors.New("the answer is not a JSON object")
	}
	return json.Unmarshal(body, answer)
}

// reportsError tells whether an answer is an error whatever its status, as some gateways send it.
func reportsError(body []byte) bool {
	if !bytes.Contains(body, []byte(`"error_code"`)) {
		return false
	}
	code, _, _ := wire.ParseError(body)
	return code != ""
}

// beginning returns the start of an answer that is not MLflow's JSON, for a person to recognize.
func beginning(call *transport.Call, body []byte) string {
	const enough, longSecret = 256, 64 << 10
	text := strings.ToValidUTF8(string(body[:min(len(body), enough+longSecret)]), "\uFFFD")
	return truncate(call.Redact(text), enough) // in this order, or a part of a secret could be left at the end
}

// oneLine returns text on one line, within bounds, and without what a terminal would obey.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, truncate(text, maxErrorText))
	return strings.Join(strings.Fields(text), " ")
}

// truncate returns text, cut to about n bytes between two runes if it is longer.
func truncate(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + "…"
}
