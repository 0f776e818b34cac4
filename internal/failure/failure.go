// Package failure makes every error of the library that has to do with the server or with arguments. All are of the type
// *tracking.Error, which it does not know: its fields that decide what an error matches are private to package tracking.
package failure

import (
	"errors"
	"fmt"

	"github.com/mlflow-go/mlflow/internal/transport"
	"github.com/mlflow-go/mlflow/internal/wire"
)

// New returns the *tracking.Error of an outcome as it is. Package tracking sets it, for the functions below, which are
// what others call.
var New func(op string, outcome transport.Outcome) error

// OfOutcome is the error of a method whose request failed. One that could not be built, because a text is not valid
// UTF-8, was refused.
func OfOutcome(op string, outcome transport.Outcome) error {
	var text *wire.TextError
	switch {
	case outcome.Kind == transport.Refused:
		return New(op, outcome)
	case outcome.Kind == transport.NotSent && errors.As(outcome.Err, &text):
		return Refused(op, "%v", text)
	}
	outcome.Attempts = max(1, outcome.Attempts)
	return New(op, outcome)
}

// Refused is the error for an argument that is refused before anything is sent.
func Refused(op, format string, args ...any) error {
	return New(op, transport.Outcome{Kind: transport.Refused, Message: fmt.Sprintf(format, args...)})
}

// Unsupported is the error for what the server, or the storage, does not offer, so that nothing is sent.
func Unsupported(op, format string, args ...any) error {
	return New(op, transport.Outcome{Kind: transport.Unsupported, Message: fmt.Sprintf(format, args...)})
}

// AlreadyExists is the error for a name that is found to be taken, rather than refused by the server.
func AlreadyExists(op, format string, args ...any) error {
	return New(op, transport.Outcome{Kind: transport.AlreadyExists, Message: fmt.Sprintf(format, args...)})
}

// NotFound is the error for what is missing in a list of the server's.
func NotFound(op, format string, args ...any) error {
	return OfOutcome(op, transport.Outcome{Kind: transport.NotFound, Message: fmt.Sprintf(format, args...)})
}

// Unexpected is the error for responses that cannot be true. Status is that of the last one, 0 if it does not matter.
func Unexpected(op string, status int, format string, args ...any) error {
	return OfOutcome(op, transport.Outcome{Kind: transport.Unexpected, Status: status, Message: fmt.Sprintf(format, args...)})
}

// NotSent is the error of a method that cannot send its request because of an error of the program's own, such as one of
// its file system.
func NotSent(op string, err error) error {
	return OfOutcome(op, transport.Outcome{Kind: transport.NotSent, Err: err})
}

// Canceled is the error of a method whose context has ended, where no request says so.
func Canceled(op string, err error) error {
	return OfOutcome(op, transport.Outcome{Kind: transport.Canceled, Err: err})
}
