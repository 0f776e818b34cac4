package mlflow_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/tracking"
)

// roundTripper is a transport made of a function.
type roundTripper func(*http.Request) (*http.Response, error)

func (r roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return r(request) }

func newResponse(status int, body io.Reader) *http.Response {
	return &http.Response{StatusCode: status, Header: make(http.Header), Body: io.NopCloser(body)}
}

// through returns the option for a client of the caller's own that sends requests through a function.
func through(f roundTripper) mlflow.Option { return mlflow.WithHTTPClient(&http.Client{Transport: f}) }

// basic returns the header of a user name and password.
func basic(username, password string) string {
	request := &http.Request{Header: make(http.Header)}
	request.SetBasicAuth(username, password)
	return request.Header.Get("Authorization")
}

func TestCredentialsOfOptionsAndTrackingURI(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, tt := range []struct {
		name string
		user string // of the tracking URI
		opts []mlflow.Option
		want string
	}{
		{name: "none", want: ""},
		{name: "a token", opts: []mlflow.Option{mlflow.WithToken("t0ken")}, want: "Bearer t0ken"},
		{name: "the later token", opts: []mlflow.Option{mlflow.WithToken("t0ken"), mlflow.WithToken("other")}, want: "Bearer other"},
		{name: "basic", opts: []mlflow.Option{mlflow.WithBasicAuth("me", "pw")}, want: basic("me", "pw")},
		{name: "basic without a password", opts: []mlflow.Option{mlflow.WithBasicAuth("me", "")}, want: basic("me", "")},
		{name: "any password", opts: []mlflow.Option{mlflow.WithBasicAuth("mé", "p:w \n\x00ß")}, want: basic("mé", "p:w \n\x00ß")},
		{name: "the later basic", opts: []mlflow.Option{mlflow.WithBasicAuth("me", "pw"), mlflow.WithBasicAuth("you", "pw")}, want: basic("you", "pw")},
		{name: "basic before a token", opts: []mlflow.Option{mlflow.WithBasicAuth("me", "pw"), mlflow.WithToken("t0ken")}, want: basic("me", "pw")},
		{name: "of the URI", user: "me:pw", want: basic("me", "pw")},
		{name: "of the URI, escaped", user: "m%40e:p%3Aw%2F", want: basic("m@e", "p:w/")},
		{name: "of the URI, without a password", user: "me:", want: basic("me", "")},
		{name: "a token before the URI", user: "me:pw", opts: []mlflow.Option{mlflow.WithToken("t0ken")}, want: "Bearer t0ken"},
		{name: "basic before the URI", user: "me:pw", opts: []mlflow.Option{mlflow.WithBasicAuth("you", "pw")}, want: basic("you", "pw")},
		{name: "a user name alone", user: "me", want: ""},
		{name: "a user name alone, and a token", user: "me", opts: []mlflow.Option{mlflow.WithToken("t0ken")}, want: "Bearer t0ken"},
		{name: "a header before all", user: "me:pw", opts: []mlflow.Option{
			mlflow.WithBasicAuth("you", "pw"), mlflow.WithHeaders(map[string]string{"authorization": "Custom c"}),
		}, want: "Custom c"},
	} {
		uri := s.URL
		if tt.user != "" {
			uri = s.withUser(tt.user)
		}
		request := s.requestOf(t, append(tt.opts, mlflow.WithTrackingURI(uri))...)
		assert.Equal(t, tt.want, request.Header.Get("Authorization"), tt.name)
		assert.Len(t, request.Header.Values("Authorization"), min(1, len(tt.want)), tt.name)
	}
}

func TestCredentialsThatCannotBeSentAreRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		option mlflow.Option
		want   string
	}{
		"no user name":                 {mlflow.WithBasicAuth("", "s3cret"), "user name"},
		"nothing":                      {mlflow.WithBasicAuth("", ""), "user name"},
		"a colon in the user name":     {mlflow.WithBasicAuth("s3cret:", "s3cret"), "user name"},
		"a token with a line's end":    {mlflow.WithToken("s3cret\n"), "token"},
		"a token with a zero byte":     {mlflow.WithToken("s3cret\x00"), "token"},
		"a token with a header in it":  {mlflow.WithToken("s3cret\r\nX-Admin: 1"), "token"},
		"a token with a delete in it":  {mlflow.WithToken("s3cret\x7f"), "token"},
		"a token with an escape in it": {mlflow.WithToken("s3cret\x1b[0m"), "token"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reasons := requireRefused(t, mlflow.WithTrackingURI("http://mlflow.test"), tt.option)
			require.Len(t, reasons, 1)
			assert.Contains(t, reasons[0].Message, tt.want)
			assert.NotContains(t, reasons[0].Error(), "s3cret")
		})
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	headers := map[string]string{"x-api-key": "k3y", "User-Agent": "theirs", "accept": "text/plain", "Host": "internal.test", "X-Empty": ""}
	request := s.requestOf(t,
		mlflow.WithHeaders(headers),
		mlflow.WithHeaders(map[string]string{"X-API-KEY": "other", "X-Tab": "a\tb é"}),
		mlflow.WithHeaders(nil),
		mlflow.WithUserAgent("trainer"),
	)
	assert.Equal(t, "internal.test", request.Host)
	request.Header.Del("Accept-Encoding")
	assert.Equal(t, http.Header{
		"X-Api-Key": {"other"}, "User-Agent": {"theirs"}, "Accept": {"text/plain"}, "X-Empty": {""}, "X-Tab": {"a\tb é"},
		"Cache-Control": {"no-cache"},
	}, request.Header)
	assert.Len(t, headers, 5)
}

func TestHeadersAreThoseOfTheTimeOfTheOption(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	headers := map[string]string{"X-Team": "vision"}
	option := mlflow.WithHeaders(headers)
	headers["X-Team"] = "speech"
	assert.Equal(t, "vision", s.requestOf(t, option).Header.Get("X-Team"))
}

func TestHeadersThatCannotBeSetAreRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, value, want string }{
		{"", "s3cret", "not the name of a header"},
		{"X Team", "s3cret", "not the name of a header"},
		{"Bearer s3cret", "Authorization", "not the name of a header"},
		{"X-Team:", "s3cret", "not the name of a header"},
		{"X-Team\n", "s3cret", "not the name of a header"},
		{"X-Téam", "s3cret", "not the name of a header"},
		{"X-Team", "s3cret\n", "the value of X-Team"},
		{"x-team", "s3cret\r\nX-Admin: 1", "the value of X-Team"},
		{"X-Team", "s3cret\x00", "the value of X-Team"},
		{"Authorization", "Bearer s3cret\n", "the value of Authorization"},
		{"content-length", "s3cret", "Content-Length is set by the library"},
		{"Content-Type", "s3cret", "Content-Type is set by the library"},
		{"Content-Encoding", "s3cret", "Content-Encoding is set by the library"},
		{"Transfer-Encoding", "s3cret", "Transfer-Encoding is set by the library"},
		{"Connection", "s3cret", "Connection is set by the library"},
		{"Trailer", "s3cret", "Trailer is set by the library"},
		// With it, net/http would hand on what it could have decompressed.
		{"accept-encoding", "s3cret", "Accept-Encoding is set by the library"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			reasons := requireRefused(t,
				mlflow.WithTrackingURI("http://mlflow.test"), mlflow.WithHeaders(map[string]string{tt.name: tt.value}))
			require.Len(t, reasons, 1)
			assert.Contains(t, reasons[0].Message, tt.want)
			assert.NotContains(t, reasons[0].Error(), "s3cret")
		})
	}
}

