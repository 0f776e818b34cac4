package transport_test

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
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
	fake
	info func(question int) response

	questions atomic.Int64
	writes    atomic.Int64
}

func newTenancy(info func(question int) response) *tenancy {
	s := &tenancy{info: info}
	s.respond = func(_ int, v visit) response {
		_, named := v.header["X-Mlflow-Workspace"]
		switch {
		case v.path != infoPath && v.header.Get("X-Mlflow-Workspace") != "team":
			panic("a request without the workspace")
		case v.path != infoPath:
			s.writes.Add(1)
			return response{status: 200, body: "{}"}
		case named:
			panic("the question is about no workspace")
		}
		return s.info(int(s.questions.Add(1)))
	}
	return s
}

func (s *tenancy) client(retry transport.RetryPolicy) *transport.Client {
	return transport.New(transport.Config{
		HTTPClient: client(s), Workspace: "team", Retry: retry,
		Server: &url.URL{Scheme: "http", Host: "mlflow.test", Path: "/prefix"},
	})
}

// write makes a call that must not run twice.
func write(ctx context.Context, t *testing.T, c *transport.Client) transport.Outcome {
	t.Helper()
	call := c.NewCall(transport.Operation{})
	_, _ = call.Do(newRequestWithContext(ctx, t, http.MethodPost, "http://mlflow.test"+writePath, "{}"))
	return call.Outcome()
}

func always(status int, body string) func(int) response {
	return func(int) response { return response{status: status, body: body} }
}

const workspacesOn = `{"store_type": "SqlStore", "workspaces_enabled": true}`

func TestWorkspaceProbeIsCached(t *testing.T) {
	t.Parallel()
	s := newTenancy(always(200, workspacesOn))
	c := s.client(transport.RetryPolicy{})
	for range 3 {
		o := write(t.Context(), t, c)
		require.NoError(t, o.Err)
		assert.Equal(t, 200, o.Status)
		assert.Equal(t, 1, o.Attempts, "the question is not an attempt")
	}
	assert.EqualValues(t, 1, s.questions.Load())
	assert.EqualValues(t, 3, s.writes.Load())
}

func TestWorkspaceProbeIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTenancy(func(int) response { return response{status: 200, body: workspacesOn, takes: time.Second} })
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
		assert.EqualValues(t, 1, s.questions.Load())
		assert.EqualValues(t, 16, s.writes.Load())
	})
}

func TestWorkspaceIsRequiredForWrites(t *testing.T) {
	t.Parallel()
	for name, info := range map[string]func(int) response{
		"an older release":    always(404, "<!doctype html>"),
		"off":                 always(200, `{"store_type": "SqlStore", "workspaces_enabled": false}`),
		"before they existed": always(200, `{"store_type": "SqlStore"}`),
		// These would pass for the response of success to a write.
		"not a truth value": always(200, `{"workspaces_enabled": "true"}`),
		"another success":   always(202, `{"workspaces_enabled": true}`),
		"an empty object":   always(201, `{}`),
		"a list":            always(200, `[]`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTenancy(info)
			c := s.client(transport.RetryPolicy{})
			for question := range 2 {
				o := write(t.Context(), t, c)
				assert.Equal(t, transport.Unsupported, o.Kind)
				assert.Contains(t, o.Message, "does not support workspaces")
				assert.Equal(t, info(1).status, o.Status)
				assert.EqualValues(t, question+1, s.questions.Load(), "questions: the server may be upgraded")
			}
			assert.Zero(t, s.writes.Load())
		})
	}
}

func TestWorkspaceProbeReturnsOtherResponses(t *testing.T) {
	t.Parallel()
	for _, a := range []response{
		{status: 401, body: "who are you"},
		{status: 403},
		{status: 302},
		{status: 500, body: `{"error_code": "INTERNAL_ERROR"}`},
		{status: 503},
		{status: 200, body: "<!doctype html>sign in"},
		{status: 200},
		{status: 204},
	} {
		s := newTenancy(func(question int) response {
			if question == 1 {
				return a
			}
			return response{status: 200, body: workspacesOn}
		})
		c := s.client(transport.RetryPolicy{})
		o := write(t.Context(), t, c)
		require.NoError(t, o.Err)
		assert.Equal(t, a.status, o.Status)
		assert.Equal(t, a.body, string(o.Body))
		assert.Zero(t, s.writes.Load(), "after %d", a.status)

		require.NoError(t, write(t.Context(), t, c).Err)
		assert.EqualValues(t, 2, s.questions.Load(), "the next one asks again after %d", a.status)
		assert.EqualValues(t, 1, s.writes.Load())
	}
}

func TestWorkspaceProbeIsRetried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTenancy(func(question int) response {
			if question < 3 {
				return response{status: 503}
			}
			return response{status: 200, body: workspacesOn}
		})
		o := write(t.Context(), t, s.client(quick)) // must not run twice, unlike the question
		require.NoError(t, o.Err)
		assert.EqualValues(t, 3, s.questions.Load())
		assert.EqualValues(t, 1, s.writes.Load())
		assert.Equal(t, 1, o.Attempts)
		assert.False(t, o.MayHaveRun)
	})
}

