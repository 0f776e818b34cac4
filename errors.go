package mlflow

import "github.com/mlflow-go/mlflow/tracking"

// Error is the type of every error of the library that has to do with the server or with arguments.
type Error = tracking.Error

// What went wrong, for use with [errors.Is]; see package tracking for what each means.
var (
	ErrNotFound           = tracking.ErrNotFound
	ErrAlreadyExists      = tracking.ErrAlreadyExists
	ErrInvalidArgument    = tracking.ErrInvalidArgument
	ErrUnauthenticated    = tracking.ErrUnauthenticated
	ErrPermissionDenied   = tracking.ErrPermissionDenied
	ErrRateLimited        = tracking.ErrRateLimited
	ErrUnavailable        = tracking.ErrUnavailable
	ErrUnsupported        = tracking.ErrUnsupported
	ErrUnexpectedResponse = tracking.ErrUnexpectedResponse
)
