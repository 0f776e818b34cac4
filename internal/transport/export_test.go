package transport

import (
	"net/http"
	"time"
)

// HTTPTransport returns the transport of a client that was given none.
func (c *Client) HTTPTransport() *http.Transport {
	return c.http.(*http.Client).Transport.(*http.Transport)
}

// Backoff returns the wait after the given number of attempts.
func Backoff(policy RetryPolicy, attempts int) time.Duration { return policy.backoff(attempts) }

// What takes the secrets from errors and URLs.
var (
	CleanError = cleanError
	CleanURL   = cleanURL
)
