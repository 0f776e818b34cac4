package mlflow_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
)

// refusing responds to each request with a status, and counts them.
func refusing(status int, header ...string) (*int, mlflow.Option) {
	var count int
	return &count, through(func(*http.Request) (*http.Response, error) {
		count++
		response := newResponse(status, strings.NewReader(""))
		for i := 0; i < len(header); i += 2 {
			response.Header.Set(header[i], header[i+1])
		}
		return response, nil
	})
}

// elapsed makes a call that fails, and returns how long that took.
func elapsed(t *testing.T, opts ...mlflow.Option) time.Duration {
	t.Helper()
	client, err := mlflow.NewClient(append([]mlflow.Option{mlflow.WithTrackingURI("http://mlflow.test")}, opts...)...)
	require.NoError(t, err)
	start := time.Now()
	_, err = client.Tracking().GetRun(t.Context(), "r")
	require.Error(t, err)
	return time.Since(start)
}

func TestNewClientReportsAllBadVariablesAtOnce(t *testing.T) {
	bad := map[string]string{
		"MLFLOW_TRACKING_URI":             "mlruns",
		"MLFLOW_TRACKING_TOKEN":           "s3cret\n",
		"MLFLOW_HTTP_REQUEST_TIMEOUT":     "x",
		"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "x",
		"MLFLOW_TRACKING_INSECURE_TLS":    "x",
		"MLFLOW_TRACKING_AUTH":            "kubernetes",
		"MLFLOW_WORKSPACE":                "a\nb",
	}
	for name, value := range bad {
		t.Setenv(name, value)
	}
	reasons := requireRefused(t)
	require.Len(t, reasons, len(bad))
	_, err := mlflow.NewClient()
	for name := range bad {
		assert.ErrorContains(t, err, name)
	}
	assert.NotContains(t, err.Error(), "s3cret")
}

func TestTimeoutOfEnvironment(t *testing.T) {
	for value, tt := range map[string]struct {
		opts []mlflow.Option
		want time.Duration
	}{
		"":    {want: 120 * time.Second},
		"2.5": {want: 2500 * time.Millisecond},
		"7":   {opts: []mlflow.Option{mlflow.WithTimeout(3 * time.Second)}, want: 3 * time.Second},
	} {
		t.Setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", value)
		t.Setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
		synctest.Test(t, func(t *testing.T) {
			assert.Equal(t, tt.want, elapsed(t, append(tt.opts, through(hang))...), value)
		})
	}
}