func TestUserAgent(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	ours := s.requestOf(t).Header.Get("User-Agent")
	assert.Regexp(t, `^mlflow-go/\d+\.\d+\.\d+$`, ours)
	assert.Equal(t, "trainer/1.2 "+ours, s.requestOf(t, mlflow.WithUserAgent("trainer/1.2")).Header.Get("User-Agent"))
	assert.Equal(t, "b "+ours, s.requestOf(t, mlflow.WithUserAgent("a"), mlflow.WithUserAgent("b")).Header.Get("User-Agent"))

	client, err := mlflow.NewClient(mlflow.WithTrackingURI("http://mlflow.test"), mlflow.WithUserAgent(""),
		through(func(request *http.Request) (*http.Response, error) {
			assert.Equal(t, ours, request.Header.Get("User-Agent"), "HTTP/2 doesn't allow a space before it")
			return newResponse(http.StatusOK, strings.NewReader(aRun)), nil
		}))
	require.NoError(t, err)
	_, err = client.Tracking().GetRun(t.Context(), "r")
	require.NoError(t, err)

	reasons := requireRefused(t, mlflow.WithTrackingURI(s.URL), mlflow.WithUserAgent("trainer\r\nX-Admin: 1"))
	require.Len(t, reasons, 1)
	assert.Contains(t, reasons[0].Message, "WithUserAgent")
}

func TestWithHTTPClientIsCopied(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for name, theirs := range map[string]*http.Client{
		"zero":             {},
		"with a transport": {Transport: &http.Transport{MaxConnsPerHost: 3}, Timeout: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := *theirs
			s.requestOf(t, mlflow.WithHTTPClient(theirs), mlflow.WithTimeout(time.Second), mlflow.WithToken("t0ken"))
			assert.Equal(t, before, *theirs)
			if transport, ok := theirs.Transport.(*http.Transport); ok {
				assert.Equal(t, 3, transport.MaxConnsPerHost)
				assert.Zero(t, transport.IdleConnTimeout)
				transport.CloseIdleConnections()
			}
		})
	}
}

func TestWithHTTPClientIgnoresLaterChanges(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	theirs := &http.Client{}
	client, err := mlflow.NewClient(mlflow.WithTrackingURI(s.URL), mlflow.WithHTTPClient(theirs))
	require.NoError(t, err)
	theirs.Transport = roundTripper(func(*http.Request) (*http.Response, error) { panic("changed after NewClient") })
	_, err = client.Tracking().GetRun(t.Context(), "r")
	require.NoError(t, err)
}

func TestWithHTTPClientNilIsTheDefault(t *testing.T) {
	t.Parallel()
	newServer(t).requestOf(t, mlflow.WithHTTPClient(nil))
}

func TestWithHTTPClientAsksItsRedirectPolicy(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	moved := httptest.NewServer(http.RedirectHandler(s.URL+"/elsewhere?token=s3cret", http.StatusFound))
	t.Cleanup(moved.Close)
	var asked []string
	client, err := mlflow.NewClient(mlflow.WithTrackingURI(moved.URL), mlflow.WithHTTPClient(&http.Client{
		CheckRedirect: func(request *http.Request, _ []*http.Request) error {
			asked = append(asked, request.URL.Path)
			return http.ErrUseLastResponse
		},
	}))
	require.NoError(t, err)
	_, err = client.Tracking().GetRun(t.Context(), "r")
	require.ErrorIs(t, err, mlflow.ErrUnexpectedResponse)
	assert.ErrorContains(t, err, "the server redirects to "+s.URL+"/elsewhere")
	assert.NotContains(t, err.Error(), "s3cret")
	assert.Equal(t, []string{"/elsewhere"}, asked)
}

func TestLogMetricRefusesLoginPage(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther} {
		moved := httptest.NewServer(http.RedirectHandler(s.URL+"/login?token=s3cret", status))
		client, err := mlflow.NewClient(mlflow.WithTrackingURI(moved.URL))
		require.NoError(t, err)
		err = client.Tracking().LogMetric(t.Context(), "r", "loss", 0.1)
		moved.Close()
		require.ErrorIs(t, err, mlflow.ErrUnexpectedResponse)
		assert.ErrorContains(t, err, "the server redirects to "+s.URL+"/login")
		assert.NotContains(t, err.Error(), "s3cret")
	}
	assert.Empty(t, s.requests)
}

