// Package transport is the one seam between the library and HTTP. It adds what every request needs (credentials,
// headers, a time limit), reads every answer in full and within bounds, and logs what happened. It knows nothing of
// MLflow's operations but the name that a caller puts into the context.
package transport

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
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
	// TLS and MaxConnsPerHost are settings of that client of our own; zero stands for the defaults.
	TLS             *tls.Config
	MaxConnsPerHost int
	// Authorization returns the value of the Authorization header; nil or "" sends none.
	Authorization func(context.Context) (string, error)
	// Header returns headers to set on every request, over any that were set before.
	Header func() http.Header
	// UserAgent is the whole User-Agent header.
	UserAgent string
	// Timeout bounds one attempt; 0 means no bound.
	Timeout time.Duration
	// Retry says how often a request is sent; the zero policy means once.
	Retry RetryPolicy
	// Edit changes a request as the last thing before each attempt; nil changes nothing.
	Edit func(context.Context, *http.Request) error
	// Server is where a workspace is asked for, and Workspace the one that requests are about; "" means none.
	Server    *url.URL
	Workspace string
	// RefuseRedirects makes an answer of every redirect.
	RefuseRedirects bool
	// MaxBody bounds the answer to read, after decompression; 0 means DefaultMaxBody.
	MaxBody int64
	// Logger hears of every attempt; nil is silent.
	Logger *slog.Logger
}

// OwnHeaders are the headers, in canonical form, that no configuration may set: a request breaks without the right
// ones, net/http decompresses only what it asked for itself and takes an idempotency key for leave to repeat, and a
// workspace must be asked for before it is named.
var OwnHeaders = []string{
	"Accept-Encoding", "Connection", "Content-Encoding", "Content-Length", "Content-Type", "Idempotency-Key", "Trailer",
	"Transfer-Encoding", "X-Idempotency-Key", "X-Mlflow-Workspace",
}

// A Client sends requests as its Config says.
type Client struct {
	http      *http.Client
	config    Config
	workspace workspaceCheck
}

// New returns a client for the given configuration.
func New(config Config) *Client {
	httpClient := &http.Client{Transport: newHTTPTransport(config)}
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
	httpClient.CheckRedirect = redirectPolicy(httpClient.CheckRedirect, config.Header, !config.RefuseRedirects)
	return &Client{http: httpClient, config: config, workspace: newWorkspaceCheck()}
}

// newHTTPTransport returns net/http's default transport, fitted to MLflow's servers.
func newHTTPTransport(config Config) *http.Transport {
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
	t.MaxConnsPerHost = cmp.Or(config.MaxConnsPerHost, 8)
	t.MaxIdleConnsPerHost = t.MaxConnsPerHost
	if config.TLS != nil {
		t.TLSClientConfig = config.TLS
	}
	return t
}

// Do sends the request, again where that is safe and promises more, and returns the server's last answer, whatever its
// status, with a body that [ReadBody] returns without reading again. The error is nil if and only if a server answered
// in time. It matches one of package context's if and only if the request's own context ended.
func (c *Client) Do(request *http.Request) (*http.Response, error) {
	ctx, call := request.Context(), callFrom(request.Context())
	if response, err := c.checkWorkspace(request, call); response != nil || err != nil {
		return response, err
	}
	for refreshed := false; ; {
		call.Attempts++
		start := time.Now()
		response, err := c.attempt(request, call)
		seen := observation{response: response, err: err, duration: time.Since(start)}
		if !refreshed && c.refreshed(ctx, call, response) {
			refreshed = true
			c.log(request, call, seen, true)
			continue
		}
		means := judge(response, err)
		if means == dbRefused {
			call.dbRefusals++
		}
		var again bool
		seen.wait, again = c.again(ctx, call, response, means)
		c.log(request, call, seen, again)
		if !again {
			return response, err
		}
		obstacle := sleep(ctx, seen.wait)
		if obstacle == nil && means == maybe {
			call.MayHaveRun = true
			if call.BeforeRepeat != nil {
				obstacle = call.BeforeRepeat(ctx)
			}
		}
		switch {
		case obstacle == nil:
		case response != nil:
			call.Interrupted = obstacle
			return response, nil
		default:
			return nil, interrupted(obstacle, err)
		}
	}
}

