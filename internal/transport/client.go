package transport

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// DefaultTimeout limits one attempt, from the first byte sent to the last byte read. Python's client uses the same.
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
	// AuthorizationChanges means that Authorization may return another value for a later request.
	AuthorizationChanges bool
	// Header returns headers to set on every request, over any that were set before. They are copied.
	Header func() http.Header
	// UserAgent is the whole User-Agent header; "" leaves it to net/http.
	UserAgent string
	// Timeout limits one attempt; 0 means no limit.
	Timeout time.Duration
	// Retry says how often a request is sent; the zero policy means once.
	Retry RetryPolicy
	// Edit changes a request as the last thing before each attempt; nil changes nothing.
	Edit func(context.Context, *http.Request) error
	// Server is where a workspace is asked for, and Workspace the one that requests are about; "" means none.
	Server    *url.URL
	Workspace string
	// RefuseRedirects makes every redirect the response.
	RefuseRedirects bool
	// MaxBody limits what is read of a response, after decompression; 0 means DefaultMaxBody.
	MaxBody int64
	// SecretQueries means that the values in the queries of URLs are secrets.
	SecretQueries bool
	// Logger receives every attempt; nil logs nothing.
	Logger *slog.Logger
}

// A Doer sends an HTTP request and returns its response, as an [http.Client] does.
type Doer interface {
	Do(request *http.Request) (*http.Response, error)
}

// A Client sends requests as its Config says.
type Client struct {
	http      Doer
	config    Config
	workspace *workspaceCheck
	slots     chan struct{} // one for each request in flight; nil for no limit
	mayUseH2C bool
	// errAttemptTimeout is the cause of an attempt that exceeds the time limit.
	errAttemptTimeout error

	streams, storage func() *Client
}

// New returns a client for the given configuration.
func New(config Config) *Client {
	config.MaxConnsPerHost = cmp.Or(config.MaxConnsPerHost, 8)
	c := newHTTPClient(config, func() *http.Transport { return newHTTPTransport(config) })
	if config.HTTPClient == nil {
		c.slots = make(chan struct{}, config.MaxConnsPerHost)
	}
	return c
}

// newHTTPClient returns a client that sends through the caller's http.Client or, without one, through a transport of our
// own.
func newHTTPClient(config Config, newTransport func() *http.Transport) *Client {
	httpClient := &http.Client{}
	c := newClient(httpClient, config)
	if config.HTTPClient != nil {
		*httpClient = *config.HTTPClient
		c.mayUseH2C = mayUseH2C(httpClient.Transport)
	} else {
		httpClient.Transport = newTransport()
	}
	httpClient.CheckRedirect = redirectPolicy(httpClient.CheckRedirect, c.config.Header, !config.RefuseRedirects)
	return c
}

// mayUseH2C reports whether a transport of the caller's own may speak HTTP/2 without TLS.
func mayUseH2C(through http.RoundTripper) bool {
	t, ok := cmp.Or(through, http.DefaultTransport).(*http.Transport)
	return !ok || (t.Protocols != nil && t.Protocols.UnencryptedHTTP2())
}

// Wrap returns a client without a configuration, which sends each request once through a doer. A client of this package
// is returned unchanged.
func Wrap(doer Doer) *Client {
	if c, ok := doer.(*Client); ok {
		return c
	}
	c := newClient(doer, Config{})
	c.streams = func() *Client { return c }
	return c
}

// WithoutRetries returns a client that sends each request once, and shares all else with c: its limit of requests in
// flight too.
func (c *Client) WithoutRetries() *Client {
	once := *c
	once.config.Retry = RetryPolicy{}
	return &once
}

