package tracking

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/mlflow-go/mlflow/gen"
	"github.com/mlflow-go/mlflow/internal/transport"
	"github.com/mlflow-go/mlflow/internal/wire"
)

// A Client tracks experiments on one MLflow server. It keeps no state between calls and is safe for concurrent use.
type Client struct {
	server    *url.URL
	transport *transport.Client
	limits    BatchLimits
	logger    *slog.Logger

	strictLengths bool
	leavesNaNs    bool // LogBatch returns the refusal of a stored NaN, for the batcher
}

// A Doer sends an HTTP request and returns its response, as an [http.Client] does.
type Doer interface {
	Do(request *http.Request) (*http.Response, error)
}

// A Config holds what a [Client] needs besides a server. Its zero value is ready to use.
type Config struct {
	// BatchLimits limit the requests of LogBatch. If one is negative, LogBatch fails with [ErrInvalidArgument].
	BatchLimits BatchLimits
	// StrictLengths refuses, with [ErrInvalidArgument] and before anything is sent, what servers would cut: params of more
	// than 6,000 and tags of more than 8,000 characters, in LogParam, SetTag, LogBatch and CreateRun. Tags of more than
	// 5,000, which MLflow 2.11 to 2.16 cut, are still sent, with a warning.
	StrictLengths bool
	// Logger hears of values that a server cuts; nil is silent.
	Logger *slog.Logger
}

// NewClient returns a client for the server at the given URL, which may have a path. Most programs get theirs from
// the Tracking method of mlflow.Client instead, which adds credentials, time limits, retries and all else that a server
// must be told; this one leaves that to the doer, which is given each request once.
func NewClient(server *url.URL, doer Doer, config Config) *Client {
	copied := *server
	return &Client{
		server:    &copied,
		transport: transport.Wrap(doer),
		limits:    config.BatchLimits.orDefault(),
		logger:    cmp.Or(config.Logger, slog.New(slog.DiscardHandler)),

		strictLengths: config.StrictLengths,
	}
}

// readable is a pointer to a generated type that reads itself.
type readable[T any] interface {
	*T
	wire.Value
}

// send calls an operation, and converts the response. Whatever goes wrong comes back as an [*Error].
func send[Request, Response, Result any, Reads readable[Response]](
	ctx context.Context,
	c *Client,
	op operation[Request, Response],
	request Request,
	convert func(Response) (Result, error),
) (Result, error) {
	return sendCall[Request, Response, Result, Reads](ctx, c, op, op.newCall(c), request, convert)
}

// sendCall is send for an operation whose call asks questions of its own.
func sendCall[Request, Response, Result any, Reads readable[Response]](
	ctx context.Context,
	c *Client,
	op operation[Request, Response],
	call *transport.Call,
	request Request,
	convert func(Response) (Result, error),
) (Result, error) {
	var none Result
	_, err := op.send(gen.Client{Server: c.server, Client: call}, ctx, request)
	outcome := call.OutcomeAfter(err)
	if outcome.Kind == transport.NotSent {
		var text *wire.TextError
		if errors.As(err, &text) {
			return none, invalid(op.name, "%v", text)
		}
	}
	if outcome.Kind != transport.Success {
		return none, newError(op.name, outcome)
	}
	var response Response
	err = wire.Read(outcome.Body, Reads(&response))
	var result Result
	if err == nil {
		result, err = convert(response)
	}
	if err != nil {
		return none, newError(op.name, call.Unexpected(err))
	}
	return result, nil
}

// do is send for an operation that promises nothing but success. A retry that finds its work done is one.
func do[Request any](ctx context.Context, c *Client, op operation[Request, gen.EmptyResponse], request Request) error {
	_, err := send(ctx, c, op, request, func(gen.EmptyResponse) (struct{}, error) { return struct{}{}, nil })
	if op.isAlreadyDone(err) {
		return nil
	}
	return err
}