func TestRetriesOfTheEnvironment(t *testing.T) {
	for name, tt := range map[string]struct {
		env      map[string]string
		opts     []mlflow.Option
		attempts int
		most     time.Duration // the waits in all
	}{
		"by default": {attempts: 8, most: 123 * time.Second},
		"none":       {env: map[string]string{"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}, attempts: 1},
		"more":       {env: map[string]string{"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "10"}, attempts: 11, most: time.Hour},
		"without waits": {
			env:      map[string]string{"MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0"},
			attempts: 8,
		},
		"a longer wait": {
			env:      map[string]string{"MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "100", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"},
			attempts: 2, most: 100 * time.Second,
		},
		"an extra wait": {
			env: map[string]string{
				"MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0", "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "2", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
			},
			attempts: 4, most: 6 * time.Second,
		},
		"an option before": {
			env: map[string]string{
				"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "9", "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "100", "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "100",
			},
			opts:     []mlflow.Option{mlflow.WithRetry(mlflow.RetryPolicy{MaxAttempts: 3, MinBackoff: time.Second})},
			attempts: 3, most: 3 * time.Second,
		},
	} {
		t.Run(name, func(t *testing.T) {
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			synctest.Test(t, func(t *testing.T) {
				attempts, server := refusing(http.StatusServiceUnavailable)
				took := elapsed(t, append(tt.opts, server)...)
				assert.Equal(t, tt.attempts, *attempts)
				assert.LessOrEqual(t, took, tt.most)
				if tt.most > 0 {
					assert.Positive(t, took)
				}
			})
		})
	}
}

func TestRetryAfterIsRespectedUnlessTheEnvironmentSaysOtherwise(t *testing.T) {
	once := mlflow.WithRetry(mlflow.RetryPolicy{MaxAttempts: 2, MinBackoff: time.Nanosecond})
	for value, want := range map[string]time.Duration{"": 20 * time.Second, "true": 20 * time.Second, "false": 0} {
		t.Setenv("MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER", value)
		synctest.Test(t, func(t *testing.T) {
			attempts, server := refusing(http.StatusTooManyRequests, "Retry-After", "20")
			assert.InDelta(t, want, elapsed(t, server, once), 10, value)
			assert.Equal(t, 2, *attempts)
		})
	}
}

func TestRetryPolicies(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		policy   mlflow.RetryPolicy
		attempts int
		most     time.Duration
	}{
		"the zero policy is the default":   {mlflow.RetryPolicy{}, 8, 123 * time.Second},
		"off":                              {mlflow.RetryPolicy{MaxAttempts: 1}, 1, 0},
		"a long first wait":                {mlflow.RetryPolicy{MaxAttempts: 2, MinBackoff: 1e6 * time.Hour}, 2, 1e6 * time.Hour},
		"a short longest wait":             {mlflow.RetryPolicy{MaxAttempts: 5, MaxBackoff: time.Millisecond}, 5, 4 * time.Millisecond},
		"more attempts than by doubling":   {mlflow.RetryPolicy{MaxAttempts: 100, MinBackoff: 1, MaxBackoff: time.Second}, 100, 99 * time.Second},
		"the same first and longest waits": {mlflow.RetryPolicy{MaxAttempts: 3, MinBackoff: time.Second, MaxBackoff: time.Second}, 3, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				attempts, server := refusing(http.StatusServiceUnavailable)
				took := elapsed(t, server, mlflow.WithRetry(tt.policy))
				assert.LessOrEqual(t, took, tt.most)
				assert.Greater(t, took, tt.most/1e6-1, "all but surely, as waits are random")
				assert.Equal(t, tt.attempts, *attempts)
			})
		})
	}
}

func TestRetryPoliciesThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	for want, policies := range map[string][]mlflow.RetryPolicy{
		"WithRetry: a field is negative":                {{MaxAttempts: -1}, {MinBackoff: -1}, {MaxBackoff: -1}},
		"WithRetry: MinBackoff is more than MaxBackoff": {{MinBackoff: 2, MaxBackoff: 1}},
	} {
		for _, policy := range policies {
			reasons := requireRefused(t, mlflow.WithTrackingURI("http://mlflow.test"), mlflow.WithRetry(policy))
			require.Len(t, reasons, 1, "%+v", policy)
			assert.Equal(t, want, reasons[0].Message)
		}
	}
}

func TestRedirectsCanBeTurnedOffByTheEnvironment(t *testing.T) {
	s := newServer(t)
	moved := httptest.NewServer(http.RedirectHandler(s.URL+"/elsewhere", http.StatusTemporaryRedirect))
	t.Cleanup(moved.Close)
	for value, follow := range map[string]bool{"": true, "true": true, "false": false} {
		t.Setenv("MLFLOW_ALLOW_HTTP_REDIRECTS", value)
		client, err := mlflow.NewClient(mlflow.WithTrackingURI(moved.URL))
		require.NoError(t, err)
		_, err = client.Tracking().GetRun(t.Context(), "r")
		if follow {
			require.NoError(t, err, value)
		} else {
			require.ErrorIs(t, err, mlflow.ErrUnexpectedResponse, value)
			assert.ErrorContains(t, err, "the server redirects to "+s.URL+"/elsewhere")
		}
	}
	assert.Len(t, s.requests, 2)
}