func newClient(doer Doer, config Config) *Client {
	if config.Header == nil {
		config.Header = func() http.Header { return nil }
	}
	config.MaxBody = cmp.Or(config.MaxBody, DefaultMaxBody)
	config.Logger = cmp.Or(config.Logger, slog.New(slog.DiscardHandler))
	c := &Client{
		http: doer, config: config, workspace: new(workspaceCheck), errAttemptTimeout: attemptTimeout(config.Timeout),
	}
	c.streams = sync.OnceValue(func() *Client { return streams(config) })
	c.storage = sync.OnceValue(func() *Client { return storage(config) })
	return c
}

// Streams returns the client for requests whose bodies are streams.
func (c *Client) Streams() *Client { return c.streams() }

// streams returns a client with the same settings for requests whose bodies are streams. A stream holds a connection
// for as long as its user likes, so that these have connections of their own, as many as they need.
func streams(config Config) *Client {
	return newHTTPClient(config, func() *http.Transport {
		config.MaxConnsPerHost = 0
		t := newHTTPTransport(config)
		t.MaxIdleConnsPerHost = 8
		t.WriteBufferSize, t.ReadBufferSize = streamBuffer, streamBuffer
		return t
	})
}

const streamBuffer = 128 << 10

// Storage returns the client for the URLs that a server makes for object storage. What such a host is sent is in the
// URL and the headers that come with it: no credentials, cookies, configured headers or workspace, and nothing of a
// request editor. The values of its URLs' queries are secrets.
func (c *Client) Storage() *Client { return c.storage() }

func storage(config Config) *Client {
	if config.HTTPClient != nil {
		jarless := *config.HTTPClient
		jarless.Jar = nil
		config.HTTPClient = &jarless
	}
	if config.TLS != nil {
		config.TLS = config.TLS.Clone()
		config.TLS.Certificates, config.TLS.GetClientCertificate = nil, nil
	}
	return streams(Config{
		HTTPClient: config.HTTPClient, TLS: config.TLS, UserAgent: config.UserAgent, Timeout: config.Timeout, Retry: config.Retry,
		RefuseRedirects: config.RefuseRedirects, MaxBody: config.MaxBody, Logger: config.Logger, SecretQueries: true,
	})
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
	t.MaxConnsPerHost = config.MaxConnsPerHost
	t.MaxIdleConnsPerHost = t.MaxConnsPerHost
	// A connection that fell silent is given up after 30 s, and not only by each attempt for itself.
	if t.HTTP2 == nil {
		t.HTTP2 = &http.HTTP2Config{}
	}
	t.HTTP2.SendPingTimeout = cmp.Or(t.HTTP2.SendPingTimeout, 15*time.Second)
	t.HTTP2.PingTimeout = cmp.Or(t.HTTP2.PingTimeout, 15*time.Second)
	if t.OnProxyConnectResponse == nil {
		t.OnProxyConnectResponse = checkProxy
	}
	if config.TLS != nil {
		t.TLSClientConfig = config.TLS
	}
	return t
}

// MayChangeCredentials reports whether a later request may have other credentials than one that the server refused: from a
// token source, or, if the client has none of its own, from a request editor or the caller's doer.
func (c *Client) MayChangeCredentials() bool {
	if c.config.Authorization != nil {
		return c.config.AuthorizationChanges
	}
	_, ours := c.http.(*http.Client)
	return c.config.Edit != nil || c.config.HTTPClient != nil || !ours
}

// acquireSlot waits until another request may be in flight, or returns the context's error if that ends first. HTTP/2
// would put any number on one connection.
func (c *Client) acquireSlot(ctx context.Context) error {
	if c.slots == nil {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case c.slots <- struct{}{}:
		return nil
	}
}

// releaseSlot releases what acquireSlot acquired.
func (c *Client) releaseSlot() {
	if c.slots != nil {
		<-c.slots
	}
}

// withAttemptTimeout returns a context that ends with the time limit of an attempt, and a function that ends it.
func (c *Client) withAttemptTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.config.Timeout <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, c.config.Timeout, c.errAttemptTimeout)
}

func (c *Client) closeIdleConnections() {
	if closer, ok := c.http.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}
