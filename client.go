// Package mlflow is a client for MLflow Experiment Tracking, for servers from MLflow 2.9 to the newest.
//
// MLflow can answer 200 OK to a request that it only partly applied. This client checks every response: a nil error
// means that the server did what was asked, and any other error says what happened.
//
//	client, err := mlflow.NewClient(mlflow.WithTrackingURI("http://localhost:5000"))
//	...
//	experimentID, err := client.Tracking().CreateExperiment(ctx, "iris")
//
// [Client.Tracking] returns the client for experiments and runs; package tracking describes its methods, its types
// and its errors. [Client.Artifacts] returns the client for the files of runs; see package artifacts. [Client.Do] sends a
// request of your own, for what the library has no method for. Package mlflowtest is an MLflow server in memory, for the
// tests of programs.
//
// # Configuration
//
// Options win over the environment, which has the variables of Python's client:
//
//   - MLFLOW_TRACKING_URI: where the server is, like [WithTrackingURI]. There is no default.
//   - MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD: credentials for basic auth, like [WithBasicAuth].
//     Whichever variable is unset is read from ~/.mlflow/credentials, unless there is a token.
//   - MLFLOW_TRACKING_TOKEN: a bearer token, like [WithToken].
//   - MLFLOW_TRACKING_SERVER_CERT_PATH, MLFLOW_TRACKING_CLIENT_CERT_PATH and MLFLOW_TRACKING_INSECURE_TLS: the path of the
//     CA bundle to trust, that of a PEM file with the client certificate and its key, and whether to skip verification.
//   - MLFLOW_WORKSPACE: the workspace, like [WithWorkspace].
//   - MLFLOW_HTTP_REQUEST_TIMEOUT: the time limit of one attempt in seconds, at least 0.001, like [WithTimeout]. As for
//     Python's client 0 is an error.
//   - MLFLOW_HTTP_REQUEST_MAX_RETRIES (0 to 10), MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR and
//     MLFLOW_HTTP_REQUEST_BACKOFF_JITTER: the number of retries, the first backoff in seconds, and the most extra random
//     seconds per wait.
//   - MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER and MLFLOW_ALLOW_HTTP_REDIRECTS: false turns either off.
//   - MLFLOW_HTTP_POOL_MAXSIZE: the limit of open connections, 8 by default. The content of artifacts has connections of its
//     own.
//   - MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE and MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE: from what size on, in bytes, artifacts go in
//     parts to object storage behind the server, and how large a part is. MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD and
//     MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD: true lets artifacts go and come past servers that don't say whether they want that.
//
// A variable whose value cannot be parsed is an error that names the variable. So are MLFLOW_TRACKING_AWS_SIGV4 and
// MLFLOW_TRACKING_AUTH, which are not supported and would be unsafe to ignore. Proxies are taken from HTTP_PROXY,
// HTTPS_PROXY and NO_PROXY, as net/http does. The file ~/.netrc is not read.
//
// # Authentication
//
// A client can sign in with a user name and password, with a bearer token, or with a source of tokens that expire. The
// first of these places that has credentials decides: options, the user info of the tracking URI, the environment, the
// credentials file. If one place has both kinds, user name and password win over a token, as in Python's client; that
// client also prefers the credentials file to MLFLOW_TRACKING_TOKEN, and this one does not.
//
// Credentials are sent over plain http if the tracking URI says so. They are never sent to a host that the server
// redirects to, and appear in no error and no log: where a server or a proxy quotes them, cookies, or values that
// [WithHeaders] sets, an error has "[redacted]" instead, however they are spelled. Secrets of fewer than 5 bytes are
// found only as whole words.
//
// # Time limits and retries
//
// A call ends when its context does. In addition, [WithTimeout] limits each attempt, and [WithRetry] the number of
// attempts. Package tracking says which requests are retried, and when.
//
// # Versions
//
// Semantic versioning covers the names and signatures of packages mlflow, tracking, artifacts and mlflowtest, and that an
// error keeps matching its sentinel. It does not cover the default retry policy, the texts of errors, what is logged,
// package gen and the packages below internal. A spool is read by later releases, but not always by older ones.
package mlflow

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/mlflow-go/mlflow/artifacts"
	"github.com/mlflow-go/mlflow/internal/config"
	"github.com/mlflow-go/mlflow/internal/failure"
	"github.com/mlflow-go/mlflow/internal/transport"
	"github.com/mlflow-go/mlflow/tracking"
)

// version is the library's own, as it appears in the User-Agent header and in the changelog.
const version = "0.1.0"

const userAgent = "mlflow-go/" + version

// A Client talks to one MLflow server. It is safe for concurrent use; a program needs one for each server.
type Client struct {
	trackingURI string
	transport   *transport.Client
	tracking    func() *tracking.Client
	artifacts   func() *artifacts.Client
}

