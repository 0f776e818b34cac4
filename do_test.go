package mlflow_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
)

// A visit is a request as it arrived.
type visit struct {
	*http.Request

	body string
}

// newDoServer returns a server below a path, which remembers what arrives, and the address with that path.
func newDoServer(t *testing.T, handler http.HandlerFunc) (uri string, visits func() []visit) {
	t.Helper()
	var mu sync.Mutex
	var seen []visit
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		mu.Lock()
		seen = append(seen, visit{r, string(body)})
		mu.Unlock()
		handler(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/behind/proxy", func() []visit {
		mu.Lock()
		defer mu.Unlock()
		return seen
	}
}

// respondInTurn responds with the statuses in turn, the last of them for ever.
func respondInTurn(statuses ...int) http.HandlerFunc {
	var n atomic.Int64
	return func(w http.ResponseWriter, _ *http.Request) {
		status := statuses[min(int(n.Add(1)), len(statuses))-1]
		w.WriteHeader(status)
		fmt.Fprintf(w, "this is %d", status)
	}
}

func newDoClient(t *testing.T, uri string, opts ...mlflow.Option) *mlflow.Client {
	t.Helper()
	client, err := mlflow.NewClient(append([]mlflow.Option{
		mlflow.WithTrackingURI(uri), mlflow.WithRetry(mlflow.RetryPolicy{MaxAttempts: 3, MinBackoff: 1, MaxBackoff: 1}),
	}, opts...)...)
	require.NoError(t, err)
	return client
}

func newRequest(t *testing.T, method, uri, body string) *http.Request {
	t.Helper()
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, uri, content)
	require.NoError(t, err)
	return request
}

// do sends a request, and returns the response and its body.
func do(t *testing.T, client *mlflow.Client, request *http.Request) (*http.Response, string) {
	t.Helper()
	response, err := client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, string(body)
}

func TestDoSendsBelowTheTrackingURI(t *testing.T) {
	t.Parallel()
	uri, visits := newDoServer(t, respondInTurn(200))
	client := newDoClient(t, uri, mlflow.WithToken("t0ken"))
	for _, target := range []string{"/a%2Fb/c?d=%20&e", "a%2Fb/c?d=%20&e", uri + "/a%2Fb/c?d=%20&e"} {
		request := newRequest(t, http.MethodPut, target, "content")
		request.Header.Set("X-Mine", "1")
		before := request.Clone(t.Context())

		response, body := do(t, client, request)
		assert.Equal(t, 200, response.StatusCode)
		assert.Equal(t, "this is 200", body)
		seen := visits()[len(visits())-1]
		assert.Equal(t, "PUT /behind/proxy/a%2Fb/c?d=%20&e", seen.Method+" "+seen.RequestURI)
		assert.Equal(t, "content", seen.body)
		assert.Equal(t, int64(7), seen.ContentLength)
		assert.Equal(t, "Bearer t0ken", seen.Header.Get("Authorization"))
		assert.Equal(t, "1", seen.Header.Get("X-Mine"))
		assert.Contains(t, seen.Header.Get("User-Agent"), "mlflow-go/")

		assert.Equal(t, before.Header, request.Header, "the request is not changed")
		assert.Equal(t, before.URL, request.URL)
		assert.Equal(t, before.Host, request.Host)
		assert.Empty(t, response.Request.Header.Get("Authorization"), "the credentials are the client's")
	}
}