// The pool is filled with requests that wait for as many as it should hold, and one more waits for a connection.
func TestPoolSizeOfEnvironment(t *testing.T) {
	for value, want := range map[string]int{"": 8, "3": 3, "12": 12} {
		t.Setenv("MLFLOW_HTTP_POOL_MAXSIZE", value)
		var mu sync.Mutex
		waiting, most := 0, 0
		full := make(chan struct{})
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			waiting++
			most = max(most, waiting)
			if waiting == want {
				close(full)
			}
			mu.Unlock()
			select {
			case <-full:
			case <-r.Context().Done(): // the pool is too small
			}
			io.WriteString(w, aRun)
			mu.Lock()
			waiting = -1000 // only those before the first response count
			mu.Unlock()
		}))
		client, err := mlflow.NewClient(mlflow.WithTrackingURI(server.URL),
			mlflow.WithTimeout(10*time.Second), mlflow.WithRetry(mlflow.RetryPolicy{MaxAttempts: 1}))
		require.NoError(t, err)
		var all sync.WaitGroup
		for range want + 5 {
			all.Go(func() {
				_, err := client.Tracking().GetRun(t.Context(), "r")
				assert.NoError(t, err)
			})
		}
		all.Wait()
		server.Close()
		assert.Equal(t, want, most, "connections if the variable is %q", value)
	}
}

// withWorkspaces plays a server that knows workspaces, or not, and remembers what came for which workspace.
func withWorkspaces(info *http.Response, seen *[]string) mlflow.Option {
	return through(func(request *http.Request) (*http.Response, error) {
		*seen = append(*seen, request.URL.Path+" "+strings.Join(request.Header.Values("X-Mlflow-Workspace"), ","))
		if strings.HasSuffix(request.URL.Path, "/server-info") {
			return info, nil
		}
		return newResponse(http.StatusOK, strings.NewReader(aRun)), nil
	})
}

func TestWithWorkspaceIsNamedInEachRequest(t *testing.T) {
	for name, tt := range map[string]struct {
		env  string
		opts []mlflow.Option
		want string
	}{
		"none":                                 {},
		"of the environment":                   {env: "speech", want: "speech"},
		"of an option":                         {opts: []mlflow.Option{mlflow.WithWorkspace("vision")}, want: "vision"},
		"of an option, before the environment": {env: "speech", opts: []mlflow.Option{mlflow.WithWorkspace("vision")}, want: "vision"},
		"an empty option is none":              {env: "speech", opts: []mlflow.Option{mlflow.WithWorkspace("")}, want: "speech"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("MLFLOW_WORKSPACE", tt.env)
			var seen []string
			server := withWorkspaces(newResponse(http.StatusOK, strings.NewReader(`{"workspaces_enabled": true}`)), &seen)
			client, err := mlflow.NewClient(append(tt.opts, mlflow.WithTrackingURI("http://mlflow.test/team"), server)...)
			require.NoError(t, err)
			for range 2 {
				_, err = client.Tracking().GetRun(t.Context(), "r")
				require.NoError(t, err)
			}
			want := []string{"/team/api/2.0/mlflow/runs/get " + tt.want, "/team/api/2.0/mlflow/runs/get " + tt.want}
			if tt.want != "" { // asked once, and not about a workspace
				want = append([]string{"/team/api/3.0/mlflow/server-info "}, want...)
			}
			assert.Equal(t, want, seen)
		})
	}
}

func TestWithWorkspaceSendsNothingToServerWithoutWorkspaces(t *testing.T) {
	t.Parallel()
	for name, info := range map[string]func() *http.Response{
		"too old": func() *http.Response { return newResponse(http.StatusNotFound, strings.NewReader("<!doctype html>")) },
		"off": func() *http.Response {
			return newResponse(http.StatusOK, strings.NewReader(`{"store_type": "SqlStore", "workspaces_enabled": false}`))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen []string
			client, err := mlflow.NewClient(mlflow.WithTrackingURI("http://mlflow.test"), mlflow.WithWorkspace("vision"), withWorkspaces(info(), &seen))
			require.NoError(t, err)
			err = client.Tracking().LogMetric(t.Context(), "r", "loss", 0.5)
			require.ErrorIs(t, err, mlflow.ErrUnsupported)
			assert.ErrorContains(t, err, "LogMetric")
			assert.Equal(t, []string{"/api/3.0/mlflow/server-info "}, seen)
		})
	}
}

