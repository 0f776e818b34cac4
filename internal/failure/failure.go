// Package failure makes the errors of package tracking for those who send requests without it.
package failure

import "github.com/mlflow-go/mlflow/internal/transport"

// New returns the *tracking.Error of a request with the given outcome. Package tracking sets it: the fields that decide
// what an error matches are its own.
var New func(op string, outcome transport.Outcome) error