func TestWithBatchLimitsRefusesNegative(t *testing.T) {
	t.Parallel()
	for _, limits := range []tracking.BatchLimits{{Metrics: -1}, {Params: -1}, {Tags: -1}, {Items: -1}, {Bytes: -1}} {
		reasons := requireRefused(t, mlflow.WithTrackingURI("http://mlflow.test"), mlflow.WithBatchLimits(limits))
		require.Len(t, reasons, 1)
		assert.Equal(t, "WithBatchLimits: a limit is negative", reasons[0].Message)
	}
}

// requireTimeout checks the error of a call that a time limit ended which is not of the call's context.
func requireTimeout(t *testing.T, err error) {
	t.Helper()
	require.ErrorIs(t, err, mlflow.ErrUnavailable)
	assert.NotErrorIs(t, err, context.DeadlineExceeded)
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	assert.True(t, timeout.Timeout())
	var failure *mlflow.Error
	require.ErrorAs(t, err, &failure)
	assert.Zero(t, failure.StatusCode)
	assert.Equal(t, 1, failure.Attempts)
	assert.Equal(t, "GetRun", failure.Op)
}

// hang never responds.
func hang(request *http.Request) (*http.Response, error) {
	<-request.Context().Done()
	return nil, request.Context().Err()
}

// drip responds at once, with one byte a second.
func drip(request *http.Request) (*http.Response, error) {
	reader, writer := io.Pipe()
	go func() {
		for {
			select {
			case <-request.Context().Done():
				_ = writer.CloseWithError(request.Context().Err())
				return
			case <-time.After(time.Second):
				_, _ = writer.Write([]byte(" "))
			}
		}
	}()
	return newResponse(http.StatusOK, reader), nil
}

func TestTimeLimits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		server  roundTripper
		theirs  time.Duration // the timeout of the caller's client
		options []mlflow.Option
		want    time.Duration
	}{
		{name: "no response, by default", server: hang, want: 2 * time.Minute},
		{name: "no response", server: hang, options: []mlflow.Option{mlflow.WithTimeout(3 * time.Second)}, want: 3 * time.Second},
		{name: "a slow response, by default", server: drip, want: 2 * time.Minute},
		{name: "a slow response", server: drip, options: []mlflow.Option{mlflow.WithTimeout(3 * time.Second)}, want: 3 * time.Second},
		{name: "no response for the caller's client", server: hang, theirs: 3 * time.Second, want: 3 * time.Second},
		{name: "a slow response for the caller's client", server: drip, theirs: 3 * time.Second, want: 3 * time.Second},
		{
			name: "no limit but that of the caller's client", server: hang, theirs: time.Hour,
			options: []mlflow.Option{mlflow.WithTimeout(0)}, want: time.Hour,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client, err := mlflow.NewClient(append(tt.options,
					mlflow.WithTrackingURI("http://mlflow.test"),
					mlflow.WithRetry(mlflow.RetryPolicy{MaxAttempts: 1}),
					mlflow.WithHTTPClient(&http.Client{Transport: tt.server, Timeout: tt.theirs}),
				)...)
				require.NoError(t, err)
				start := time.Now()
				_, err = client.Tracking().GetRun(t.Context(), "r")
				assert.Equal(t, tt.want, time.Since(start))
				requireTimeout(t, err)
			})
		})
	}
}

func TestWithTimeoutOfZeroIsNoLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, err := mlflow.NewClient(mlflow.WithTrackingURI("http://mlflow.test"), mlflow.WithTimeout(0),
			through(func(*http.Request) (*http.Response, error) {
				time.Sleep(24 * time.Hour)
				return newResponse(http.StatusOK, strings.NewReader(aRun)), nil
			}))
		require.NoError(t, err)
		_, err = client.Tracking().GetRun(t.Context(), "r")
		require.NoError(t, err)
	})
}

