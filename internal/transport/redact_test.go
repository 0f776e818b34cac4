package transport_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

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

func TestEachPartOfACredentialIsASecret(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		config transport.Config
		quoted string
	}{
		"a token":                              {withAuthorization("Bearer s3cret"), "s3cret"},
		"a password":                           {withAuthorization(basic("ada", "s3cret")), "s3cret"},
		"a user name and password":             {withAuthorization(basic("ada", "s3cret")), "ada:s3cret"},
		"base64":                               {withAuthorization(basic("ada", "s3cret")), base64.StdEncoding.EncodeToString([]byte("ada:s3cret"))},
		"base64 without padding":               {withAuthorization(basic("ada", "s3cret")), base64.RawStdEncoding.EncodeToString([]byte("ada:s3cret"))},
		"base64 for URLs":                      {withAuthorization(basic("ada", "s3cret??>>")), base64.URLEncoding.EncodeToString([]byte("ada:s3cret??>>"))},
		"behind a scheme":                      {withHeaders("Authorization", "Key s3cret"), "s3cret"},
		"behind a scheme in any header":        {withHeaders("X-Api-Key", "Key s3cret"), "s3cret"},
		"a password in any header":             {withHeaders("X-Auth", basic("ada", "s3cret")), "s3cret"},
		"a parameter":                          {withHeaders("Authorization", `Token realm="x", token="s3cret"`), "s3cret"},
		"a signature":                          {withHeaders("Authorization", "AWS4-HMAC-SHA256 Credential=a/b, Signature=s3cret"), "s3cret"},
		"for a proxy":                          {withHeaders("Proxy-Authorization", "Bearer s3cret"), "s3cret"},
		"a password for a proxy":               {withHeaders("Proxy-Authorization", basic("ada", "s3cret")), "s3cret"},
		"a cookie":                             {withHeaders("Cookie", "theme=dark; session=s3cret; x=y"), "s3cret"},
		"a quoted cookie":                      {withHeaders("Cookie", `session="s3cret"`), "s3cret"},
		"an encoded cookie":                    {withHeaders("Cookie", "session=s%3As3cret+x"), "s:s3cret x"},
		"a header":                             {withHeaders("X-Planted", "s3cret"), "s3cret"},
		"a header with spaces around":          {withHeaders("X-Planted", " s3cret "), "s3cret"},
		"a header of a name that we use":       {withHeaders("User-Agent", "s3cret", "Accept", "other"), "s3cret"},
		"a header of a name that net/http has": {withHeaders("Cache-Control", "s3cret"), "s3cret"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := quoting(t, tt.config, "<html>denied: "+tt.quoted+"!")
			assert.Equal(t, "<html>denied: [redacted]!", o.Message)
		})
	}
}

// spellings are ways to write a text inside of another.
var spellings = map[string]func(string) string{
	"verbatim": func(s string) string { return s },
	"JSON": func(s string) string {
		text, _ := json.Marshal(s)
		return string(text)
	},
	"JSON in ASCII": func(s string) string { return strings.Trim(strconv.QuoteToASCII(s), `"`) },
	"JSON of PHP":   func(s string) string { return strings.ReplaceAll(strconv.Quote(s), "/", `\/`) },
	"JSON, each character": func(s string) string {
		var text strings.Builder
		for _, r := range s {
			fmt.Fprintf(&text, `\u%04X`, r)
		}
		return text.String()
	},
	"quoted by Go":   strconv.Quote,
	"a form":         url.QueryEscape,
	"a path":         url.PathEscape,
	"lower-case hex": func(s string) string { return strings.ToLower(url.QueryEscape(s)) },
	"percent, each":  func(s string) string { return fmt.Sprintf(strings.Repeat("%%%02x", len(s)), bytesOf(s)...) },
	"HTML":           html.EscapeString,
	"HTML, named": func(s string) string {
		return strings.NewReplacer("<", "&lt;", "&", "&amp;", "é", "&eacute;", `"`, "&quot;").Replace(s)
	},
	"HTML, decimal":    func(s string) string { return entities("&#%d;", s) },
	"HTML, hex":        func(s string) string { return entities("&#x%x;", s) },
	"HTML, upper-case": func(s string) string { return entities("&#X%04X;", s) },
	"HTML in JSON":     func(s string) string { return strconv.Quote(html.EscapeString(s)) },
	"a URL in HTML":    func(s string) string { return html.EscapeString(url.QueryEscape(s)) },
	"Latin-1 in JSON": func(s string) string {
		var text strings.Builder
		for i := range len(s) {
			fmt.Fprintf(&text, `\u%04x`, s[i])
		}
		return text.String()
	},
}

func bytesOf(s string) []any {
	all := make([]any, 0, len(s))
	for i := range len(s) {
		all = append(all, s[i])
	}
	return all
}

func entities(format, s string) string {
	var text strings.Builder
	for _, r := range s {
		fmt.Fprintf(&text, format, r)
	}
	return text.String()
}

