// Package response reads what an endpoint responded, for the packages that call the generated client.
package response

import (
	"github.com/mlflow-go/mlflow/internal/transport"
	"github.com/mlflow-go/mlflow/internal/wire"
)

// Readable is a pointer to a generated type that reads itself.
type Readable[T any] interface {
	*T
	wire.Value
}

// Read returns the response of a call, or the error of the method op. The call is the Doer of a generated client, whose
// method returned err.
//
// The response goes up twice: as an *http.Response through the generated client, and as the outcome of the call. The
// outcome counts, which knows what went wrong, and how often the request was sent. The other one is dropped.
func Read[Response any, Reads Readable[Response]](
	op string, call *transport.Call, err error, failed func(op string, outcome transport.Outcome) error,
) (Response, error) {
	var response Response
	outcome := call.Result(err)
	if outcome.Kind != transport.Success {
		return response, failed(op, outcome)
	}
	if err := wire.Read(outcome.Body, Reads(&response)); err != nil {
		return response, failed(op, call.Unexpected(err))
	}
	return response, nil
}
