package config

import (
	"context"
	"crypto/tls"
	"time"

	"github.com/mlflow-go/mlflow/internal/transport"
)

// A Layer is what one place sets. What it leaves out is left to the layers below it.
type Layer struct {
	TrackingURI Value[string]
	Workspace   Value[string]
	Timeout     Value[time.Duration]

	credentials
	tls Value[*tls.Config]

	maxAttempts       Value[int]
	minBackoff        Value[time.Duration]
	maxBackoff        Value[time.Duration]
	jitter            Value[time.Duration]
	respectRetryAfter Value[bool]
	followRedirects   Value[bool]
	maxConnsPerHost   Value[int]
}

// credentials are what one place says about who signs in.
type credentials struct {
	username, password Value[string]
	bearer             Value[bearer]
}

// complete reports whether there is enough to sign in with.
func (c credentials) complete() bool { return c.bearer.set || c.username.set && c.password.set }

// over returns the credentials if they are enough, so that a lower layer's do not compete with them, whatever their kind.
// Otherwise a user name or a password of one layer goes with what a lower one has.
func (c credentials) over(lower credentials) credentials {
	if c.complete() {
		return c
	}
	return credentials{
		username: c.username.or(lower.username),
		password: c.password.or(lower.password),
		bearer:   lower.bearer,
	}
}

// A bearer is a token, or a source of tokens that expire.
type bearer struct {
	token  string
	source func(context.Context) (string, error)
}

// defaults returns the lowest layer. It has no tracking URI and no credentials, and leaves the number of connections
// and TLS to the transport.
func defaults() Layer {
	retry := transport.DefaultRetryPolicy()
	const source = "the default"
	return Layer{
		Timeout:           Set(transport.DefaultTimeout, source),
		maxAttempts:       Set(retry.MaxAttempts, source),
		minBackoff:        Set(retry.MinBackoff, source),
		maxBackoff:        Set(retry.MaxBackoff, source),
		jitter:            Set(retry.Jitter, source),
		respectRetryAfter: Set(!retry.IgnoreRetryAfter, source),
		followRedirects:   Set(true, source),
	}
}

// over returns the layer with what it leaves out taken from a lower one.
func (l Layer) over(lower Layer) Layer {
	return Layer{
		TrackingURI:       l.TrackingURI.or(lower.TrackingURI),
		Workspace:         l.Workspace.or(lower.Workspace),
		tls:               l.tls.or(lower.tls),
		Timeout:           l.Timeout.or(lower.Timeout),
		credentials:       l.credentials.over(lower.credentials),
		maxAttempts:       l.maxAttempts.or(lower.maxAttempts),
		minBackoff:        l.minBackoff.or(lower.minBackoff),
		maxBackoff:        l.maxBackoff.or(lower.maxBackoff),
		jitter:            l.jitter.or(lower.jitter),
		respectRetryAfter: l.respectRetryAfter.or(lower.respectRetryAfter),
		followRedirects:   l.followRedirects.or(lower.followRedirects),
		maxConnsPerHost:   l.maxConnsPerHost.or(lower.maxConnsPerHost),
	}
}
