package config

import (
	"cmp"
	"time"

	"github.com/mlflow-go/mlflow/internal/transport"
)

// SetRetry sets the whole retry policy but for what a Retry-After header means. Zero means the default, adjusted
// so that MinBackoff is not above MaxBackoff.
func (l *Layer) SetRetry(maxAttempts int, minBackoff, maxBackoff time.Duration, source string) {
	preset := transport.DefaultRetryPolicy()
	longest := cmp.Or(maxBackoff, max(preset.MaxBackoff, minBackoff))
	l.maxAttempts = Set(cmp.Or(maxAttempts, preset.MaxAttempts), source)
	l.minBackoff = Set(cmp.Or(minBackoff, min(preset.MinBackoff, longest)), source)
	l.maxBackoff = Set(longest, source)
	l.jitter = Set(preset.Jitter, source)
}

func (l Layer) retryPolicy() transport.RetryPolicy {
	return transport.RetryPolicy{
		MaxAttempts:      l.maxAttempts.v,
		MinBackoff:       l.minBackoff.v,
		MaxBackoff:       l.maxBackoff.v,
		Jitter:           l.jitter.v,
		IgnoreRetryAfter: !l.respectRetryAfter.v,
	}
}

func (l Layer) checkRetryPolicy(p *problems) {
	switch {
	case l.maxAttempts.v < 0 || l.minBackoff.v < 0 || l.maxBackoff.v < 0:
		p.add(l.maxAttempts.source, "a field is negative")
	case l.minBackoff.v > l.maxBackoff.v:
		p.add(l.minBackoff.source, "MinBackoff is more than MaxBackoff")
	}
}
