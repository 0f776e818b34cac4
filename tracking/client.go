package tracking

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"reflect"

	"github.com/mlflow-go/mlflow/gen"
	"github.com/mlflow-go/mlflow/internal/transport"
)

// A Client tracks experiments on one MLflow server. It keeps no state between calls and is safe for concurrent use.
type Client struct {
	api    *gen.Client
	limits BatchLimits
	logger *slog.Logger
}

// A Doer sends an HTTP request and returns its answer, as an [http.Client] does.
type Doer interface {
	Do(request *http.Request) (*http.Response, error)
}

// A Config holds what a [Client] needs besides a server. Its zero value is ready to use.
type Config struct {
	BatchLimits BatchLimits
	// Logger hears of values that a server cuts; nil is silent.
	Logger *slog.Logger
}

// NewClient returns a client for the server at the given URL, which may have a path. Most programs get theirs from
// the Tracking method of mlflow.Client instead, which adds credentials, time limits and all else that a server must be
// told; this one leaves that to the doer.
func NewClient(server *url.URL, doer Doer, config Config) *Client {
	return &Client{
		api:    &gen.Client{Server: server.String() + "/", Client: doer},
		limits: config.BatchLimits.orDefault(),
		logger: cmp.Or(config.Logger, slog.New(slog.DiscardHandler)),
	}
}

// send makes a call: it sends the request that a method of the generated client builds, and converts the answer.
// Whatever goes wrong comes back as an [*Error].
func send[Request, Answer, Result any](
	ctx context.Context,
	call *transport.Call,
	method func(context.Context, Request, ...gen.RequestEditorFn) (*http.Response, error),
	request Request,
	convert func(Answer) (Result, error),
) (Result, error) {
	var none Result
	if field := invalidText(reflect.ValueOf(request)); field != "" {
		// Encoding would replace the bytes silently, and the server stores what replaced them.
		return none, invalid(call.Operation, "%s is not valid UTF-8", field)
	}
	response, err := method(transport.WithCall(ctx, call), request)
	if err != nil {
		return none, noAnswer(call, err)
	}
	body, err := transport.ReadBody(response)
	if response.StatusCode < 200 || response.StatusCode > 299 || reportsError(body) {
		return none, refused(call, response, body)
	}
	var answer Answer
	if err == nil {
		err = decode(body, &answer)
	}
	var result Result
	if err == nil {
		result, err = convert(answer)
	}
	if err != nil {
		return none, unexpected(call, response, body, err)
	}
	return result, nil
}

// do is send for an operation that is answered by nothing but success.
func do[Request any](
	ctx context.Context,
	call *transport.Call,
	method func(context.Context, Request, ...gen.RequestEditorFn) (*http.Response, error),
	request Request,
) error {
	_, err := send(ctx, call, method, request, func(gen.EmptyResponse) (struct{}, error) { return struct{}{}, nil })
	return err
}
