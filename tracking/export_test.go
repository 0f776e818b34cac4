package tracking

import (
	"github.com/mlflow-go/mlflow/internal/transport"
)

// An Operation is what tests see of an operation.
type Operation struct {
	Name        string
	Route       string // method and path
	MayRunTwice bool
	HasDone     bool // an error of a retry may count as done
	NewRequest  func() any
	NewResponse func() any
}

func exported[Request, Response any](o operation[Request, Response], route string) Operation {
	return Operation{
		o.name, route, o.safety == transport.MayRunTwice, o.alreadyDone != nil,
		func() any { return new(Request) }, func() any { return new(Response) },
	}
}

// The tags by which CreateRun finds a run by its key.
const (
	IdempotencyKeyTag   = idempotencyKeyTag
	IdempotencyNonceTag = idempotencyNonceTag
	IdempotencyUserTag  = idempotencyUserTag
	IdempotencyDoomTag  = idempotencyDoomTag
)