func TestDoRefuses(t *testing.T) {
	t.Parallel()
	uri, visits := newDoServer(t, respondInTurn(200))
	client := newDoClient(t, uri, mlflow.WithWorkspace("vision"))
	host := strings.TrimSuffix(uri, "/behind/proxy")
	for name, change := range map[string]func(*http.Request){
		"another host":               parsed("http://example.com/behind/proxy/a"),
		"a host without a scheme":    parsed("//example.com/behind/proxy/a"),
		"another port":               parsed("http://127.0.0.1:1/behind/proxy/a"),
		"another scheme":             parsed(strings.Replace(uri, "http", "https", 1) + "/a"),
		"no host":                    parsed("http:///a"),
		"user info":                  parsed(strings.Replace(uri, "://", "://ada:s3cret@", 1) + "/a"),
		"a path outside":             parsed(host + "/behind"),
		"a path beside":              parsed(host + "/behind/proxyx/a"),
		"a way out":                  parsed("/a/../../secret"),
		"an escaped way out":         parsed("/a/%2e%2e/secret"),
		"a way out through slashes":  parsed("/..%2f..%2fsecret"),
		"a way out, with a host":     parsed(uri + "/../secret"),
		"no URL":                     func(r *http.Request) { r.URL = nil },
		"an opaque URL":              func(r *http.Request) { r.URL = &url.URL{Opaque: "a"} },
		"another Host":               func(r *http.Request) { r.Host = "example.com" },
		"a body of unknown length":   func(r *http.Request) { r.ContentLength = 0 },
		"a body in chunks":           func(r *http.Request) { r.ContentLength = -1 },
		"a bad method":               func(r *http.Request) { r.Method = "GE T" },
		"a tunnel":                   func(r *http.Request) { r.Method = http.MethodConnect },
		"a bad header":               func(r *http.Request) { r.Header.Set("X-Mine", "a\nb") },
		"a bad name of a header":     func(r *http.Request) { r.Header["X Mine"] = []string{"a"} },
		"another workspace":          func(r *http.Request) { r.Header.Set("X-MLFLOW-WORKSPACE", "speech") },
		"another workspace, spelled": func(r *http.Request) { r.Header["x-mlflow-workspace"] = []string{"speech"} },
	} {
		body := &closing{Reader: strings.NewReader("content")}
		request := newRequest(t, http.MethodPost, "/a", "content")
		request.Body = body
		change(request)
		response, err := client.Do(request)
		if response != nil {
			response.Body.Close()
		}
		assert.Nil(t, response, name)
		require.ErrorIs(t, err, mlflow.ErrInvalidArgument, name)
		var refusal *mlflow.Error
		require.ErrorAs(t, err, &refusal)
		assert.Equal(t, "Do", refusal.Op)
		assert.Zero(t, refusal.Attempts, name)
		assert.NotContains(t, err.Error(), "s3cret")
		assert.True(t, body.closed, "%s: the body is left open", name)
	}
	assert.Empty(t, visits())
}

// parsed changes the URL of a request.
func parsed(uri string) func(*http.Request) {
	return func(r *http.Request) {
		u, err := url.Parse(uri)
		if err != nil {
			panic(err) // the URLs of the tests can be parsed
		}
		r.URL, r.Host = u, u.Host
	}
}

type closing struct {
	io.Reader

	closed bool
}

func (c *closing) Close() error {
	c.closed = true
	return nil
}

func TestDoRetries(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		method   string
		statuses []int
		once     bool // the body cannot be had again
		want     int
		requests int
	}{
		"a GET that may have run":          {http.MethodGet, []int{503, 200}, false, 200, 2},
		"a GET of what is not there":       {http.MethodGet, []int{502, 404}, false, 404, 2},
		"a HEAD that may have run":         {http.MethodHead, []int{504, 200}, false, 200, 2},
		"a POST that may have run":         {http.MethodPost, []int{503, 200}, false, 503, 1},
		"a DELETE that may have run":       {http.MethodDelete, []int{502, 200}, false, 502, 1},
		"a POST that cannot have run":      {http.MethodPost, []int{429, 201}, false, 201, 2},
		"a POST that cannot be sent again": {http.MethodPost, []int{429, 201}, true, 429, 1},
		"a GET that fails for good":        {http.MethodGet, []int{409}, false, 409, 1},
		"a GET that fails each time":       {http.MethodGet, []int{503}, false, 503, 3},
		"a POST that would become a GET":   {http.MethodPost, []int{302}, false, 302, 1},
		"a GET of nothing":                 {http.MethodGet, []int{204}, false, 204, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			uri, visits := newDoServer(t, respondInTurn(tt.statuses...))
			body := ""
			if tt.method == http.MethodPost {
				body = "content"
			}
			request := newRequest(t, tt.method, "/a", body)
			if tt.once {
				request.GetBody = nil
			}
			response, content := do(t, newDoClient(t, uri), request)
			assert.Equal(t, tt.want, response.StatusCode)
			if tt.method != http.MethodHead && tt.want != 204 {
				assert.Equal(t, fmt.Sprint("this is ", tt.want), content)
			}
			assert.Len(t, visits(), tt.requests)
			for _, seen := range visits() {
				assert.Equal(t, body, seen.body)
			}
		})
	}
}

