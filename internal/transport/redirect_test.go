package transport_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/transport"
)

func TestRedirectIsFollowedIfMethodStays(t *testing.T) {
	t.Parallel()
	const body = "{\"name\": \"caf\xc3\xa9\"}\n"
	for _, tt := range []struct {
		method   string
		status   int
		followed bool
	}{
		{http.MethodGet, 301, true},
		{http.MethodGet, 302, true},
		{http.MethodGet, 303, true},
		{http.MethodGet, 307, true},
		{http.MethodGet, 308, true},
		{http.MethodPost, 307, true},
		{http.MethodPost, 308, true},
		{http.MethodPost, 301, false},
		{http.MethodPost, 302, false},
		{http.MethodPost, 303, false},
		{http.MethodGet, 300, false},
		{http.MethodGet, 304, false},
	} {
		t.Run(fmt.Sprint(tt.method, " ", tt.status), func(t *testing.T) {
			t.Parallel()
			w := &fake{respond: leading(map[string]redirect{"http://mlflow.test/a": {tt.status, "/b"}})}
			sent := ""
			if tt.method == http.MethodPost {
				sent = body
			}
			response, err := transport.New(transport.Config{HTTPClient: client(w)}).
				Do(newRequest(t, tt.method, "http://mlflow.test/a", sent))
			require.NoError(t, err)
			read, err := io.ReadAll(response.Body)
			require.NoError(t, err)

			if !tt.followed {
				assert.Equal(t, []string{"http://mlflow.test/a"}, w.uris())
				assert.Equal(t, tt.status, response.StatusCode)
				assert.Equal(t, "/b", response.Header.Get("Location"))
				assert.Equal(t, "moved", string(read))
				return
			}
			assert.Equal(t, 200, response.StatusCode)
			assert.Equal(t, "the end", string(read))
			require.Equal(t, []string{"http://mlflow.test/a", "http://mlflow.test/b"}, w.uris())
			for _, v := range w.visits {
				assert.Equal(t, tt.method, v.method)
				assert.Equal(t, sent, v.body)
				assert.EqualValues(t, len(sent), v.length)
			}
		})
	}
}

func TestRedirectKeepsCredentialsFromOtherHosts(t *testing.T) {
	t.Parallel()
	const first = "https://mlflow.test/a"
	type chain map[string]redirect
	for _, tt := range []struct {
		name  string
		first string
		chain chain
		// with tells of each request after the first whether it is to carry them.
		with []bool
	}{
		{"another path", first, chain{first: {307, "/b"}}, []bool{true}},
		{"the same host by name", first, chain{first: {307, "https://mlflow.test/b"}}, []bool{true}},
		{"another host", first, chain{first: {307, "https://evil.test/b"}}, []bool{false}},
		{"another host, the same scheme", first, chain{first: {307, "//evil.test/b"}}, []bool{false}},
		{"a host below", first, chain{first: {307, "https://sub.mlflow.test/b"}}, []bool{false}},
		{"another port", first, chain{first: {307, "https://mlflow.test:8443/b"}}, []bool{false}},
		{"https to http", first, chain{first: {307, "http://mlflow.test/b"}}, []bool{false}},
		{"http to https", "http://mlflow.test/a", chain{"http://mlflow.test/a": {307, first}}, []bool{true}},
		{
			"there and back", first,
			chain{first: {307, "https://evil.test/b"}, "https://evil.test/b": {308, "https://mlflow.test/c"}},
			[]bool{false, false},
		},
		{
			"there and on", first,
			chain{first: {307, "https://evil.test/b"}, "https://evil.test/b": {308, "/c"}},
			[]bool{false, false},
		},
		{
			"later on", first,
			chain{first: {307, "/b"}, "https://mlflow.test/b": {307, "https://evil.test/c"}},
			[]bool{true, false},
		},
		{
			"https to http to https", first,
			chain{first: {307, "http://mlflow.test/b"}, "http://mlflow.test/b": {307, "https://mlflow.test/c"}},
			[]bool{false, false},
		},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			t.Run(tt.name+" "+method, func(t *testing.T) {
				t.Parallel()
				w := &fake{respond: leading(tt.chain)}
				_, err := transport.New(transport.Config{
					HTTPClient:    client(w),
					Authorization: func(context.Context) (string, error) { return "Bearer t0ken", nil },
					Header: func() http.Header {
						return http.Header{
							"Host": {"internal.test"}, "X-Api-Key": {"k3y"}, "Cookie": {"session=c00kie"}, "User-Agent": {"4gent"},
						}
					},
					Edit: func(_ context.Context, request *http.Request) error {
						request.Header.Set("X-Signature", "s1gned")
						return nil
					},
				}).Do(newRequest(t, method, tt.first, "{}"))
				require.NoError(t, err)

				require.Len(t, w.visits, 1+len(tt.with))
				for i, v := range w.visits {
					with := i == 0 || tt.with[i-1]
					for name, value := range map[string]string{
						"Authorization": "Bearer t0ken", "X-Api-Key": "k3y", "Cookie": "session=c00kie", "User-Agent": "4gent",
						"X-Signature": "s1gned",
					} {
						assert.Equal(t, with, v.header.Get(name) == value, "%s at %s", name, v.uri)
						assert.Equal(t, with, v.header.Get(name) != "", "%s at %s", name, v.uri)
					}
					if !with {
						assert.NotEqual(t, "internal.test", v.host, "Host at %s", v.uri)
						assert.Empty(t, v.header.Get("Referer"), "Referer at %s: it has the path of the tracking URI", v.uri)
					}
				}
			})
		}
	}
}