func TestWithTimeoutRefusesNegative(t *testing.T) {
	t.Parallel()
	reasons := requireRefused(t, mlflow.WithTrackingURI("http://mlflow.test"), mlflow.WithTimeout(-time.Second))
	require.Len(t, reasons, 1)
	assert.Equal(t, "WithTimeout: -1s is negative", reasons[0].Message)
}

func TestContextEndsCall(t *testing.T) {
	t.Parallel()
	for name, server := range map[string]roundTripper{"no response": hang, "a slow response": drip} {
		for _, want := range []error{context.Canceled, context.DeadlineExceeded} {
			t.Run(name+", "+want.Error(), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					client, err := mlflow.NewClient(mlflow.WithTrackingURI("http://mlflow.test"), through(server))
					require.NoError(t, err)
					ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
					defer cancel()
					if want == context.Canceled {
						time.AfterFunc(time.Second, cancel)
					}
					_, err = client.Tracking().GetRun(ctx, "r")
					require.ErrorIs(t, err, want)
					for _, sentinel := range []error{
						mlflow.ErrNotFound, mlflow.ErrAlreadyExists, mlflow.ErrInvalidArgument, mlflow.ErrUnauthenticated,
						mlflow.ErrPermissionDenied, mlflow.ErrRateLimited, mlflow.ErrUnavailable, mlflow.ErrUnsupported,
						mlflow.ErrUnexpectedResponse,
					} {
						assert.NotErrorIs(t, err, sentinel)
					}
				})
			})
		}
	}
}

func TestClientWithoutServerIsUnavailable(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(nil)
	gone.Close()
	client, err := mlflow.NewClient(
		mlflow.WithTrackingURI(strings.Replace(gone.URL, "://", "://me:s3cret@", 1)),
		mlflow.WithRetry(mlflow.RetryPolicy{MaxAttempts: 1}),
	)
	require.NoError(t, err)
	_, err = client.Tracking().GetRun(t.Context(), "s3cret")
	require.ErrorIs(t, err, mlflow.ErrUnavailable)
	assert.ErrorContains(t, err, gone.URL+"/api/2.0/mlflow/runs/get")
	assert.NotContains(t, err.Error(), "s3cret")
	var refused *net.OpError
	require.ErrorAs(t, err, &refused, "the cause is there for those who ask")
}

func TestWithLoggerLogsEachAttempt(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var log bytes.Buffer
	s.requestOf(t,
		mlflow.WithTrackingURI(s.withUser("me:s3cret")+"/s3cret"),
		mlflow.WithHeaders(map[string]string{"X-Api-Key": "s3cret"}),
		mlflow.WithLogger(slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))),
	)
	assert.NotContains(t, log.String(), "s3cret")
	assert.NotContains(t, log.String(), "run_id")
	var line map[string]any
	require.NoError(t, json.Unmarshal(log.Bytes(), &line), "one line: %s", log.String())
	names := make([]string, 0, len(line))
	for name := range line {
		names = append(names, name)
	}
	slices.Sort(names)
	assert.Equal(t, []string{"attempt", "duration", "level", "method", "msg", "operation", "route", "status", "time"}, names)
	assert.Equal(t, "DEBUG", line["level"])
	assert.Equal(t, "GetRun", line["operation"])
	assert.Equal(t, "/api/2.0/mlflow/runs/get", line["route"])
}

func TestWithLoggerUnsetLogsNothing(t *testing.T) {
	t.Parallel()
	newServer(t).requestOf(t, mlflow.WithLogger(nil))
}

func TestOptionsCanBeUsedAgain(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	shared := []mlflow.Option{mlflow.WithTrackingURI(s.URL), mlflow.WithHeaders(map[string]string{"X-Team": "vision"})}
	assert.Equal(t, "a", s.requestOf(t, append(shared, mlflow.WithHeaders(map[string]string{"X-Run": "a"}))...).Header.Get("X-Run"))
	request := s.requestOf(t, shared...)
	assert.Equal(t, "vision", request.Header.Get("X-Team"))
	assert.NotContains(t, request.Header, "X-Run")
}