func TestDoKeepsTheHeadersOfTheRequest(t *testing.T) {
	t.Parallel()
	uri, visits := newDoServer(t, respondInTurn(401))
	client := newDoClient(t, uri, mlflow.WithHeaders(map[string]string{"X-Team": "vision", "X-Other": "client's"}),
		mlflow.WithTokenSource(func(context.Context) (string, error) {
			t.Error("a token was asked for")
			return "t0ken", nil
		}))
	request := newRequest(t, http.MethodPost, "/a", "content")
	request.Header = http.Header{
		"Authorization": {"Mine 1"}, "Accept": {"text/csv"}, "User-Agent": {"me"}, "Cache-Control": {"max-age=9"}, "X-Team": {"mine"},
		"content-type": {"text/plain"}, "Content-Encoding": {"br"}, "X-Many": {"1", "2"},
		"Accept-Encoding": {"br"}, "content-length": {"3"}, "Connection": {"close"}, "Idempotency-Key": {"1"}, "X-Idempotency-Key": {"1"},
		"Transfer-Encoding": {"chunked"}, "Host": {"example.com"}, "Trailer": {"X"},
	}
	response, _ := do(t, client, request)
	assert.Equal(t, 401, response.StatusCode)
	require.Len(t, visits(), 1, "other credentials than the program's are no reason to try again")
	seen := visits()[0]
	assert.Equal(t, http.Header{
		"Authorization": {"Mine 1"}, "Accept": {"text/csv"}, "User-Agent": {"me"}, "Cache-Control": {"max-age=9"}, "X-Team": {"mine"},
		"Content-Type": {"text/plain"}, "Content-Encoding": {"br"}, "X-Many": {"1", "2"},
		"X-Other": {"client's"}, "Accept-Encoding": {"gzip"}, "Content-Length": {"7"},
	}, seen.Header)
	assert.Equal(t, "content", seen.body)
	assert.NotEqual(t, "example.com", seen.Host)
}

// A success may hold anything: what is not MLflow's is neither cut nor taken for an error.
func TestDoReturnsAllOfASuccess(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("0123456789", 30_000)
	for name, tt := range map[string]struct {
		content string
		zipped  bool
		status  int
		want    string
	}{
		"text":                   {text, false, 200, text},
		"compressed":             {text, true, 206, text},
		"nothing":                {"", false, 200, ""},
		"what looks like a no":   {`{"error_code": "TEMPORARILY_UNAVAILABLE"}`, false, 200, `{"error_code": "TEMPORARILY_UNAVAILABLE"}`},
		"a login page":           {"<html>", false, 200, "<html>"},
		"an error, which is cut": {text, false, 404, text[:64<<10]},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			uri, visits := newDoServer(t, func(w http.ResponseWriter, r *http.Request) {
				content := []byte(tt.content)
				if tt.zipped {
					var zipped bytes.Buffer
					z := gzip.NewWriter(&zipped)
					_, _ = z.Write(content)
					_ = z.Close()
					content = zipped.Bytes()
					w.Header().Set("Content-Encoding", "gzip")
				}
				w.Header().Set("X-Theirs", "1")
				w.WriteHeader(tt.status)
				_, _ = w.Write(content)
			})
			response, body := do(t, newDoClient(t, uri), newRequest(t, http.MethodGet, "/a", ""))
			assert.Equal(t, tt.status, response.StatusCode)
			assert.Equal(t, tt.want, body)
			assert.Equal(t, int64(len(tt.want)), response.ContentLength)
			assert.Empty(t, response.Header.Get("Content-Encoding"))
			assert.Equal(t, tt.zipped, response.Uncompressed)
			assert.Equal(t, "1", response.Header.Get("X-Theirs"))
			assert.Equal(t, "/behind/proxy/a", response.Request.URL.Path)
			assert.Len(t, visits(), 1)
		})
	}
}

