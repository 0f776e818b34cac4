package transport

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/mlflow-go/mlflow/internal/redact"
)

// redacted completes the outcome, and takes the secrets from it that were sent: a server or a proxy may quote them.
func (c *Call) redacted(o Outcome) Outcome {
	o.Attempts, o.MayHaveRun = c.attempts, c.mayHaveRun
	if o.Kind == Success {
		return o
	}
	c.outcome = o // the requests of a redirect had secrets of their own
	secrets := c.secrets()
	o.Code, o.Message = secrets.Mask(o.Code), secrets.Mask(o.Message)
	if o.quotesBody {
		o.Message, o.quotesBody = secrets.MaskStart(o.Body), false
	}
	if o.Err != nil {
		o.Err = c.cleanError(o.Err)
	}
	return o
}

// secrets returns what the last request carried that nobody else may see: credentials, configured headers, cookies, and
// what an editor added.
func (c *Call) secrets() redact.Secrets {
	s, config := make(redact.Secrets), &c.client.config
	for name, values := range c.sent { // with the jar's cookies, which net/http adds
		if !slices.Contains(publicHeaders, name) {
			s.AddHeader(name, values)
		}
	}
	if config.SecretQueries {
		for _, values := range c.query {
			for _, value := range values {
				s.Add(value)
			}
		}
	}
	for name, values := range config.Header() {
		if name != "Host" { // which says where the server is, as its URL does
			s.AddHeader(name, values)
		}
	}
	if c.outcome.response != nil {
		addChain(s, c.outcome.response.Request)
	}
	if httpClient, ok := c.client.http.(*http.Client); ok && config.Server != nil {
		addJar(s, httpClient.Jar, config.Server)
		addProxy(s, httpClient.Transport, config.Server)
	}
	return s
}

// addChain adds the credentials and cookies of a request that a redirect led to, or that a transport of the caller's own
// made of ours, and of those before it.
func addChain(s redact.Secrets, request *http.Request) {
	for request != nil {
		for _, name := range credentialHeaders {
			s.AddHeader(name, request.Header[name])
		}
		if request.Response == nil {
			return
		}
		request = request.Response.Request
	}
}

// addJar adds the cookies that a jar has for the server: a response may quote those that came with it.
func addJar(s redact.Secrets, jar http.CookieJar, server *url.URL) {
	if jar == nil {
		return
	}
	calls := *server
	calls.Path += "/api/2.0/mlflow/"
	for _, cookie := range jar.Cookies(&calls) {
		s.AddCookie(cookie.Value)
	}
}

// addProxy adds the password for the proxy on the way to the server.
func addProxy(s redact.Secrets, through http.RoundTripper, server *url.URL) {
	t, ok := cmp.Or(through, http.DefaultTransport).(*http.Transport)
	if !ok {
		return
	}
	for name, values := range t.ProxyConnectHeader {
		s.AddHeader(name, values)
	}
	if t.Proxy == nil {
		return
	}
	proxy, err := t.Proxy(&http.Request{Method: http.MethodGet, URL: server, Host: server.Host, Header: make(http.Header)})
	if err != nil || proxy == nil {
		return
	}
	if password, ok := proxy.User.Password(); ok {
		s.AddPassword(proxy.User.Username(), password)
	}
}

// cleanError strips URLs, as the function does, and redacts the secrets that this call sent: errors of net/http can
// quote the server.
func (c *Call) cleanError(err error) error {
	err, secrets := cleanError(err), c.secrets()
	if text := err.Error(); secrets.Mask(text) == text {
		return err
	}
	failed, ok := err.(*url.Error) //nolint:errorlint // what wraps one has a text of its own
	if !ok {
		return newRedactedError(secrets.Mask(err.Error()), err)
	}
	cause := newRedactedError(secrets.Mask(failed.Err.Error()), failed.Err)
	return &url.Error{Op: failed.Op, URL: secrets.Mask(failed.URL), Err: cause}
}

// A redactedError is an error with another text. It does not unwrap to the one that has the secrets, and keeps it inside
// a function, so that printing one with %#v does not show them either.
type redactedError struct {
	text   string
	hidden func() error
}

func newRedactedError(text string, err error) *redactedError {
	return &redactedError{text, func() error { return err }}
}

func (e *redactedError) Error() string        { return e.text }
func (e *redactedError) Is(target error) bool { return errors.Is(e.hidden(), target) }
func (e *redactedError) Timeout() bool        { return isTimeout(e.hidden()) }

// cleanError returns err without what the URL of a *[url.Error] may hold of secrets: after a redirect it is that of a
// login page, complete with its tokens.
func cleanError(err error) error {
	inner := asURLError(err)
	if inner == nil {
		return err
	}
	if failed, ok := err.(*url.Error); !ok || failed != inner { //nolint:errorlint // what wraps one has a text of its own
		return newRedactedError(strings.ReplaceAll(err.Error(), inner.URL, cleanURL(inner.URL)), err)
	}
	cause := cleanError(inner.Err)
	// Each quotes what cannot be parsed, complete with tokens and passwords.
	switch text := cause.Error(); {
	case strings.HasPrefix(text, "failed to parse Location header"):
		cause = errors.New("the server redirects to something that is not a URL")
	case strings.HasPrefix(text, "invalid proxy address"):
		cause = errors.New("the address of the proxy, perhaps of HTTP_PROXY or HTTPS_PROXY, is not a URL")
	}
	return &url.Error{Op: inner.Op, URL: cleanURL(inner.URL), Err: cause}
}

// cleanURL returns a URL without user info, query and fragment.
func cleanURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "(unreadable URL)"
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, "", false, "", ""
	return u.String()
}
