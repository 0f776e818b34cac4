package mlflow

import (
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/mlflow-go/mlflow/internal/transport"
	"github.com/mlflow-go/mlflow/tracking"
)

// An Option configures a [Client]. Given twice, the later one wins; headers are merged.
type Option func(*settings)

// settings is what options set and the environment completes.
type settings struct {
	trackingURI string
	basic       *credentials
	token       string
	headers     map[string]string
	httpClient  *http.Client
	timeout     time.Duration
	logger      *slog.Logger
	userAgent   string
	batchLimits tracking.BatchLimits
}

type credentials struct{ username, password string }

func newSettings(opts []Option) *settings {
	s := &settings{
		headers:   make(map[string]string),
		timeout:   transport.DefaultTimeout,
		userAgent: userAgent,
	}
	for _, option := range opts {
		option(s)
	}
	return s
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
	return func(s *settings) { s.basic = &credentials{username, password} }
}

// WithToken sets a bearer token to sign in with. The default is MLFLOW_TRACKING_TOKEN.
func WithToken(token string) Option {
	return func(s *settings) { s.token = token }
}

// WithHeaders sets headers that every request carries, over what the library would send by those names. They are
// never sent to another host that the server redirects to, and never logged.
func WithHeaders(headers map[string]string) Option {
	headers = maps.Clone(headers)
	return func(s *settings) {
		for name, value := range headers {
			s.headers[http.CanonicalHeaderKey(name)] = value
		}
	}
}

// WithHTTPClient sets the client that sends requests, for a proxy, a transport or a cookie jar of your own. It is
// copied, and never changed. Requests still follow only redirects that keep their method.
//
// The default client closes idle connections after 4 seconds, because MLflow 3.3 and later do so after 5 and lose a
// request that arrives just then, and opens at most 8 connections to a host, because more in flight can stall such a
// server. See that yours does as much.
func WithHTTPClient(client *http.Client) Option {
	return func(s *settings) { s.httpClient = client }
}

// WithTimeout bounds one attempt to get an answer, to its last byte; 0 means no bound. The default is 120 seconds. To
// bound a whole call, use its context.
func WithTimeout(d time.Duration) Option {
	return func(s *settings) { s.timeout = d }
}

// WithLogger sets where the library logs: each attempt at [slog.LevelDebug], and what goes amiss at [slog.LevelWarn].
// Bodies, query values and credentials are never logged. By default it is silent.
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
