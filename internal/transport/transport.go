// Package transport is the one seam between the library and HTTP. It adds what every request needs (credentials,
// headers, a time limit), reads every answer in full and within bounds, and logs what happened. It knows nothing of
// MLflow's operations but the name that a caller puts into the context.
package transport

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"
)

// DefaultTimeout bounds one attempt, from the first byte sent to the last byte read. Python's client uses the same.
const DefaultTimeout = 120 * time.Second

// Config says how a [Client] sends requests. Secrets are handed over inside functions, so that printing a Config or
// anything that holds one shows none of them.
type Config struct {
	// HTTPClient is copied, never changed. Nil stands for a client of our own, made for MLflow's servers.
	HTTPClient *http.Client
	// Authorization returns the value of the Authorization header; nil or "" sends none.
	Authorization func(context.Context) (string, error)
	// Header returns headers to set on every request, over any that were set before.
	Header func() http.Header
	// UserAgent is the whole User-Agent header.
	UserAgent string
	// Timeout bounds one attempt; 0 means no bound.
	Timeout time.Duration
	// MaxBody bounds the answer to read, after decompression; 0 means DefaultMaxBody.
	MaxBody int64
	// Logger hears of every attempt; nil is silent.
	Logger *slog.Logger
}

// OwnHeaders are the headers, in canonical form, that no configuration may set: a request breaks without the right
// ones, and net/http decompresses only what it asked for itself.
var OwnHeaders = []string{
	"Accept-Encoding", "Connection", "Content-Encoding", "Content-Length", "Content-Type", "Trailer", "Transfer-Encoding",
}

// A Client sends requests as its Config says.
type Client struct {
	http   *http.Client
	config Config
}

// New returns a client for the given configuration.
func New(config Config) *Client {
	httpClient := &http.Client{Transport: newHTTPTransport()}
	if config.HTTPClient != nil {
		*httpClient = *config.HTTPClient
	}
	if config.Header == nil {
		config.Header = func() http.Header { return nil }
	}
	if config.MaxBody == 0 {
		config.MaxBody = DefaultMaxBody
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	httpClient.CheckRedirect = redirectPolicy(httpClient.CheckRedirect, config.Header)
	return &Client{http: httpClient, config: config}
}

// newHTTPTransport returns net/http's default transport, fitted to MLflow's servers.
func newHTTPTransport() *http.Transport {
	t := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2:   true,
	}
	// A program may have put something else in its place, for tracing or for tests.
	if standard, ok := http.DefaultTransport.(*http.Transport); ok {
		t = standard.Clone()
	}
	// Uvicorn (MLflow 3.3 and later) closes a connection after 5.0 s idle and loses a request that arrives just then.
	t.IdleConnTimeout = 4 * time.Second
	// 15 writes in flight can stall a server for 30 s, as each takes two of its 15 database connections.
	t.MaxConnsPerHost = 8
	t.MaxIdleConnsPerHost = 8
	return t
}

// Do sends the request and returns the server's answer, whatever its status, with a body that [ReadBody] returns
// without reading again. The error is nil if and only if a server answered in time. It matches one of package context's
// if and only if the request's own context ended.
func (c *Client) Do(request *http.Request) (*http.Response, error) {
	call := callFrom(request.Context())
	call.Attempts++
	start := time.Now()
	response, err := c.attempt(request)
	c.log(request, call, response, time.Since(start))
	return response, err
}

func (c *Client) attempt(request *http.Request) (*http.Response, error) {
	caller := request.Context()
	ctx := caller
	if c.config.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(caller, c.config.Timeout, attemptTimeout(c.config.Timeout))
		defer cancel()
	}
	request = request.Clone(ctx)
	if err := c.prepare(request); err != nil {
		return nil, reason(caller, ctx, err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, failure(caller, ctx, request, err)
	}
	body := buffer(response, c.config.MaxBody)
	if body.err != nil && (ctx.Err() != nil || isTimeout(body.err)) {
		return nil, failure(caller, ctx, request, body.err)
	}
	response.Body = body
	return response, nil
}

// prepare sets the headers of a request.
func (c *Client) prepare(request *http.Request) error {
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", c.config.UserAgent)
	if c.config.Authorization != nil {
		value, err := c.config.Authorization(request.Context())
		if err != nil {
			return err
		}
		if value != "" {
			request.Header.Set("Authorization", value)
		}
	}
	for name, values := range c.config.Header() {
		if name == "Host" { // net/http takes it from here, and ignores the header of that name
			request.Host = values[0]
			continue
		}
		request.Header[name] = values
	}
	return nil
}

func (c *Client) log(request *http.Request, call *Call, response *http.Response, duration time.Duration) {
	attributes := []slog.Attr{
		slog.String("operation", call.Operation),
		slog.String("method", request.Method),
		slog.String("route", route(request.URL.Path)),
		slog.Int("attempt", call.Attempts),
		slog.Duration("duration", duration),
	}
	if response != nil {
		attributes = append(attributes, slog.Int("status", response.StatusCode))
	}
	c.config.Logger.LogAttrs(request.Context(), slog.LevelDebug, "mlflow request", attributes...)
}

// route returns the part of a path that MLflow knows, without the tracking URI's own, which may be private.
func route(path string) string {
	if i := strings.LastIndex(path, "/api/"); i >= 0 {
		return path[i:]
	}
	return ""
}