func TestWorkspaceProbeWaitCanBeCanceled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTenancy(func(int) response { return response{status: 200, body: workspacesOn, takes: time.Minute} })
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
		o := write(ctx, t, c)
		require.ErrorIs(t, o.Err, context.DeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(start))
		require.NoError(t, <-asked)
		assert.EqualValues(t, 1, s.writes.Load())
	})
}

func TestWorkspaceProbeIsLeftOutWithoutWorkspace(t *testing.T) {
	t.Parallel()
	w := &fake{}
	_, err := transport.New(transport.Config{HTTPClient: client(w)}).Do(newRequest(t, http.MethodGet, "http://mlflow.test/a", ""))
	require.NoError(t, err)
	require.Len(t, w.visits, 1)
	assert.NotContains(t, w.visits[0].header, "X-Mlflow-Workspace")
}

// A server may be replaced by an older release, which would write into the default workspace.
func TestWorkspaceProbeIsSentAgainAfterTTL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTenancy(func(question int) response {
			if question == 1 {
				return response{status: 200, body: workspacesOn}
			}
			return response{status: 404}
		})
		c := s.client(transport.RetryPolicy{})
		require.Equal(t, transport.Success, write(t.Context(), t, c).Kind)
		time.Sleep(59 * time.Second)
		require.Equal(t, transport.Success, write(t.Context(), t, c).Kind)
		time.Sleep(time.Second)
		assert.Equal(t, transport.Unsupported, write(t.Context(), t, c).Kind)
		assert.EqualValues(t, 2, s.writes.Load())
	})
}

// All that wait get the result of one question, even if it fails.
func TestWorkspaceProbeThatFailsFailsAllThatWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTenancy(func(int) response { return response{err: refused(), takes: 100 * time.Millisecond} })
		policy := transport.RetryPolicy{MaxAttempts: 3, MinBackoff: 100 * time.Millisecond, MaxBackoff: 100 * time.Millisecond}
		c := s.client(policy)
		start := time.Now()
		var all sync.WaitGroup
		for range 32 {
			request := newRequest(t, http.MethodPost, "http://mlflow.test"+writePath, "{}")
			all.Go(func() {
				call := c.NewCall(transport.Operation{})
				_, _ = call.Do(request)
				assert.Equal(t, transport.NoConnection, call.Outcome().Kind)
				assert.Equal(t, 3, call.Outcome().Attempts)
			})
		}
		all.Wait()
		assert.LessOrEqual(t, time.Since(start), time.Second)
		assert.EqualValues(t, 3, s.questions.Load())
	})
}

// If the call that asks is given up, another one asks.
func TestWorkspaceProbeThatIsCanceledIsSentByAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTenancy(func(int) response { return response{status: 200, body: workspacesOn, takes: time.Second} })
		c := s.client(transport.RetryPolicy{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		first := make(chan transport.Outcome)
		request := newRequestWithContext(ctx, t, http.MethodPost, "http://mlflow.test"+writePath, "{}")
		go func() { first <- do(c, once, request) }()
		synctest.Wait()
		assert.Equal(t, transport.Success, write(t.Context(), t, c).Kind)
		assert.Equal(t, transport.Canceled, (<-first).Kind)
		assert.EqualValues(t, 2, s.questions.Load())
	})
}

// The question takes the path that calls take, which may have slashes that a proxy needs.
func TestWorkspaceProbeTakesThePathOfCalls(t *testing.T) {
	t.Parallel()
	f := &fake{respond: inTurn(response{status: 200, body: workspacesOn})}
	c := transport.New(transport.Config{
		HTTPClient: client(f), Workspace: "team", Server: &url.URL{Scheme: "http", Host: "mlflow.test", Path: "/a//b"},
	})
	require.Equal(t, transport.Success, post(t, c, once, "http://mlflow.test/a//b/api/2.0/mlflow/runs/create").Kind)
	assert.Equal(t, "http://mlflow.test/a//b/api/3.0/mlflow/server-info", f.visits[0].uri)
}

func TestWorkspaceHeaderFollowsRedirects(t *testing.T) {
	t.Parallel()
	f := &fake{respond: func(_ int, v visit) response {
		switch v.path {
		case infoPath:
			return response{status: 200, body: workspacesOn}
		case writePath:
			return response{status: 307, header: map[string]string{"Location": "https://other.test/elsewhere"}}
		}
		return response{status: 200, body: "{}"}
	}}
	c := transport.New(transport.Config{
		HTTPClient: client(f), Workspace: "team", Server: &url.URL{Scheme: "http", Host: "mlflow.test", Path: "/prefix"},
	})
	require.Equal(t, transport.Success, write(t.Context(), t, c).Kind)
	require.Len(t, f.visits, 3)
	assert.Equal(t, "team", f.visits[2].header.Get("X-Mlflow-Workspace"))
}
