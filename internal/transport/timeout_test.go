package transport_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/transport"
)

const slowURI = "http://mlflow.test/api/2.0/mlflow/runs/get?run_id=s3cret"

// hang never responds.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// drip responds at once, and then sends one byte a second for ever.
func drip(w http.ResponseWriter, r *http.Request) {
	for {
		io.WriteString(w, "x")
		if http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-time.After(time.Second):
		case <-r.Context().Done():
			return
		}
	}
}

// dripError is drip with a status that reports an error.
func dripError(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusInternalServerError)
	drip(w, r)
}

var slowServers = map[string]http.HandlerFunc{"no response": hang, "slow response": drip}

// requireTimeout checks that an error reports a time limit, but not one of the caller's context.
func requireTimeout(t *testing.T, err error) {
	t.Helper()
	var failed *url.Error
	require.ErrorAs(t, err, &failed)
	assert.True(t, failed.Timeout(), "Timeout() of %v", err)
	assert.NotErrorIs(t, err, context.DeadlineExceeded, "the caller's context has time left")
	assert.NotErrorIs(t, err, context.Canceled)
	assert.NotContains(t, err.Error(), "s3cret")
	assert.Contains(t, err.Error(), "http://mlflow.test/api/2.0/mlflow/runs/get")
}

func TestAttemptEndsAtItsTimeLimit(t *testing.T) {
	t.Parallel()
	for name, server := range slowServers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t, server)
				client := transport.New(transport.Config{HTTPClient: client(n.transport(t)), Timeout: 5 * time.Second})
				start := time.Now()
				_, err := client.Do(newRequest(t, http.MethodGet, slowURI, ""))
				assert.Equal(t, 5*time.Second, time.Since(start))
				requireTimeout(t, err)
				assert.ErrorContains(t, err, "no complete response within 5s")

				synctest.Wait()
				_, open := n.connections()
				assert.Zero(t, open, "connections open")
			})
		})
	}
}

func TestAttemptKeepsErrorStatusOfSlowBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, dripError)
		c := transport.New(transport.Config{HTTPClient: client(n.transport(t)), Timeout: 5 * time.Second})
		start := time.Now()
		response, err := c.Do(newRequest(t, http.MethodGet, slowURI, ""))
		require.NoError(t, err)
		assert.Equal(t, 5*time.Second, time.Since(start))
		assert.Equal(t, 500, response.StatusCode)
		body, _ := io.ReadAll(response.Body)
		assert.NotEmpty(t, body)

		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err = c.Do(newRequestWithContext(ctx, t, http.MethodGet, slowURI, ""))
		require.ErrorIs(t, err, context.DeadlineExceeded, "it is the caller who gives up")

		synctest.Wait()
		_, open := n.connections()
		assert.Zero(t, open, "connections open")
	})
}

func TestAttemptTimeLimitIncludesTokenSource(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := transport.New(transport.Config{
			Timeout: 5 * time.Second,
			Authorization: func(ctx context.Context) (string, error) {
				<-ctx.Done()
				return "", ctx.Err()
			},
		})
		_, err := client.Do(newRequest(t, http.MethodGet, slowURI, ""))
		require.ErrorContains(t, err, "no complete response within 5s")
		assert.NotErrorIs(t, err, context.DeadlineExceeded)

		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err = client.Do(newRequestWithContext(ctx, t, http.MethodGet, slowURI, ""))
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestAttemptHasTimeLimitOfItsOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(4 * time.Second)
			io.WriteString(w, "{}")
		})
		client := transport.New(transport.Config{HTTPClient: client(n.transport(t)), Timeout: 5 * time.Second})
		for range 3 {
			status, _ := get(t, client, slowURI)
			assert.Equal(t, 200, status)
		}
	})
}

func TestAttemptWithoutTimeLimitWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(100 * time.Hour)
			io.WriteString(w, "{}")
		})
		client := transport.New(transport.Config{HTTPClient: client(n.transport(t))})
		status, _ := get(t, client, slowURI)
		assert.Equal(t, 200, status)
	})
}

