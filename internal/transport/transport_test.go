package transport_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/transport"
)

func TestRequestFollowsTheConfiguration(t *testing.T) {
	t.Parallel()
	w := &fake{}
	c := transport.New(transport.Config{
		HTTPClient:    client(w),
		Authorization: func(context.Context) (string, error) { return "Bearer t0ken", nil },
		Header:        func() http.Header { return http.Header{"X-Team": {"vision"}} },
		UserAgent:     "trainer/1",
	})
	request := newRequest(t, http.MethodPost, "http://mlflow.test/a", "{}")
	request.Header.Set("Content-Type", "application/json")
	before := request.Header.Clone()
	for range 2 {
		_, err := c.Do(request)
		require.NoError(t, err)
		request.Body, err = request.GetBody()
		require.NoError(t, err)
	}
	for _, v := range w.visits {
		assert.Equal(t, http.Header{
			"Accept":          {"application/json"},
			"Accept-Encoding": {"gzip"},
			"Authorization":   {"Bearer t0ken"},
			"Content-Type":    {"application/json"},
			"User-Agent":      {"trainer/1"},
			"X-Team":          {"vision"},
		}, v.header)
		assert.Equal(t, "mlflow.test", v.host)
	}
	assert.Equal(t, before, request.Header, "the caller's request stays as it was")
}

func TestRequestHeadersAreTheConfiguredOnes(t *testing.T) {
	t.Parallel()
	w := &fake{}
	_, err := transport.New(transport.Config{
		HTTPClient:    client(w),
		Authorization: func(context.Context) (string, error) { return "Bearer t0ken", nil },
		Header: func() http.Header {
			return http.Header{
				"Accept": {"text/plain"}, "Authorization": {"Custom c"}, "User-Agent": {"theirs"}, "Host": {"internal.test"},
				"Cache-Control": {"max-age=60"},
			}
		},
		UserAgent: "ours",
	}).Do(newRequest(t, http.MethodGet, "http://mlflow.test/a", ""))
	require.NoError(t, err)
	require.Len(t, w.visits, 1)
	assert.Equal(t, http.Header{
		"Accept": {"text/plain"}, "Authorization": {"Custom c"}, "User-Agent": {"theirs"}, "Cache-Control": {"max-age=60"},
		"Accept-Encoding": {"gzip"},
	}, w.visits[0].header)
	assert.Equal(t, "internal.test", w.visits[0].host)
	assert.Equal(t, "http://mlflow.test/a", w.visits[0].uri, "the server is another question")
}

func TestRequestWithoutCredentials(t *testing.T) {
	t.Parallel()
	for name, source := range map[string]func(context.Context) (string, error){
		"no source":     nil,
		"an empty text": func(context.Context) (string, error) { return "", nil },
	} {
		w := &fake{}
		_, err := transport.New(transport.Config{HTTPClient: client(w), Authorization: source}).
			Do(newRequest(t, http.MethodGet, "http://mlflow.test/a", ""))
		require.NoError(t, err)
		assert.NotContains(t, w.visits[0].header, "Authorization", name)
	}
}

func TestRequestIsNotSentWithoutCredentials(t *testing.T) {
	t.Parallel()
	errVault := errors.New("the vault is sealed")
	w := &fake{}
	call := transport.New(transport.Config{
		HTTPClient:    client(w),
		Authorization: func(context.Context) (string, error) { return "", errVault },
	}).NewCall(transport.Operation{})
	_, err := call.Do(newRequest(t, http.MethodGet, "http://mlflow.test/a", ""))
	require.ErrorIs(t, err, errVault)
	assert.Empty(t, w.visits)
	assert.Equal(t, 1, call.Outcome().Attempts)
	assert.Equal(t, transport.NotSent, call.Outcome().Kind)
}

func TestRequestBodyHasItsLength(t *testing.T) {
	t.Parallel()
	for _, length := range []int{2, 5000, 3_000_000} {
		body := strings.Repeat("x", length)
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			assert.EqualValues(t, length, r.ContentLength)
			assert.Empty(t, r.TransferEncoding)
			received, err := io.ReadAll(r.Body)
			assert.NoError(t, err)
			assert.Equal(t, sha256.Sum256([]byte(body)), sha256.Sum256(received), "hash of the body")
		}))
		_, err := transport.New(transport.Config{}).Do(newRequest(t, http.MethodPost, server.URL, body))
		require.NoError(t, err)
		server.Close()
	}
}