// The same once more with sockets, for the bytes.
func TestRedirectsBetweenServers(t *testing.T) {
	t.Parallel()
	type arrival struct {
		uri, authorization, body string
		length                   int64
		chunked                  bool
	}
	arrivals := make(chan arrival, 10)
	arrive := func(r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		arrivals <- arrival{r.Host + r.URL.Path, r.Header.Get("Authorization"), string(body), r.ContentLength, len(r.TransferEncoding) > 0}
	}
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { arrive(r) }))
	t.Cleanup(other.Close)
	server := httptest.NewServer(nil)
	t.Cleanup(server.Close)
	address := server.Listener.Addr().String()
	localhost := strings.Replace(address, "127.0.0.1", "localhost", 1)
	to := map[string]string{
		"/slash": "/slash/",
		"/name":  "http://" + localhost + "/there",
		"/port":  other.URL + "/there",
	}
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrive(r)
		if location, ok := to[r.URL.Path]; ok {
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusPermanentRedirect)
		}
	})
	client := transport.New(transport.Config{
		Authorization: func(context.Context) (string, error) { return "Bearer t0ken", nil },
	})

	body := `{"key": "` + strings.Repeat("long", 100_000) + `"}`
	for path, want := range map[string]arrival{
		"/slash": {uri: address + "/slash/", authorization: "Bearer t0ken"},
		"/name":  {uri: localhost + "/there"},
		"/port":  {uri: other.Listener.Addr().String() + "/there"},
	} {
		response, err := client.Do(newRequest(t, http.MethodPost, server.URL+path, body))
		require.NoError(t, err)
		assert.Equal(t, 200, response.StatusCode)
		want.body, want.length = body, int64(len(body))
		first, last := <-arrivals, <-arrivals
		assert.Equal(t, arrival{address + path, "Bearer t0ken", body, int64(len(body)), false}, first)
		assert.Equal(t, want, last)
	}
}

func TestRedirectsEnd(t *testing.T) {
	t.Parallel()
	for name, redirects := range map[string]map[string]redirect{
		"one page":  {"http://mlflow.test/a": {302, "/a"}},
		"two pages": {"http://mlflow.test/a": {307, "/b"}, "http://mlflow.test/b": {307, "/a"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &fake{respond: leading(redirects)}
			response, err := transport.New(transport.Config{HTTPClient: client(w)}).
				Do(newRequest(t, http.MethodGet, "http://mlflow.test/a", ""))
			require.NoError(t, err, "the last redirect is the response")
			assert.Equal(t, redirects["http://mlflow.test/a"].status, response.StatusCode)
			assert.Len(t, w.visits, 11, "the request and ten redirects")
		})
	}
}

func TestRedirectWithoutLocationIsTheResponse(t *testing.T) {
	t.Parallel()
	w := &fake{respond: leading(map[string]redirect{"http://mlflow.test/a": {307, ""}})}
	response, err := transport.New(transport.Config{HTTPClient: client(w)}).
		Do(newRequest(t, http.MethodPost, "http://mlflow.test/a", "{}"))
	require.NoError(t, err)
	assert.Equal(t, 307, response.StatusCode)
}

func TestRedirectAsksTheCallersPolicy(t *testing.T) {
	t.Parallel()
	errNo := errors.New("no")
	for _, tt := range []struct {
		name     string
		status   int
		response error
		asked    int
		want     int
		fails    error
	}{
		{name: "it agrees", status: 307, asked: 1, want: 200},
		{name: "it takes the redirect for the response", status: 307, response: http.ErrUseLastResponse, asked: 1, want: 307},
		{name: "it refuses", status: 307, response: errNo, asked: 1, fails: errNo},
		{name: "the method would change", status: 302, response: errNo, asked: 0, want: 302},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			theirs := client(&fake{respond: leading(map[string]redirect{"http://mlflow.test/a": {tt.status, "http://evil.test/b?token=s3cret"}})})
			theirs.CheckRedirect = func(request *http.Request, via []*http.Request) error {
				asked++
				assert.Equal(t, "http://evil.test/b?token=s3cret", request.URL.String())
				assert.Len(t, via, 1)
				assert.Empty(t, request.Header.Get("Authorization"), "the policy sees what would be sent")
				return tt.response
			}
			response, err := transport.New(transport.Config{
				HTTPClient:    theirs,
				Authorization: func(context.Context) (string, error) { return "Bearer t0ken", nil },
			}).Do(newRequest(t, http.MethodPost, "http://mlflow.test/a", "{}"))
			assert.Equal(t, tt.asked, asked)
			if tt.fails != nil {
				require.ErrorIs(t, err, tt.fails)
				assert.NotContains(t, err.Error(), "s3cret")
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.want, response.StatusCode)
		})
	}
}

func TestRedirectErrorHidesSecretsOfLocation(t *testing.T) {
	t.Parallel()
	for _, location := range []string{
		"http://me:s3cret@evil.test:port/?token=s3cret",
		"http://evil.test/%zz?token=s3cret",
		"ftp://me:s3cret@evil.test/?token=s3cret#s3cret",
		"http:///?token=s3cret",
	} {
		t.Run(location, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", location)
				w.WriteHeader(http.StatusTemporaryRedirect)
			}))
			t.Cleanup(server.Close)
			_, err := transport.New(transport.Config{}).Do(newRequest(t, http.MethodPost, server.URL, "{}"))
			var failed *url.Error
			require.ErrorAs(t, err, &failed)
			assert.NotContains(t, err.Error(), "s3cret")
		})
	}
}
