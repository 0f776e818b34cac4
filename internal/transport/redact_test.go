package transport_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/transport"
)

// quoting returns the outcome of a call to a server that responds with an error page.
func quoting(t *testing.T, config transport.Config, page string) transport.Outcome {
	t.Helper()
	if config.HTTPClient == nil {
		config.HTTPClient = client(&fake{respond: inTurn(response{status: 400, body: page})})
	}
	config.Server = &url.URL{Scheme: "http", Host: "mlflow.test"}
	call := transport.New(config).NewCall(transport.Operation{})
	_, _ = call.Do(newRequest(t, http.MethodPost, "http://mlflow.test/api/2.0/x", `{}`))
	return call.Outcome()
}

func withHeaders(namesAndValues ...string) transport.Config {
	header := make(http.Header)
	for i := 0; i < len(namesAndValues); i += 2 {
		header.Set(namesAndValues[i], namesAndValues[i+1])
	}
	return transport.Config{Header: func() http.Header { return header }}
}

func withAuthorization(value string) transport.Config {
	return transport.Config{Authorization: func(context.Context) (string, error) { return value, nil }}
}

func basic(username, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(username+":"+password))
}

// TestOutcomeHidesSecrets goes through all that a configuration can send; package redact tests the spellings.
func TestOutcomeHidesSecrets(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]transport.Config{
		"a token":                 withAuthorization("Bearer s3cret"),
		"a password":              withAuthorization(basic("ada", "s3cret")),
		"a cookie":                withHeaders("Cookie", "theme=dark; session=s3cret; x=y"),
		"a header":                withHeaders("X-Planted", "s3cret"),
		"a header with a scheme":  withHeaders("X-Api-Key", "Key s3cret"),
		"a header of ours":        withHeaders("User-Agent", "s3cret", "Accept", "other"),
		"a header of net/http's":  withHeaders("Cache-Control", "s3cret"),
		"a header for a proxy":    withHeaders("Proxy-Authorization", basic("ada", "s3cret")),
		"a header with signature": withHeaders("Authorization", "AWS4-HMAC-SHA256 Credential=a/b, Signature=s3cret"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := quoting(t, config, "<html>denied: s3cret! "+strings.Repeat("é", 500))
			assert.True(t, strings.HasPrefix(o.Message, "<html>denied: [redacted]! é"), o.Message)
			assert.Less(t, len(o.Message), 300)
			o = quoting(t, config, `{"error_code": "s3cret", "message": "denied: \u00733cret"}`)
			assert.Equal(t, "[redacted]", o.Code)
			assert.Equal(t, "denied: [redacted]", o.Message)
		})
	}
}

func TestOutcomeKeepsPublicHeaders(t *testing.T) {
	t.Parallel()
	outcome := quoting(t, transport.Config{}, "cannot read gzip from the disk")
	assert.Equal(t, "cannot read gzip from the disk", outcome.Message)
}

func TestOutcomeHidesCookiesOfJar(t *testing.T) {
	t.Parallel()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	at := &url.URL{Scheme: "http", Host: "mlflow.test", Path: "/api/2.0/x"}
	jar.SetCookies(at, []*http.Cookie{{Name: "a", Value: "0ldSecret", Path: "/api/2.0/x"}})
	f := &fake{respond: inTurn(response{
		status: 401, body: "bad cookie 0ldSecret, have n3wSecret", header: map[string]string{"Set-Cookie": "b=n3wSecret; Path=/"},
	})}
	httpClient := client(f)
	httpClient.Jar = jar
	o := quoting(t, transport.Config{HTTPClient: httpClient}, "")
	assert.Equal(t, "a=0ldSecret", f.visits[0].header.Get("Cookie"))
	assert.Equal(t, "bad cookie [redacted], have [redacted]", o.Message)
}

// A redirect's own cookies are secrets too, on an error page as on a login page, which somebody else must recognize.
func TestOutcomeHidesCookiesForOtherHosts(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 400} {
		jar, err := cookiejar.New(nil)
		require.NoError(t, err)
		jar.SetCookies(&url.URL{Scheme: "http", Host: "sso.test", Path: "/"}, []*http.Cookie{{Name: "a", Value: "s3cret"}})
		f := &fake{respond: inTurn(
			response{status: 307, header: map[string]string{"Location": "http://sso.test/login"}},
			response{status: status, body: "<html>s3cret"},
		)}
		httpClient := client(f)
		httpClient.Jar = jar
		call := transport.New(transport.Config{HTTPClient: httpClient}).NewCall(transport.Operation{})
		_, err = call.Do(newRequest(t, http.MethodPost, "http://mlflow.test/api/2.0/x", `{}`))
		require.NoError(t, err)
		require.Equal(t, "a=s3cret", f.visits[1].header.Get("Cookie"))
		o := call.Outcome()
		if o.Kind == transport.Success {
			o = call.Unexpected(errors.New("no JSON"))
		}
		assert.Equal(t, "<html>[redacted]", o.Message)
	}
}

func TestOutcomeHidesPasswordForProxy(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusProxyAuthRequired)
		fmt.Fprintf(w, "(%s) (s3cret/) (s3cret%%2f) (ada:s3cret/)", strings.TrimPrefix(r.Header.Get("Proxy-Authorization"), "Basic "))
	}))
	t.Cleanup(server.Close)
	proxy, err := url.Parse(server.URL)
	require.NoError(t, err)
	proxy.User = url.UserPassword("ada", "s3cret/")
	httpClient := &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxy), DisableKeepAlives: true}}
	o := quoting(t, transport.Config{HTTPClient: httpClient}, "")
	assert.Equal(t, "([redacted]) ([redacted]) ([redacted]) ([redacted])", o.Message)
}

func TestOutcomeHidesAddressOfProxy(t *testing.T) {
	t.Parallel()
	httpClient := &http.Client{Transport: &http.Transport{Proxy: func(*http.Request) (*url.URL, error) {
		return nil, fmt.Errorf("invalid proxy address %q: %w", "http://ada:s3cret%zz@proxy.test", errors.New("parse")) // as net/http has it
	}}}
	o := quoting(t, transport.Config{HTTPClient: httpClient}, "")
	require.Error(t, o.Err)
	assert.NotContains(t, o.Err.Error(), "s3cret")
	assert.ErrorContains(t, o.Err, "HTTPS_PROXY")
}

// A signingError is shown whole by %#v, as it is no pointer.
type signingError struct{ key string }

func (e signingError) Error() string { return "cannot sign: unexpected EOF (" + e.key + ")" }
func (e signingError) Unwrap() error { return io.ErrUnexpectedEOF }

func TestRedactedErrorPrintsNoSecret(t *testing.T) {
	t.Parallel()
	config := withHeaders("X-Planted", "s3cret")
	config.Edit = func(context.Context, *http.Request) error {
		return signingError{"s3cret"}
	}
	o := quoting(t, config, "")
	require.EqualError(t, o.Err, "cannot sign: unexpected EOF ([redacted])")
	require.ErrorIs(t, o.Err, io.ErrUnexpectedEOF)
	for _, format := range []string{"%v", "%+v", "%#v", "%q", "%s"} {
		assert.NotContains(t, fmt.Sprintf(format, o.Err), "s3cret", format)
	}
}