// attempt sends the request once.
func (c *Client) attempt(request *http.Request, call *Call) (*http.Response, error) {
	caller := request.Context()
	ctx := caller
	if c.config.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(caller, c.config.Timeout, attemptTimeout(c.config.Timeout))
		defer cancel()
	}
	request = request.Clone(ctx)
	if err := c.prepare(request, call); err != nil {
		return nil, reason(caller, ctx, err)
	}
	if call.Repeatable {
		request = noteReplays(request, call)
	}
	response, err := c.http.Do(request)
	if err == nil && response.StatusCode < 100 { // net/http lets it pass
		err = fmt.Errorf("malformed HTTP status %d", response.StatusCode)
		response.Body.Close()
	}
	if err != nil {
		return nil, failure(caller, ctx, request, err)
	}
	body := buffer(response, c.config.MaxBody)
	late := body.err != nil && (ctx.Err() != nil || isTimeout(body.err))
	if late && (caller.Err() != nil || response.StatusCode < 300) { // else the status says enough
		return nil, failure(caller, ctx, request, body.err)
	}
	response.Body = body
	return response, nil
}

// prepare gives a copy of the request its own body, and its headers.
func (c *Client) prepare(request *http.Request, call *Call) error {
	if request.GetBody != nil {
		body, err := request.GetBody()
		if err != nil {
			return err
		}
		request.Body = body
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", c.config.UserAgent)
	if c.config.Workspace != "" && !call.ignoresWorkspace {
		request.Header.Set("X-Mlflow-Workspace", c.config.Workspace)
	}
	if err := c.authorize(request, call); err != nil {
		return err
	}
	for name, values := range c.config.Header() {
		if name == "Host" { // net/http takes it from here, and ignores the header of that name
			request.Host = values[0]
			continue
		}
		request.Header[name] = values
	}
	call.sent = request.Header
	if c.config.Edit != nil {
		if err := c.config.Edit(request.Context(), request); err != nil {
			return err
		}
		call.sent = request.Header // in case it was replaced
	}
	delete(request.Header, "Idempotency-Key")
	if call.Repeatable {
		// Tells net/http, and no one else, that it may send the request again on finding a connection dead. An editor that
		// signs must not see it.
		request.Header["Idempotency-Key"] = []string{}
	}
	return nil
}

// authorize sets the Authorization header.
func (c *Client) authorize(request *http.Request, call *Call) error {
	if c.config.Authorization == nil {
		return nil
	}
	if call.fresh != "" {
		call.authorization, call.fresh = call.fresh, ""
	} else {
		var err error
		if call.authorization, err = c.config.Authorization(request.Context()); err != nil {
			return err
		}
	}
	if call.authorization != "" {
		request.Header.Set("Authorization", call.authorization)
	}
	return nil
}

// refreshed tells whether there are new credentials after the server refused the old ones, without having run the
// request.
func (c *Client) refreshed(ctx context.Context, call *Call, response *http.Response) bool {
	if response == nil || response.StatusCode != http.StatusUnauthorized || c.config.Authorization == nil {
		return false
	}
	if c.config.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.config.Timeout)
		defer cancel()
	}
	fresh, err := c.config.Authorization(ctx)
	if err != nil || fresh == call.authorization {
		return false
	}
	call.fresh = fresh
	return true
}

// An observation is what is logged of an attempt.
type observation struct {
	response *http.Response
	err      error
	duration time.Duration
	wait     time.Duration
}

// log tells of an attempt. It names nothing but what is listed here: no body, no query, no header.
func (c *Client) log(request *http.Request, call *Call, seen observation, again bool) {
	attributes := []slog.Attr{
		slog.String("operation", call.Operation),
		slog.String("method", request.Method),
		slog.String("route", route(request.URL.Path)),
		slog.Int("attempt", call.Attempts),
		slog.Duration("duration", seen.duration),
	}
	if seen.response != nil {
		attributes = append(attributes, slog.Int("status", seen.response.StatusCode))
	}
	if seen.err != nil {
		attributes = append(attributes, slog.String("failure", kindOfFailure(seen.err)))
	}
	level, message := slog.LevelDebug, "mlflow request"
	if again {
		level, message = slog.LevelWarn, "mlflow request is repeated"
		attributes = append(attributes, slog.Duration("wait", seen.wait))
	}
	c.config.Logger.LogAttrs(request.Context(), level, message, attributes...)
}

// route returns the part of a path that MLflow knows, without the tracking URI's own, which may be private.
func route(path string) string {
	if i := strings.LastIndex(path, "/api/"); i >= 0 {
		return path[i:]
	}
	return ""
}
