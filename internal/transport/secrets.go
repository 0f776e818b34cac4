package transport

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// harmless are the headers of ours that anyone may see. Those of the same name that are configured are secrets.
var harmless = []string{
	"Accept", "Accept-Encoding", "Cache-Control", "Content-Type", "Expect", "If-Range", "Range", "User-Agent", workspaceHeader,
}

// A secretSet holds what nobody else may see.
type secretSet map[string]bool

// secrets returns what the last request carried that nobody else may see: credentials, configured headers, cookies, and
// what an editor added.
func (c *Call) secrets() secretSet {
	s, config := make(secretSet), &c.client.config
	for name, values := range c.sent { // with the jar's cookies, which net/http adds
		if !slices.Contains(harmless, name) {
			s.addHeader(name, values)
		}
	}
	if config.SecretQueries {
		for _, values := range c.query {
			for _, value := range values {
				s.add(value)
			}
		}
	}
	for name, values := range config.Header() {
		if name != "Host" { // which says where the server is, as its URL does
			s.addHeader(name, values)
		}
	}
	if c.outcome.response != nil {
		s.addChain(c.outcome.response.Request)
	}
	if httpClient, ok := c.client.http.(*http.Client); ok && config.Server != nil {
		s.addJar(httpClient.Jar, config.Server)
		s.addProxy(httpClient.Transport, config.Server)
	}
	return s
}

// add adds a secret, and how it reads where a server takes bytes for Latin-1, as uvicorn does, or replaces those that are
// not UTF-8.
func (s secretSet) add(secret string) {
	secret = strings.Trim(secret, " \t") // as net/http does
	if secret == "" {
		return
	}
	s[secret] = true
	if strings.IndexFunc(secret, func(r rune) bool { return r >= utf8.RuneSelf }) < 0 {
		return
	}
	latin1 := make([]rune, len(secret))
	for i := range len(secret) {
		latin1[i] = rune(secret[i])
	}
	s[string(latin1)] = true
	s[string([]rune(secret))] = true
	s[strings.ToValidUTF8(secret, "\uFFFD")] = true
}

// addHeader adds the values of a header, and what stands in them behind a scheme.
func (s secretSet) addHeader(name string, values []string) {
	for _, value := range values {
		s.add(value)
		if name == "Cookie" {
			s.addCookies(value)
			continue
		}
		scheme, credentials, _ := strings.Cut(strings.TrimSpace(value), " ")
		s.add(credentials)
		if strings.EqualFold(scheme, "Basic") {
			s.addBasic(strings.TrimSpace(credentials))
		}
		if name == "Authorization" || name == "Proxy-Authorization" {
			s.addParameters(credentials)
		}
	}
}

// addBasic adds what a user name and password are sent as. The user name is no secret.
func (s secretSet) addBasic(encoded string) {
	pair, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return
	}
	if username, password, ok := strings.Cut(string(pair), ":"); ok {
		s.addPassword(username, password)
	}
}

func (s secretSet) addPassword(username, password string) {
	if password == "" {
		return
	}
	pair := username + ":" + password
	s.add(password)
	s.add(pair)
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		s.add(encoding.EncodeToString([]byte(pair)))
	}
}

// addParameters adds the values of credentials such as `Credential=..., Signature=...`.
func (s secretSet) addParameters(credentials string) {
	for part := range strings.FieldsFuncSeq(credentials, func(r rune) bool { return r == ',' || r == ';' || r == ' ' }) {
		if _, value, ok := strings.Cut(part, "="); ok {
			s.add(strings.Trim(value, `"=`))
		}
	}
}

// addCookies adds the value of each cookie, also as a server reads it that encodes its cookies.
func (s secretSet) addCookies(line string) {
	for part := range strings.SplitSeq(line, ";") {
		if _, value, ok := strings.Cut(part, "="); ok {
			s.addCookie(value)
		}
	}
}

func (s secretSet) addCookie(value string) {
	value = strings.Trim(value, ` "`)
	s.add(value)
	if decoded, err := url.QueryUnescape(value); err == nil {
		s.add(decoded)
	}
}

// addChain adds the credentials and cookies of a request that a redirect led to, or that a transport of the caller's own
// made of ours, and of those before it.
func (s secretSet) addChain(request *http.Request) {
	for request != nil {
		for _, name := range []string{"Authorization", "Proxy-Authorization", "Cookie"} {
			s.addHeader(name, request.Header[name])
		}
		if request.Response == nil {
			return
		}
		request = request.Response.Request
	}
}

// addJar adds the cookies that a jar has for the server: a response may quote those that came with it.
func (s secretSet) addJar(jar http.CookieJar, server *url.URL) {
	if jar == nil {
		return
	}
	calls := *server
	calls.Path += "/api/2.0/mlflow/"
	for _, cookie := range jar.Cookies(&calls) {
		s.addCookie(cookie.Value)
	}
}

// addProxy adds the password for the proxy on the way to the server.
func (s secretSet) addProxy(through http.RoundTripper, server *url.URL) {
	t, ok := cmp.Or(through, http.DefaultTransport).(*http.Transport)
	if !ok {
		return
	}
	for name, values := range t.ProxyConnectHeader {
		s.addHeader(name, values)
	}
	if t.Proxy == nil {
		return
	}
	proxy, err := t.Proxy(&http.Request{Method: http.MethodGet, URL: server, Host: server.Host, Header: make(http.Header)})
	if err != nil || proxy == nil {
		return
	}
	if password, ok := proxy.User.Password(); ok {
		s.addPassword(proxy.User.Username(), password)
	}
}
