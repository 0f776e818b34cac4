package mlflow

import (
	"context"
	"crypto/tls"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-go/mlflow/tracking"
)

// An Option configures a [Client]. Given twice, the later one wins; headers are merged.
type Option func(*settings)

// A RetryPolicy says how often a request is sent in all, and how long the waits between are: before repeat number k a
// random time between 0 and MinBackoff·2^(k-1), but never more than MaxBackoff. Package tracking says which requests
// are repeated, and when. A zero field stands for the default.
type RetryPolicy struct {
	MaxAttempts int           // 8 by default; 1 turns repeats off
	MinBackoff  time.Duration // 1 second by default
	MaxBackoff  time.Duration // 1 minute by default
}

// WithTrackingURI sets where the MLflow server is: an http or https URL, perhaps with a path under which a proxy offers
// it, and perhaps with a user name and password. A user name alone is ignored, as Python's client does. The default is
// the environment variable MLFLOW_TRACKING_URI.
func WithTrackingURI(uri string) Option {
	return func(s *settings) { s.trackingURI = uri }
}

// WithBasicAuth sets the user name and password to sign in with. They win over a token, wherever that comes from. The
// default is the tracking URI's user info, else MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.
func WithBasicAuth(username, password string) Option {
	return func(s *settings) { s.basic = &credentials{username, password, "WithBasicAuth"} }
}

// WithToken sets a bearer token to sign in with. The default is MLFLOW_TRACKING_TOKEN.
func WithToken(token string) Option {
	return func(s *settings) { s.token, s.tokenSource = token, nil }
}

// WithTokenSource sets where bearer tokens come from, for tokens that expire. The source is asked before each attempt,
// and once more when the server answers 401: if it then has another token, the request is sent again with that. It must
// be safe for concurrent use, and should keep a token as long as it is valid.
func WithTokenSource(source func(context.Context) (string, error)) Option {
	return func(s *settings) { s.token, s.tokenSource = "", source }
}

// WithHeaders sets headers that every request carries, over what the library would send by those names. They are
// never sent to another host that the server redirects to, and never logged.
func WithHeaders(headers map[string]string) Option {
	headers = maps.Clone(headers)
	return func(s *settings) {
		for _, name := range slices.Sorted(maps.Keys(headers)) { // the same one of two spellings wins each time
			s.headers[http.CanonicalHeaderKey(name)] = headers[name]
		}
	}
}

// WithWorkspace sets the workspace that all calls are about. Before the first of them the server is asked whether it
// has workspaces at all: MLflow before 3.10 ignores their names, and would write into the space that all share. The
// default is MLFLOW_WORKSPACE; without either, servers use the workspace "default".
func WithWorkspace(name string) Option {
	return func(s *settings) { s.workspace = name }
}

// WithHTTPClient sets the client that sends requests, for a proxy, a transport or a cookie jar of your own. It is
// copied, and never changed. Requests still follow only redirects that keep their method.
//
// The default client closes idle connections after 4 seconds, because MLflow 3.3 and later do so after 5 and lose a
// request that arrives just then, and opens at most 8 connections to a host (MLFLOW_HTTP_POOL_MAXSIZE changes that),
// because more in flight can stall such a server for half a minute. See that yours does as much. TLS settings, also
// those of the environment, are for the default client: yours has its own.
func WithHTTPClient(client *http.Client) Option {
	return func(s *settings) { s.httpClient = client }
}

// WithTLSConfig sets how to talk to https servers. It is copied. The default is made of
// MLFLOW_TRACKING_SERVER_CERT_PATH, MLFLOW_TRACKING_CLIENT_CERT_PATH and MLFLOW_TRACKING_INSECURE_TLS.
func WithTLSConfig(config *tls.Config) Option {
	config = config.Clone()
	return func(s *settings) { s.tls = config.Clone() } // net/http adds to it, and an option can be used again
}

// WithTimeout bounds one attempt to get an answer, to its last byte; 0 means no bound. The default is
// MLFLOW_HTTP_REQUEST_TIMEOUT, else 120 seconds. To bound a whole call, use its context.
func WithTimeout(d time.Duration) Option {
	return func(s *settings) { s.timeout = &d }
}

// WithRetry sets how often, and how fast, requests are repeated. The default is made of MLFLOW_HTTP_REQUEST_MAX_RETRIES,
// MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR and MLFLOW_HTTP_REQUEST_BACKOFF_JITTER, else as [RetryPolicy] says.
func WithRetry(policy RetryPolicy) Option {
	return func(s *settings) { s.retry = &policy }
}

// WithRequestEditor sets a function that may change each request as the last thing before it is sent, again for each
// attempt: to sign it, say, or to carry a trace. An error of it ends the call. It must not change the body.
func WithRequestEditor(edit func(context.Context, *http.Request) error) Option {
	return func(s *settings) { s.edit = edit }
}

// WithLogger sets where the library logs: each attempt at [slog.LevelDebug]; repeats, and values that a server cuts, at
// [slog.LevelWarn]. Bodies, query values and credentials are never logged. By default it is silent.
func WithLogger(logger *slog.Logger) Option {
	return func(s *settings) { s.logger = logger }
}

// WithUserAgent puts a product, such as "trainer/1.2", before the library's own in the User-Agent header.
func WithUserAgent(product string) Option {
	return func(s *settings) { s.userAgent = strings.TrimSpace(product + " " + userAgent) }
}

// WithBatchLimits sets what LogBatch puts into one request at most, for hosts that allow less than MLflow does. A zero
// field stands for the default.
func WithBatchLimits(limits tracking.BatchLimits) Option {
	return func(s *settings) { s.batchLimits = limits }
}
