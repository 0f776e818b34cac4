package artifacts

import (
	"net/http"
	"net/url"
	"regexp"

	"github.com/mlflow-go/mlflow/gen"
	"github.com/mlflow-go/mlflow/internal/failure"
	"github.com/mlflow-go/mlflow/internal/response"
	"github.com/mlflow-go/mlflow/internal/transport"
)

// call sends a request as part of the method of the given name, and reads the response. All that it is used for may run
// twice.
func call[Response any, Reads response.Readable[Response]](
	c *Client,
	method string,
	send func(gen.Client) (*http.Response, error),
) (Response, error) {
	return callAt[Response, Reads](c.trackingServer(), mayRunTwice(method), send)
}

// callAt is call for any server and operation.
func callAt[Response any, Reads response.Readable[Response]](
	server endpoint,
	operation transport.Operation,
	send func(gen.Client) (*http.Response, error),
) (Response, error) {
	sent := server.client.NewCall(operation)
	_, err := send(gen.Client{Server: server.url, Client: sent})
	return response.Read[Response, Reads](operation.Name, sent, err, failed)
}

// servingIsOff matches what a server responds, with status 503, that does not serve artifacts, and will not later.
var servingIsOff = regexp.MustCompile("--no-serve-artifacts")

// failed returns the error of a request.
func failed(method string, outcome transport.Outcome) error {
	if outcome.Status == http.StatusServiceUnavailable && servingIsOff.Match(outcome.Body) {
		outcome.Kind = transport.Unsupported
	}
	return failure.OfOutcome(method, outcome)
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

// A endpoint is a server, and the client that may talk to it.
type endpoint struct {
	url    *url.URL
	client *transport.Client
}

// trackingServer is the tracking server.
func (c *Client) trackingServer() endpoint { return endpoint{c.server, c.transport} }

// invalid is the error for an argument that is refused before anything is sent.
func invalid(method, format string, args ...any) error {
	return failure.Refused(method, format, args...)
}

// unsupported is the error for what the server, or the storage, does not offer.
func unsupported(method, format string, args ...any) error {
	return failure.Unsupported(method, format, args...)
}

// unexpected is the error for a response that cannot be true.
func unexpected(method, format string, args ...any) error {
	return failure.Unexpected(method, 0, format, args...)
}

// notFound is the error for an artifact that the server does not list.
func notFound(method, path string) error {
	return failure.NotFound(method, "the run has no artifact %q", path)
}