func TestWithTokenSourceIsAskedBeforeEachAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var sent []string
		asked := 0
		client, err := mlflow.NewClient(
			mlflow.WithTrackingURI("http://mlflow.test"),
			mlflow.WithTokenSource(func(context.Context) (string, error) {
				asked++
				return strings.Repeat("t", asked), nil
			}),
			through(func(request *http.Request) (*http.Response, error) {
				sent = append(sent, request.Header.Get("Authorization"))
				if len(sent) < 3 {
					return newResponse(http.StatusServiceUnavailable, strings.NewReader("")), nil
				}
				return newResponse(http.StatusOK, strings.NewReader(aRun)), nil
			}))
		require.NoError(t, err)
		_, err = client.Tracking().GetRun(t.Context(), "r")
		require.NoError(t, err)
		assert.Equal(t, []string{"Bearer t", "Bearer tt", "Bearer ttt"}, sent)
		assert.Equal(t, 3, asked)
	})
}

func TestWithTokenSourceReplacesRefusedTokenOnce(t *testing.T) {
	t.Parallel()
	broken := errors.New("the source is dry")
	for name, tt := range map[string]struct {
		tokens []string // of the source, in turn; "-" is an error, and the last one stays
		valid  string
		sent   []string
	}{
		"the token stays the same":       {[]string{"old"}, "new", []string{"Bearer old"}},
		"a new token":                    {[]string{"old", "new"}, "new", []string{"Bearer old", "Bearer new"}},
		"a new token that is refused":    {[]string{"old", "other", "new"}, "new", []string{"Bearer old", "Bearer other"}},
		"no new token":                   {[]string{"old", "-"}, "new", []string{"Bearer old"}},
		"an empty new token":             {[]string{"old", ""}, "new", []string{"Bearer old"}},
		"a new token that can't be sent": {[]string{"old", "a\nb"}, "new", []string{"Bearer old"}},
	} {
		for _, off := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					var sent []string
					asked := 0
					opts := []mlflow.Option{
						mlflow.WithTrackingURI("http://mlflow.test"),
						mlflow.WithTokenSource(func(context.Context) (string, error) {
							token := tt.tokens[min(asked, len(tt.tokens)-1)]
							asked++
							if token == "-" {
								return "", broken
							}
							return token, nil
						}),
						through(func(request *http.Request) (*http.Response, error) {
							sent = append(sent, request.Header.Get("Authorization"))
							if sent[len(sent)-1] != "Bearer "+tt.valid {
								return newResponse(http.StatusUnauthorized, strings.NewReader("You are not authenticated.")), nil
							}
							return newResponse(http.StatusOK, strings.NewReader(aRun)), nil
						}),
					}
					if off { // a 401 surely did not run, so this is no retry that could be turned off
						opts = append(opts, mlflow.WithRetry(mlflow.RetryPolicy{MaxAttempts: 1}))
					}
					client, err := mlflow.NewClient(opts...)
					require.NoError(t, err)
					start := time.Now()
					_, err = client.Tracking().CreateRun(t.Context(), "0")
					assert.Equal(t, tt.sent, sent)
					assert.Zero(t, time.Since(start), "there is nothing to wait for")
					if sent[len(sent)-1] == "Bearer "+tt.valid {
						require.NoError(t, err)
						return
					}
					require.ErrorIs(t, err, mlflow.ErrUnauthenticated)
					var refusal *mlflow.Error
					require.ErrorAs(t, err, &refusal)
					assert.Len(t, tt.sent, refusal.Attempts)
				})
			})
		}
	}
}