func TestASecretIsFoundInEverySpelling(t *testing.T) {
	t.Parallel()
	for name, spell := range spellings {
		for _, secret := range []string{"s3cret", "é<w/o>&+ %41\"'\\n=", "p&amp;q%20r", "a+b", "x y", "pé"} {
			t.Run(name+" "+secret, func(t *testing.T) {
				t.Parallel()
				if name == "lower-case hex" {
					secret = strings.ToLower(secret)
				}
				for _, config := range []transport.Config{withAuthorization(basic("ada", secret)), withHeaders("X-Planted", secret)} {
					o := quoting(t, config, "<p>("+spell(secret)+")</p>")
					assert.Equal(t, "<p>([redacted])</p>", strings.ReplaceAll(o.Message, `"`, ""))
				}
			})
		}
	}
}

func TestAShortSecretIsFoundAsAWord(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ secret, page, want string }{
		{"abc", "wrong password abc", "wrong password [redacted]"},
		{"abc", "abc, or 'abc' or bob:abc.", "[redacted], or '[redacted]' or bob:[redacted]."},
		{"abc", "abcd, xabc, abc_d, abcé, 1abc", "abcd, xabc, abc_d, abcé, 1abc"},
		{"abc", "?password=%61bc&x=1", "?password=[redacted]&x=1"},
		{"x", "x is not y, nor xx", "[redacted] is not y, nor xx"},
		{"é", "é is not e, nor éé", "[redacted] is not e, nor éé"},
		{"<>", "tag <> and &lt;&gt;", "tag [redacted] and [redacted]"},
		{"2", "api/2.0 says 2, not 2.5. It is 2.", "api/2.0 says [redacted], not 2.5. It is [redacted]."},
		{"12345", "1123456", "1[redacted]6"},
	} {
		for _, config := range []transport.Config{
			withAuthorization(basic("ada", tt.secret)), withAuthorization("Bearer " + tt.secret),
			withHeaders("X-Planted", tt.secret), withHeaders("Cookie", "a="+tt.secret),
		} {
			assert.Equal(t, tt.want, quoting(t, config, tt.page).Message, "secret %q", tt.secret)
		}
	}
}

func TestWhatEveryRequestSaysIsNoSecret(t *testing.T) {
	t.Parallel()
	outcome := quoting(t, transport.Config{}, "cannot read gzip from the disk")
	assert.Equal(t, "cannot read gzip from the disk", outcome.Message)
}

func TestTheCookiesOfAJarAreSecrets(t *testing.T) {
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
func TestTheCookiesForAnotherHostAreSecrets(t *testing.T) {
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

func TestThePasswordForAProxyIsASecret(t *testing.T) {
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

func TestTheAddressOfAProxyIsNotQuoted(t *testing.T) {
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

func TestARedactedErrorShowsNoSecretHoweverItIsPrinted(t *testing.T) {
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

// A response that is cut off, by a server or by us, may end within a secret.
func TestNoPartOfASecretIsLeftWhereAPageIsCut(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("s3cret!", 2000)
	o := quoting(t, withHeaders("X-Planted", secret), strings.Repeat(secret+" ", 100))
	assert.NotContains(t, o.Message, "s3cret")
	assert.Less(t, len(o.Message), 300)

	o = quoting(t, withHeaders("X-Planted", "s3cret"), strings.Repeat("é", 125)+"s3cret"+strings.Repeat("é", 500))
	assert.Equal(t, strings.Repeat("é", 125)+"[redac…", o.Message)
}

// What takes a time that grows faster than the page is a way to stop a client.
func TestRedactionIsQuickOnHostilePages(t *testing.T) {
	t.Parallel()
	headers := []string{"Cookie", "a=" + strings.Repeat("a", 4000) + "b"}
	for i := range 20 {
		headers = append(headers, fmt.Sprint("X-", i), strings.Repeat("a", 1000+i))
	}
	for _, piece := range []string{"a", "a ", `\`, "%", "&", "+", `\u0061`, "%61", "&#x61;", `\\u0061%2561&amp;#x61;+`, "%25%35%63u0061", "\xff"} {
		start := time.Now()
		o := quoting(t, withHeaders(headers...), strings.Repeat(piece, 64<<10/len(piece)))
		assert.Equal(t, 400, o.Status)
		assert.Less(t, time.Since(start), 10*time.Second, "%q", piece)
	}
}

func FuzzRedaction(f *testing.F) {
	for _, spell := range spellings {
		f.Add("<p>"+spell("s3cret é")+"</p>", "s3cret é")
	}
	f.Add(`\u\ud83d\u&#;&x%%2+`, "+%25")
	placeholder := "[redacted]"
	f.Fuzz(func(t *testing.T, page, secret string) {
		secret = strings.Trim(secret, " \t")
		if len(secret) < 5 || strings.ContainsFunc(secret, unicode.IsControl) {
			t.Skip("a short secret, or none that can be sent")
		}
		if strings.ContainsAny(secret, "[]…") || strings.Contains(placeholder, secret) {
			t.Skip("it may be seen in what stands in its place")
		}
		o := quoting(t, withHeaders("X-Planted", secret), page)
		assert.NotContains(t, o.Message, secret)
	})
}