func TestAttemptEndsAtTheCallersDeadline(t *testing.T) {
	t.Parallel()
	for name, server := range slowServers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t, server)
				client := transport.New(transport.Config{HTTPClient: client(n.transport(t)), Timeout: 5 * time.Second})
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				start := time.Now()
				_, err := client.Do(newRequestWithContext(ctx, t, http.MethodGet, slowURI, ""))
				assert.Equal(t, 3*time.Second, time.Since(start))
				require.ErrorIs(t, err, context.DeadlineExceeded)
				assert.NotContains(t, err.Error(), "s3cret")
			})
		})
	}
}

func TestAttemptCanBeCanceled(t *testing.T) {
	t.Parallel()
	errStop := errors.New("the operator pressed stop")
	for name, server := range slowServers {
		for how, cause := range map[string]error{"cancelled": nil, "cancelled for a reason": errStop} {
			t.Run(name+" "+how, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					n := newNetwork(t, server)
					client := transport.New(transport.Config{HTTPClient: client(n.transport(t)), Timeout: 5 * time.Second})
					ctx, cancel := context.WithCancelCause(t.Context())
					time.AfterFunc(3*time.Second, func() { cancel(cause) })
					start := time.Now()
					_, err := client.Do(newRequestWithContext(ctx, t, http.MethodGet, slowURI, ""))
					assert.Equal(t, 3*time.Second, time.Since(start))
					require.ErrorIs(t, err, context.Canceled)
					if cause != nil {
						require.ErrorIs(t, err, cause)
					}
					assert.NotErrorIs(t, err, context.DeadlineExceeded)
				})
			})
		}
	}
}

func TestAttemptWithCanceledContextSendsNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	client := transport.New(transport.Config{HTTPClient: client(&http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) { panic("a connection was opened") },
	})})
	_, err := client.Do(newRequestWithContext(ctx, t, http.MethodPost, slowURI, "{}"))
	require.ErrorIs(t, err, context.Canceled)
}

// The time limits of net/http claim to be the deadline of the context, which they are not.
func TestAttemptTellsTimeLimitFromCallersContext(t *testing.T) {
	t.Parallel()
	for name, server := range slowServers {
		t.Run(name+" within http.Client.Timeout", func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				theirs := client(newNetwork(t, server).transport(t))
				theirs.Timeout = 3 * time.Second
				start := time.Now()
				_, err := transport.New(transport.Config{HTTPClient: theirs, Timeout: 5 * time.Second}).
					Do(newRequest(t, http.MethodGet, slowURI, ""))
				assert.Equal(t, 3*time.Second, time.Since(start))
				requireTimeout(t, err)
			})
		})
	}

	t.Run("no response within ResponseHeaderTimeout", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			theirs := newNetwork(t, hang).transport(t)
			theirs.ResponseHeaderTimeout = 3 * time.Second
			_, err := transport.New(transport.Config{HTTPClient: client(theirs), Timeout: 5 * time.Second}).
				Do(newRequest(t, http.MethodGet, slowURI, ""))
			requireTimeout(t, err)
		})
	})

	t.Run("no connection within net.Dialer.Timeout", func(t *testing.T) {
		t.Parallel()
		late := &net.Dialer{Deadline: time.Unix(1, 0)} // fails as one does that waited in vain
		_, err := transport.New(transport.Config{HTTPClient: client(&http.Transport{DialContext: late.DialContext})}).
			Do(newRequest(t, http.MethodGet, "http://127.0.0.1:1/api/2.0/mlflow/runs/get?run_id=s3cret", ""))
		var failed *url.Error
		require.ErrorAs(t, err, &failed)
		assert.True(t, failed.Timeout(), "Timeout() of %v", err)
		assert.NotErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, "i/o timeout")
	})

	t.Run("a context of the transport's own", func(t *testing.T) {
		t.Parallel()
		for _, theirs := range []error{context.Canceled, context.DeadlineExceeded} {
			_, err := transport.New(transport.Config{HTTPClient: client(roundTripper(func(*http.Request) (*http.Response, error) {
				return nil, theirs
			}))}).Do(newRequest(t, http.MethodGet, slowURI, ""))
			require.ErrorContains(t, err, theirs.Error())
			assert.NotErrorIs(t, err, theirs)
		}
	})
}