func TestWithTokenSourceThatFailsEndsCall(t *testing.T) {
	t.Parallel()
	const secret = "s3cret"
	dry := errors.New("the source is dry")
	for name, tt := range map[string]struct {
		token string
		err   error
		want  string
	}{
		"an error":                {err: dry, want: "token source: the source is dry"},
		"a token beside an error": {token: secret, err: dry, want: "token source: the source is dry"},
		"no token":                {want: "token source: the token is empty"},
		"a token of two lines":    {token: secret + "\nX-Admin: 1", want: "token source: the token holds"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			attempts, server := refusing(http.StatusOK)
			asked := 0
			client, err := mlflow.NewClient(mlflow.WithTrackingURI("http://mlflow.test"), server,
				mlflow.WithTokenSource(func(context.Context) (string, error) {
					asked++
					return tt.token, tt.err
				}))
			require.NoError(t, err)
			_, err = client.Tracking().GetRun(t.Context(), "r")
			require.ErrorContains(t, err, tt.want)
			assert.NotContains(t, err.Error(), secret)
			if tt.err != nil {
				require.ErrorIs(t, err, dry)
			}
			assert.Equal(t, 1, asked, "it is not asked again and again")
			assert.Zero(t, *attempts, "nothing is sent")
		})
	}
}

func TestWithTokenSourceGetsContextOfCall(t *testing.T) {
	t.Parallel()
	type key struct{}
	s := newServer(t)
	client, err := mlflow.NewClient(mlflow.WithTrackingURI(s.URL), mlflow.WithTokenSource(func(ctx context.Context) (string, error) {
		return ctx.Value(key{}).(string), nil
	}))
	require.NoError(t, err)
	_, err = client.Tracking().GetRun(context.WithValue(t.Context(), key{}, "of-the-call"), "r")
	require.NoError(t, err)
	assert.Equal(t, "Bearer of-the-call", s.requests[0].Header.Get("Authorization"))
}

func TestTokensAndTheirSources(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	source := func(context.Context) (string, error) { return "source", nil }
	for name, tt := range map[string]struct {
		opts []mlflow.Option
		want string
	}{
		"a source":                       {[]mlflow.Option{mlflow.WithTokenSource(source)}, "Bearer source"},
		"no source":                      {[]mlflow.Option{mlflow.WithTokenSource(nil)}, ""},
		"a later token":                  {[]mlflow.Option{mlflow.WithTokenSource(source), mlflow.WithToken("token")}, "Bearer token"},
		"a later source":                 {[]mlflow.Option{mlflow.WithToken("token"), mlflow.WithTokenSource(source)}, "Bearer source"},
		"basic before a source":          {[]mlflow.Option{mlflow.WithBasicAuth("me", "pw"), mlflow.WithTokenSource(source)}, basic("me", "pw")},
		"a source before the URI's":      {[]mlflow.Option{mlflow.WithTrackingURI(s.withUser("me:pw")), mlflow.WithTokenSource(source)}, "Bearer source"},
		"a header of that name over all": {[]mlflow.Option{mlflow.WithTokenSource(source), mlflow.WithHeaders(map[string]string{"Authorization": "x"})}, "x"},
	} {
		assert.Equal(t, tt.want, s.requestOf(t, tt.opts...).Header.Get("Authorization"), name)
	}
}

func TestWithTokenSourceWinsOverEnvironment(t *testing.T) {
	s := newServer(t)
	source := mlflow.WithTokenSource(func(context.Context) (string, error) { return "source", nil })
	t.Setenv("MLFLOW_TRACKING_TOKEN", "env")
	assert.Equal(t, "Bearer source", s.requestOf(t, source).Header.Get("Authorization"))
	t.Setenv("MLFLOW_TRACKING_USERNAME", "env")
	t.Setenv("MLFLOW_TRACKING_PASSWORD", "pw")
	assert.Equal(t, "Bearer source", s.requestOf(t, source).Header.Get("Authorization"))
	assert.Equal(t, basic("env", "pw"), s.requestOf(t).Header.Get("Authorization"))
}

func TestWithRequestEditorIsLastInEachAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var edited, sent []http.Header
		var bodies []string
		client, err := mlflow.NewClient(
			mlflow.WithTrackingURI("http://mlflow.test"),
			mlflow.WithToken("t0ken"),
			mlflow.WithHeaders(map[string]string{"X-Team": "vision"}),
			mlflow.WithUserAgent("trainer/1.2"),
			mlflow.WithRequestEditor(func(_ context.Context, request *http.Request) error {
				edited = append(edited, request.Header.Clone())
				assert.Positive(t, request.ContentLength)
				request.Header.Set("Authorization", "Signed "+request.Header.Get("Authorization"))
				request.Header.Add("X-Attempt", "1")
				return nil
			}),
			through(func(request *http.Request) (*http.Response, error) {
				sent = append(sent, request.Header.Clone())
				body, err := io.ReadAll(request.Body)
				bodies = append(bodies, string(body))
				if len(sent) == 1 {
					return newResponse(http.StatusServiceUnavailable, strings.NewReader("")), err
				}
				return newResponse(http.StatusOK, strings.NewReader("{}")), err
			}))
		require.NoError(t, err)
		require.NoError(t, client.Tracking().LogMetric(t.Context(), "r", "loss", 0.5))

		require.Len(t, edited, 2)
		require.Len(t, sent, 2)
		for i := range edited {
			assert.Equal(t, "Bearer t0ken", edited[i].Get("Authorization"), "what an earlier attempt made of it is gone")
			assert.Equal(t, "vision", edited[i].Get("X-Team"))
			assert.Contains(t, edited[i].Get("User-Agent"), "trainer/1.2")
			assert.Equal(t, "application/json", edited[i].Get("Content-Type"))
			assert.Equal(t, "Signed Bearer t0ken", sent[i].Get("Authorization"))
			assert.Equal(t, []string{"1"}, sent[i].Values("X-Attempt"))
		}
		assert.Equal(t, bodies[0], bodies[1])
		assert.Contains(t, bodies[0], `"loss"`)
	})
}

func TestWithRequestEditorThatFailsEndsCall(t *testing.T) {
	t.Parallel()
	broken := errors.New("no key to sign with")
	attempts, server := refusing(http.StatusOK)
	edited := 0
	client, err := mlflow.NewClient(mlflow.WithTrackingURI("http://mlflow.test"), server,
		mlflow.WithRequestEditor(func(context.Context, *http.Request) error {
			edited++
			return broken
		}))
	require.NoError(t, err)
	_, err = client.Tracking().GetRun(t.Context(), "r")
	require.ErrorIs(t, err, broken)
	assert.Equal(t, 1, edited)
	assert.Zero(t, *attempts)
	newServer(t).requestOf(t, mlflow.WithRequestEditor(nil))
}

func TestBadOptionsAreRefusedByTheirNames(t *testing.T) {
	t.Parallel()
	for want, option := range map[string]mlflow.Option{
		"WithTrackingURI: ": mlflow.WithTrackingURI("ftp://mlflow.test"),
		"WithBasicAuth: ":   mlflow.WithBasicAuth("a:b", "s3cret"),
		"WithToken: ":       mlflow.WithToken("s3cret\n"),
		"WithWorkspace: ":   mlflow.WithWorkspace("a\nb"),
	} {
		reasons := requireRefused(t, mlflow.WithTrackingURI("http://mlflow.test"), option)
		require.Len(t, reasons, 1)
		assert.Contains(t, reasons[0].Message, want)
		assert.NotContains(t, reasons[0].Error(), "s3cret")
	}
}

// The environment's credentials reach the server: package config tests which of them win.
func TestCredentialsOfTheEnvironmentAreSent(t *testing.T) {
	s := newServer(t)
	t.Setenv("MLFLOW_TRACKING_TOKEN", "env")
	assert.Equal(t, "Bearer env", s.requestOf(t).Header.Get("Authorization"))
	t.Setenv("MLFLOW_TRACKING_USERNAME", "env")
	t.Setenv("MLFLOW_TRACKING_PASSWORD", "pw")
	assert.Equal(t, basic("env", "pw"), s.requestOf(t).Header.Get("Authorization"))
}