// NewClient returns a client for the server that the options and the environment name. It checks every setting, and
// reports all that are wrong at once, but never talks to the server. Its errors match [ErrInvalidArgument].
func NewClient(opts ...Option) (*Client, error) {
	s := settings{Options: config.Options{UserAgent: userAgent}}
	for _, option := range opts {
		option.apply(&s)
	}
	resolved, problems := config.Resolve(s.Options, config.ThisHost())
	if problems = append(problems, s.checkBatchLimits()...); len(problems) > 0 {
		return nil, configError(problems)
	}
	server, doer := resolved.Transport.Server, transport.New(resolved.Transport)
	return &Client{
		trackingURI: server.String(),
		transport:   doer,
		tracking: sync.OnceValue(func() *tracking.Client {
			return tracking.NewClient(server, doer, tracking.Config{
				BatchLimits: s.batchLimits, StrictLengths: s.strictLengths, Logger: resolved.Transport.Logger,
			})
		}),
		artifacts: sync.OnceValue(func() *artifacts.Client {
			return artifacts.NewClient(server, doer, artifacts.Config(resolved.Artifacts))
		}),
	}, nil
}

// configError makes one error of all that is wrong with the settings.
func configError(problems []error) error {
	reasons := make([]error, 0, len(problems))
	for _, problem := range problems {
		reasons = append(reasons, &Error{Op: "NewClient", Message: problem.Error()})
	}
	return errors.Join(reasons...)
}

// Tracking returns the client for experiment tracking. It is created on first use; later calls return the same client.
func (c *Client) Tracking() *tracking.Client { return c.tracking() }

// Artifacts returns the client for the files of runs. It is created on first use; later calls return the same client.
func (c *Client) Artifacts() *artifacts.Client { return c.artifacts() }

// TrackingURI returns the server's address, without user name and password.
func (c *Client) TrackingURI() string { return c.trackingURI }

// Do sends a request of your own, for what the library has no method for: with the client's credentials, TLS, time
// limits, workspace and retries. GET and HEAD are retried as searches are, all other methods only if the request cannot
// have run. A body is sent again only if the request has a GetBody, which [http.NewRequest] sets for the usual readers.
//
// A URL without a host is below the tracking URI, such as "/api/2.0/mlflow/registered-models/search". Another host, a
// path outside that of the tracking URI, a path with a segment ".." and a body of unknown length are refused: MLflow 3.3
// and later read such a body as an empty one.
//
// The request's headers win over those of the client, and so does its own Authorization. Left out are Accept-Encoding,
// Connection, Content-Length, Host, Idempotency-Key, X-Idempotency-Key, Trailer and Transfer-Encoding, which the library
// sets or which make net/http send a request twice; Host and the length are fields of the request. Another workspace than
// the client's is refused. A request editor comes last, as always. The request is not changed, and its body is closed.
//
// The response is the server's last, whatever its status, with a body that has been read already. A success is whole, up
// to 256 MiB; of any other response, the body has the first 64 KiB. If a body is cut off, reading it ends with an error.
// If no response came, the error is an [*Error]; so it is if the server does not support the client's workspace.
func (c *Client) Do(request *http.Request) (*http.Response, error) {
	const name = "Do"
	response, outcome := c.transport.Forward(name, request)
	if response == nil {
		return nil, failure.OfOutcome(name, outcome)
	}
	return response, nil
}

// String returns the server's address, without user name and password.
func (c *Client) String() string { return "mlflow.Client(" + c.trackingURI + ")" }

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

// An Option configures a [Client]. If an option is given twice, the later one wins; headers are merged.
type Option interface{ apply(s *settings) }

// settings is what options set.
type settings struct {
	config.Options

	batchLimits   tracking.BatchLimits
	strictLengths bool
}

// An option is a function, so that printing one shows none of the secrets inside.
type option func(*settings)

func (o option) apply(s *settings) { o(s) }

// A RetryPolicy says how often a request is sent in all, and how long the client waits between attempts: before retry
// number k a random time between 0 and MinBackoff·2^(k-1), but never more than MaxBackoff. Package tracking says which
// requests are retried, and when. A zero field stands for the default.
type RetryPolicy struct {
	MaxAttempts int           // 8 by default; 1 turns retries off
	MinBackoff  time.Duration // 1 second by default
	MaxBackoff  time.Duration // 1 minute by default
}

// WithTrackingURI sets where the MLflow server is: an http or https URL, optionally with a path prefix, and with a user
// name and password. A user name alone is ignored, as Python's client does. The default is the environment variable
// MLFLOW_TRACKING_URI.
func WithTrackingURI(uri string) Option {
	return option(func(s *settings) { s.TrackingURI = config.SetNonZero(uri, "WithTrackingURI") })
}

// WithBasicAuth sets the user name and password to sign in with. They win over a token, even that of an option. The
// default is the tracking URI's user info, else MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.
func WithBasicAuth(username, password string) Option {
	return option(func(s *settings) { s.SetBasicAuth(username, password, "WithBasicAuth") })
}

// WithToken sets a bearer token to sign in with, which must not have spaces around it. It wins over the credentials of
// the tracking URI, the environment and the credentials file. The default is MLFLOW_TRACKING_TOKEN.
func WithToken(token string) Option {
	return option(func(s *settings) { s.SetToken(token, "WithToken") })
}

