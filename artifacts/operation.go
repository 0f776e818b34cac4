package artifacts

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"

	"github.com/mlflow-go/mlflow/gen"
	"github.com/mlflow-go/mlflow/internal/failure"
	"github.com/mlflow-go/mlflow/internal/transport"
	"github.com/mlflow-go/mlflow/internal/wire"
)

// readable is a pointer to a generated type that reads itself.
type readable[T any] interface {
	*T
	wire.Value
}

// call sends a request as part of the method of the given name, and reads the response. All that it is used for may run
// twice.
func call[Response any, Reads readable[Response]](
	c *Client,
	method string,
	send func(gen.Client) (*http.Response, error),
) (Response, error) {
	return callAt[Response, Reads](c.home(), mayRunTwice(method), send)
}

// callAt is call for any place and operation.
func callAt[Response any, Reads readable[Response]](
	at place,
	operation transport.Operation,
	send func(gen.Client) (*http.Response, error),
) (Response, error) {
	var response Response
	sent := at.client.NewCall(operation)
	_, err := send(gen.Client{Server: at.server, Client: sent})
	outcome := sent.OutcomeAfter(err)
	if outcome.Kind != transport.Success {
		return response, failed(operation.Name, outcome)
	}
	if err := wire.Read(outcome.Body, Reads(&response)); err != nil {
		return response, failure.New(operation.Name, sent.Unexpected(err))
	}
	return response, nil
}

// servingIsOff matches what a server responds, with status 503, that does not serve artifacts, and will not later.
var servingIsOff = regexp.MustCompile("--no-serve-artifacts")

// failed returns the error of a request.
func failed(method string, outcome transport.Outcome) error {
	if outcome.Status == http.StatusServiceUnavailable && servingIsOff.Match(outcome.Body) {
		outcome.Kind = transport.Unsupported
	}
	return failure.New(method, outcome)
}

// mayRunTwice is the operation of a request of a method: all that the package sends may run twice.
func mayRunTwice(method string) transport.Operation {
	return transport.Operation{Name: method, Safety: transport.MayRunTwice, FinalRefusal: servingIsOff}
}

// crashIsFinal is mayRunTwice for a request to which servers respond with a 500 in HTML if they cannot do what it asks for.
func crashIsFinal(method string) transport.Operation {
	operation := mayRunTwice(method)
	operation.CrashIsFinal = true
	return operation
}

// A place is a server, and the client that may talk to it.
type place struct {
	server *url.URL
	client *transport.Client
}

// home is the tracking server.
func (c *Client) home() place { return place{c.server, c.transport} }

// invalid is the error for an argument that is refused before anything is sent.
func invalid(method, format string, args ...any) error {
	return failure.New(method, transport.Outcome{Kind: transport.InvalidArgument, Message: fmt.Sprintf(format, args...)})
}

// unsupported is the error for what the server, or the storage, does not offer.
func unsupported(method, format string, args ...any) error {
	return failure.New(method, transport.Outcome{Kind: transport.Unsupported, Message: fmt.Sprintf(format, args...)})
}

// unexpected is the error for a response that says what cannot be.
func unexpected(method, format string, args ...any) error {
	return failure.New(method, transport.Outcome{Kind: transport.Unexpected, Attempts: 1, Message: fmt.Sprintf(format, args...)})
}

// notFound is the error for an artifact that the server does not list.
func notFound(method, path string) error {
	return failure.New(method, transport.Outcome{
		Kind: transport.NotFound, Attempts: 1, Message: fmt.Sprintf("the run has no artifact %q", path),
	})
}
