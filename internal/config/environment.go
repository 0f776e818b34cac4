package config

import (
	"errors"
	"time"
)

// The variables, which have the names and the meaning that they have for Python's client.
const (
	envTrackingURI       = "MLFLOW_TRACKING_URI"
	envUsername          = "MLFLOW_TRACKING_USERNAME"
	envPassword          = "MLFLOW_TRACKING_PASSWORD" // #nosec G101 -- a name
	envToken             = "MLFLOW_TRACKING_TOKEN"    // #nosec G101 -- a name
	envSigV4             = "MLFLOW_TRACKING_AWS_SIGV4"
	envAuth              = "MLFLOW_TRACKING_AUTH"
	envServerCert        = "MLFLOW_TRACKING_SERVER_CERT_PATH"
	envClientCert        = "MLFLOW_TRACKING_CLIENT_CERT_PATH"
	envInsecureTLS       = "MLFLOW_TRACKING_INSECURE_TLS"
	envWorkspace         = "MLFLOW_WORKSPACE"
	envTimeout           = "MLFLOW_HTTP_REQUEST_TIMEOUT"
	envMaxRetries        = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
	envBackoffFactor     = "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR"
	envBackoffJitter     = "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER"
	envRespectRetryAfter = "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER"
	envAllowRedirects    = "MLFLOW_ALLOW_HTTP_REDIRECTS"
	envPoolSize          = "MLFLOW_HTTP_POOL_MAXSIZE"
	envPoolConnections   = "MLFLOW_HTTP_POOL_CONNECTIONS"
)

// An environment reads variables. An empty one counts as unset.
type environment struct {
	getenv func(string) string
	*problems
}

// layer returns the layer of all variables, and notes those that cannot be read or are not supported.
func (e environment) layer() Layer {
	minBackoff, maxBackoff := e.backoff()
	layer := Layer{
		TrackingURI: e.text(envTrackingURI),
		Workspace:   e.text(envWorkspace),
		credentials: credentials{
			username: e.text(envUsername),
			password: e.text(envPassword),
			bearer:   variable(e, envToken, parseToken),
		},
		Timeout:           variable(e, envTimeout, parseTimeout),
		maxAttempts:       variable(e, envMaxRetries, parseRetries),
		minBackoff:        minBackoff,
		maxBackoff:        maxBackoff,
		jitter:            variable(e, envBackoffJitter, parseSeconds),
		respectRetryAfter: variable(e, envRespectRetryAfter, parseBool),
		followRedirects:   variable(e, envAllowRedirects, parseBool),
		maxConnsPerHost:   variable(e, envPoolSize, parsePoolSize),
	}
	// Python's client keeps a pool for each of so many hosts; ours has one host, but a typo is an error for both.
	variable(e, envPoolConnections, parsePoolSize)
	e.refuseUnsupported()
	layer.tls = e.tls()
	return layer
}

func (e environment) text(name string) Value[string] { return SetNonZero(e.getenv(name), name) }

// variable returns what a variable says, or notes why it cannot be read.
func variable[T any](e environment, name string, parse func(string) (T, error)) Value[T] {
	text := e.text(name)
	if !text.set {
		return Value[T]{}
	}
	v, err := parse(text.v)
	if err != nil {
		e.add(name, "%w", err)
		return Value[T]{}
	}
	return Set(v, name)
}

// backoff returns the first and the longest wait, of which Python's client has a variable only for the first.
func (e environment) backoff() (first, longest Value[time.Duration]) {
	first = variable(e, envBackoffFactor, parseSeconds)
	if !first.set {
		return first, longest
	}
	longest = Set(2*time.Minute, first.source) // as in Python's client
	first.v = min(first.v, longest.v)
	return first, longest
}

// refuseUnsupported notes the variables that would be unsafe to ignore: requests would go out unsigned.
func (e environment) refuseUnsupported() {
	if variable(e, envSigV4, parseBool).v {
		e.add(envSigV4, "not supported: unset it, and sign requests with WithRequestEditor, as examples/sigv4 does")
	}
	variable(e, envAuth, func(string) (string, error) {
		return "", errors.New("plugins are Python's: unset it, and use WithTokenSource or WithRequestEditor")
	})
}