// WithTokenSource sets where bearer tokens come from, for tokens that expire. The source is asked before each attempt,
// and once more when the server responds with 401: if it then has another token, the request is sent again with that. It
// must be safe for concurrent use, and should keep a token as long as it is valid.
func WithTokenSource(source func(context.Context) (string, error)) Option {
	return option(func(s *settings) { s.SetTokenSource(source, "WithTokenSource") })
}

// WithHeaders sets headers that every request carries, in place of what the library would send by those names. They are
// never sent to another host that the server redirects to, and never logged.
func WithHeaders(headers map[string]string) Option {
	headers = maps.Clone(headers)
	return option(func(s *settings) { s.SetHeaders(headers) })
}

// WithWorkspace sets the workspace that all calls are about. Before the first call the client asks the server whether it
// supports workspaces: MLflow before 3.10 ignores their names, and would write into the default workspace. The default
// is MLFLOW_WORKSPACE; without either, servers use the workspace "default".
func WithWorkspace(name string) Option {
	return option(func(s *settings) { s.Workspace = config.SetNonZero(name, "WithWorkspace") })
}

// WithHTTPClient sets the client that sends requests, for a proxy, a transport or a cookie jar of your own. It is
// copied, and never changed. Requests still follow only redirects that keep their method.
//
// The default client closes idle connections after 4 seconds, because MLflow 3.3 and later do so after 5 and lose a
// request that arrives just then. It opens at most 8 connections to a host (MLFLOW_HTTP_POOL_MAXSIZE changes that),
// because more requests in flight can stall such a server for half a minute. Make sure that yours does the same. TLS
// settings, even those of the environment, are for the default client: yours has its own.
func WithHTTPClient(client *http.Client) Option {
	return option(func(s *settings) { s.HTTPClient = client })
}

// WithTLSConfig sets how to talk to https servers. It is copied. The default is made from
// MLFLOW_TRACKING_SERVER_CERT_PATH, MLFLOW_TRACKING_CLIENT_CERT_PATH and MLFLOW_TRACKING_INSECURE_TLS.
func WithTLSConfig(config *tls.Config) Option {
	config = config.Clone()
	return option(func(s *settings) { s.SetTLS(config, "WithTLSConfig") })
}

// WithTimeout limits one attempt, from sending the request to the last byte of the response; 0 means no limit. The content
// of an artifact may take longer: for that, it limits how long nothing may move. The
// default is MLFLOW_HTTP_REQUEST_TIMEOUT, else 120 seconds. To limit a whole call, use its context.
func WithTimeout(d time.Duration) Option {
	return option(func(s *settings) { s.Timeout = config.Set(d, "WithTimeout") })
}

// WithRetry sets how often, and how fast, requests are retried. The default is made from
// MLFLOW_HTTP_REQUEST_MAX_RETRIES, MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR and MLFLOW_HTTP_REQUEST_BACKOFF_JITTER; what they
// leave out is as [RetryPolicy] says.
func WithRetry(policy RetryPolicy) Option {
	return option(func(s *settings) { s.SetRetry(policy.MaxAttempts, policy.MinBackoff, policy.MaxBackoff, "WithRetry") })
}

// WithRequestEditor sets a function that may change each request as the last thing before it is sent, again for each
// attempt: to sign it, say, or to carry a trace. If it fails, the call ends with its error. It must not change the body.
func WithRequestEditor(edit func(context.Context, *http.Request) error) Option {
	return option(func(s *settings) { s.Edit = edit })
}

// WithLogger sets where the library logs: each attempt at [slog.LevelDebug]; retries, and values that a server truncates,
// at [slog.LevelWarn]. Bodies, query values and credentials are never logged. By default the library does not log.
func WithLogger(logger *slog.Logger) Option {
	return option(func(s *settings) { s.Logger = logger })
}

// WithUserAgent puts a product, such as "trainer/1.2", before the library's own in the User-Agent header.
func WithUserAgent(product string) Option {
	return option(func(s *settings) { s.UserAgent = strings.TrimSpace(product + " " + userAgent) })
}

// WithBatchLimits sets the limits of one LogBatch request, for hosts that allow less than MLflow does. A zero field
// stands for the default.
func WithBatchLimits(limits tracking.BatchLimits) Option {
	return option(func(s *settings) { s.batchLimits = limits })
}

// WithStrictLengths refuses values that servers would cut, with [ErrInvalidArgument] and before anything is sent: params of
// more than 6,000 and tags of more than 8,000 characters. Without it they are sent, and a warning is logged if the server
// takes them. Tags of more than 5,000 characters, which only MLflow 2.11 to 2.16 cut, are always sent.
func WithStrictLengths() Option {
	return option(func(s *settings) { s.strictLengths = true })
}

func (s *settings) checkBatchLimits() []error {
	if l := s.batchLimits; min(l.Metrics, l.Params, l.Tags, l.Items, l.Bytes) < 0 {
		return []error{errors.New("WithBatchLimits: a limit is negative")}
	}
	return nil
}
