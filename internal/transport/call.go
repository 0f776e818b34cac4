package transport

import "context"

// A Call is one use of an operation. The caller names the operation and puts the call into the request's context; the
// transport writes what became of it.
type Call struct {
	// Operation is the operation's name, such as "LogMetric".
	Operation string
	// Attempts counts how often the request was sent, or tried to be.
	Attempts int
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