func TestHTTPClientOfCallerIsNotChanged(t *testing.T) {
	t.Parallel()
	theirs := &http.Client{Timeout: time.Hour, Transport: &fake{}}
	before := *theirs
	c := transport.New(transport.Config{HTTPClient: theirs})
	get(t, c, "http://mlflow.test/a")
	assert.Equal(t, before.Timeout, theirs.Timeout)
	assert.Same(t, before.Transport, theirs.Transport)
	assert.Nil(t, theirs.CheckRedirect)
	assert.Nil(t, theirs.Jar)

	theirs.Transport = roundTripper(func(*http.Request) (*http.Response, error) { panic("changed later") })
	status, _ := get(t, c, "http://mlflow.test/a")
	assert.Equal(t, 200, status, "what the caller changes later has no effect")
}

func TestConnectionErrorHidesSecrets(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(server.Close)
	gone := httptest.NewServer(nil)
	gone.Close()
	for name, uri := range map[string]string{
		"refused":          gone.URL,
		"closed":           server.URL,
		"not HTTPS":        strings.Replace(server.URL, "http", "https", 1),
		"no such protocol": "gopher://mlflow.test",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u, err := url.Parse(uri + "/api/2.0/mlflow/runs/get?run_id=s3cret#s3cret")
			require.NoError(t, err)
			u.User = url.UserPassword("s3cret", "s3cret")
			_, err = transport.New(transport.Config{
				Authorization: func(context.Context) (string, error) { return "Bearer s3cret", nil },
			}).Do(newRequest(t, http.MethodGet, u.String(), ""))
			var failed *url.Error
			require.ErrorAs(t, err, &failed)
			assert.Equal(t, uri+"/api/2.0/mlflow/runs/get", failed.URL)
			assert.Equal(t, "Get", failed.Op)
			assert.NotContains(t, err.Error(), "s3cret")
		})
	}
}

func TestCleanURL(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"http://me@host:1/a%2Fb?c=d#e": "http://host:1/a%2Fb",
		"/login?next=x":                "/login",
		"http://host?":                 "http://host",
		"http://me@host:port/":         "(unreadable URL)",
		"":                             "",
	} {
		assert.Equal(t, want, transport.CleanURL(raw), raw)
	}
}

func TestCleanErrorLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	assert.Equal(t, io.EOF, transport.CleanError(io.EOF))
}

func TestLogHasAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var answer atomic.Pointer[error]
		c := transport.New(transport.Config{
			HTTPClient: client(roundTripper(func(r *http.Request) (*http.Response, error) {
				time.Sleep(20 * time.Millisecond)
				if err := answer.Load(); err != nil {
					return nil, *err
				}
				return (&fake{}).RoundTrip(r)
			})),
			Authorization: func(context.Context) (string, error) { return "Bearer s3cret", nil },
			Header:        func() http.Header { return http.Header{"X-S3cret": {"s3cret"}} },
			UserAgent:     "s3cret",
			Logger:        slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		})
		setTag := transport.Operation{Name: "SetTag"}
		const uri = "http://s3cret@mlflow.test/api/s3cret/api/2.0/mlflow/runs/set-tag?key=s3cret"
		_, err := c.NewCall(setTag).Do(newRequest(t, http.MethodPost, uri, `"s3cret"`))
		require.NoError(t, err)
		failure := errors.New("s3cret")
		answer.Store(&failure)
		_, err = c.NewCall(setTag).Do(newRequest(t, http.MethodPost, uri, `"s3cret"`))
		require.Error(t, err)

		assert.NotContains(t, log.String(), "s3cret")
		var lines []map[string]any
		for decoder := json.NewDecoder(&log); decoder.More(); {
			var line map[string]any
			require.NoError(t, decoder.Decode(&line))
			delete(line, "time")
			lines = append(lines, line)
		}
		assert.Equal(t, []map[string]any{
			{
				"level": "DEBUG", "msg": "mlflow request", "operation": "SetTag", "method": "POST",
				"route": "/api/2.0/mlflow/runs/set-tag", "attempt": 1.0, "duration": 2e7, "status": 200.0,
			},
			{
				"level": "DEBUG", "msg": "mlflow request", "operation": "SetTag", "method": "POST",
				"route": "/api/2.0/mlflow/runs/set-tag", "attempt": 1.0, "duration": 2e7,
				"failure": "connection lost",
			},
		}, lines)
	})
}

func TestLogLeavesOutUnknownRoutes(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	c := transport.New(transport.Config{
		HTTPClient: client(&fake{}),
		Logger:     slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	get(t, c, "http://mlflow.test/s3cret")
	assert.Contains(t, log.String(), `"route":""`)
	assert.NotContains(t, log.String(), "s3cret")
}