func TestDoReturnsABodyThatIsCutOff(t *testing.T) {
	t.Parallel()
	uri, _ := newDoServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		io.WriteString(w, "half")
	})
	response, err := newDoClient(t, uri).Do(newRequest(t, http.MethodPost, "/a", "content"))
	require.NoError(t, err)
	defer response.Body.Close()
	assert.Equal(t, int64(-1), response.ContentLength)
	body, err := io.ReadAll(response.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.Equal(t, "half", string(body))
}

func TestDoWithoutAResponseIsAnError(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	response, err := newDoClient(t, gone.URL).Do(newRequest(t, http.MethodGet, "/a?token=s3cret", ""))
	if response != nil {
		response.Body.Close()
	}
	assert.Nil(t, response)
	require.ErrorIs(t, err, mlflow.ErrUnavailable)
	var failure *mlflow.Error
	require.ErrorAs(t, err, &failure)
	assert.Equal(t, "Do", failure.Op)
	assert.Equal(t, 3, failure.Attempts)
	assert.NotContains(t, err.Error(), "s3cret")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	response, err = newDoClient(t, gone.URL).Do(newRequest(t, http.MethodGet, "/a", "").WithContext(ctx))
	if response != nil {
		response.Body.Close()
	}
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorAs(t, err, &failure)
}

func TestDoGoesToTheWorkspace(t *testing.T) {
	t.Parallel()
	const serverInfo = "/behind/proxy/api/3.0/mlflow/server-info"
	for name, tt := range map[string]struct {
		info string
		err  error
	}{
		"a server with workspaces":    {`{"workspaces_enabled": true}`, nil},
		"a server without workspaces": {`{"workspaces_enabled": false}`, mlflow.ErrUnsupported},
		"a login page":                {`<html>`, mlflow.ErrUnexpectedResponse},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			uri, visits := newDoServer(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == serverInfo {
					io.WriteString(w, tt.info)
					return
				}
				assert.Equal(t, "vision", r.Header.Get("X-MLFLOW-WORKSPACE"))
				io.WriteString(w, "done")
			})
			response, err := newDoClient(t, uri, mlflow.WithWorkspace("vision")).Do(newRequest(t, http.MethodPost, "/a", "content"))
			if tt.err != nil {
				require.ErrorIs(t, err, tt.err)
				assert.Nil(t, response)
				assert.Len(t, visits(), 1, "nothing but the question is sent")
				return
			}
			require.NoError(t, err)
			response.Body.Close()
			assert.Len(t, visits(), 2)
		})
	}
}

// A redirect to another host carries nothing of the program's.
func TestDoTellsNoOtherHost(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.NotContains(t, r.Header, "Authorization")
		assert.NotContains(t, r.Header, "X-Mine")
		assert.Equal(t, "content", bodyOf(t, r))
		io.WriteString(w, "elsewhere")
	}))
	t.Cleanup(other.Close)
	uri, _ := newDoServer(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+"/there", http.StatusTemporaryRedirect)
	})
	request := newRequest(t, http.MethodPost, "/a", "content")
	request.Header.Set("X-Mine", "1")
	request.Header.Set("Authorization", "Mine 1")
	response, body := do(t, newDoClient(t, uri), request)
	assert.Equal(t, "elsewhere", body)
	assert.Equal(t, other.URL+"/there", response.Request.URL.String())
}

func bodyOf(t *testing.T, r *http.Request) string {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	assert.NoError(t, err)
	return string(body)
}
