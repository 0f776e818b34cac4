package transport_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/transport"
)

const (
	infoPath  = "/prefix/api/3.0/mlflow/server-info"
	writePath = "/prefix/api/2.0/mlflow/runs/log-metric"
)

// A tenancy is a server that is asked whether it has workspaces.
type tenancy struct {
	info func(question int) answer

	mu        sync.Mutex
	questions int
	writes    int
}

func (s *tenancy) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := answer{status: 200, body: "{}"}
	if r.URL.Path == infoPath {
		s.questions++
		a = s.info(s.questions)
		if _, ok := r.Header["X-Mlflow-Workspace"]; ok {
			panic("the question is about no workspace")
		}
	} else {
		s.writes++
		if r.Header.Get("X-Mlflow-Workspace") != "team" {
			panic("a request without the workspace")
		}
	}
	if a.takes > 0 {
		s.mu.Unlock()
		time.Sleep(a.takes)
		s.mu.Lock()
	}
	return &http.Response{StatusCode: a.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(a.body)), Request: r}, nil
}

func (s *tenancy) client(retry transport.RetryPolicy) *transport.Client {
	return transport.New(transport.Config{
		HTTPClient: client(s), Workspace: "team", Retry: retry,
		Server: &url.URL{Scheme: "http", Host: "mlflow.test", Path: "/prefix"},
	})
}

func write(ctx context.Context, t *testing.T, c *transport.Client, call *transport.Call) (*http.Response, error) {
	t.Helper()
	return c.Do(newRequestWithContext(transport.WithCall(ctx, call), t, http.MethodPost, "http://mlflow.test"+writePath, "{}"))
}

func always(status int, body string) func(int) answer {
	return func(int) answer { return answer{status: status, body: body} }
}

const workspacesOn = `{"store_type": "SqlStore", "workspaces_enabled": true}`

func TestAServerIsAskedForWorkspacesOnce(t *testing.T) {
	t.Parallel()
	s := &tenancy{info: always(200, workspacesOn)}
	c := s.client(transport.RetryPolicy{})
	for range 3 {
		call := &transport.Call{}
		response, err := write(t.Context(), t, c, call)
		require.NoError(t, err)
		assert.Equal(t, 200, response.StatusCode)
		assert.Equal(t, 1, call.Attempts, "the question is not an attempt")
	}
	assert.Equal(t, 1, s.questions)
	assert.Equal(t, 3, s.writes)
}

func TestAServerIsAskedForWorkspacesOnceByAllTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &tenancy{info: func(int) answer { return answer{status: 200, body: workspacesOn, takes: time.Second} }}
		c := s.client(transport.RetryPolicy{})
		var all sync.WaitGroup
		for range 16 {
			request := newRequest(t, http.MethodPost, "http://mlflow.test"+writePath, "{}")
			all.Go(func() {
				_, err := c.Do(request)
				assert.NoError(t, err)
			})
		}
		all.Wait()
		assert.Equal(t, 1, s.questions)
		assert.Equal(t, 16, s.writes)
	})
}

func TestWithoutWorkspacesNothingIsWritten(t *testing.T) {
	t.Parallel()
	for name, info := range map[string]func(int) answer{
		"an older release":    always(404, "<!doctype html>"),
		"off":                 always(200, `{"store_type": "SqlStore", "workspaces_enabled": false}`),
		"before they existed": always(200, `{"store_type": "SqlStore"}`),
		// These would pass for the answer of success to a write.
		"not a truth value": always(200, `{"workspaces_enabled": "true"}`),
		"another success":   always(202, `{"workspaces_enabled": true}`),
		"an empty object":   always(201, `{}`),
		"a list":            always(200, `[]`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &tenancy{info: info}
			c := s.client(transport.RetryPolicy{})
			for question := range 2 {
				response, err := write(t.Context(), t, c, &transport.Call{})
				var none *transport.WorkspaceError
				require.ErrorAs(t, err, &none)
				assert.Nil(t, response)
				assert.Equal(t, info(1).status, none.StatusCode)
				assert.Equal(t, question+1, s.questions, "questions: the server may be upgraded")
			}
			assert.Zero(t, s.writes)
		})
	}
}

func TestAnAnswerThatSaysNothingOfWorkspacesIsHandedOn(t *testing.T) {
	t.Parallel()
	for _, a := range []answer{
		{status: 401, body: "who are you"},
		{status: 403},
		{status: 302},
		{status: 500, body: `{"error_code": "INTERNAL_ERROR"}`},
		{status: 503},
		{status: 200, body: "<!doctype html>sign in"},
		{status: 200},
		{status: 204},
	} {
		s := &tenancy{info: func(question int) answer {
			if question == 1 {
				return a
			}
			return answer{status: 200, body: workspacesOn}
		}}
		c := s.client(transport.RetryPolicy{})
		response, err := write(t.Context(), t, c, &transport.Call{})
		require.NoError(t, err)
		body, err := transport.ReadBody(response)
		require.NoError(t, err)
		assert.Equal(t, a.status, response.StatusCode)
		assert.Equal(t, a.body, string(body))
		assert.Zero(t, s.writes, "after %d", a.status)

		_, err = write(t.Context(), t, c, &transport.Call{})
		require.NoError(t, err)
		assert.Equal(t, 2, s.questions, "the next one asks again after %d", a.status)
		assert.Equal(t, 1, s.writes)
	}
}

func TestTheQuestionForWorkspacesIsRepeated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &tenancy{info: func(question int) answer {
			if question < 3 {
				return answer{status: 503}
			}
			return answer{status: 200, body: workspacesOn}
		}}
		call := &transport.Call{} // may not be repeated, unlike the question
		_, err := write(t.Context(), t, s.client(quick), call)
		require.NoError(t, err)
		assert.Equal(t, 3, s.questions)
		assert.Equal(t, 1, s.writes)
		assert.Equal(t, 1, call.Attempts)
		assert.False(t, call.MayHaveRun)
	})
}

func TestAContextCanEndWhileAnotherAsksForWorkspaces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &tenancy{info: func(int) answer { return answer{status: 200, body: workspacesOn, takes: time.Minute} }}
		c := s.client(transport.RetryPolicy{})
		asked, first := make(chan error), newRequest(t, http.MethodPost, "http://mlflow.test"+writePath, "{}")
		go func() {
			_, err := c.Do(first)
			asked <- err
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := write(ctx, t, c, &transport.Call{})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(start))
		require.NoError(t, <-asked)
		assert.Equal(t, 1, s.writes)
	})
}

func TestWithoutAWorkspaceNobodyIsAsked(t *testing.T) {
	t.Parallel()
	w := &web{}
	_, err := transport.New(transport.Config{HTTPClient: client(w)}).Do(newRequest(t, http.MethodGet, "http://mlflow.test/a", ""))
	require.NoError(t, err)
	require.Len(t, w.visits, 1)
	assert.NotContains(t, w.visits[0].header, "X-Mlflow-Workspace")
}
