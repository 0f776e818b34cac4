package mlflowtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/mlflowtest"
)

func clientOf(handler http.HandlerFunc) *http.Client {
	return &http.Client{Transport: mlflowtest.Transport(handler)}
}

func get(ctx context.Context, t *testing.T, client *http.Client) (*http.Response, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://mlflow.test/path?a=b", nil)
	require.NoError(t, err)
	return client.Do(request)
}

func TestTransportStreamsResponses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := clientOf(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Test", "yes")
			w.WriteHeader(http.StatusAccepted)
			for i := range 3 {
				time.Sleep(time.Hour)
				fmt.Fprint(w, i)
			}
		})
		began := time.Now()
		response, err := get(t.Context(), t, client)
		require.NoError(t, err)
		defer response.Body.Close()
		assert.Equal(t, time.Duration(0), time.Since(began), "the header does not wait for the body")
		assert.Equal(t, "202 Accepted", response.Status)
		assert.Equal(t, "yes", response.Header.Get("X-Test"))
		part := make([]byte, 8)
		n, err := response.Body.Read(part)
		require.NoError(t, err)
		assert.Equal(t, "0", string(part[:n]))
		assert.Equal(t, time.Hour, time.Since(began))
		rest, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		assert.Equal(t, "12", string(rest))
	})
}

func TestTransportStreamsRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := clientOf(func(w http.ResponseWriter, r *http.Request) {
			assert.Equal(t, int64(-1), r.ContentLength)
			assert.Equal(t, "mlflow.test", r.Host)
			assert.Equal(t, "/path", r.RequestURI)
			body, err := io.ReadAll(r.Body)
			assert.NoError(t, err)
			_, _ = w.Write(body)
		})
		reader, writer := io.Pipe()
		go func() {
			for i := range 3 {
				time.Sleep(time.Second)
				fmt.Fprint(writer, i)
			}
			writer.Close()
		}()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://mlflow.test/path", reader)
		require.NoError(t, err)
		response, err := client.Do(request)
		require.NoError(t, err)
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		assert.Equal(t, "012", string(body))
	})
}

func TestTransportEndsTheHandler(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(t *testing.T, client *http.Client){
		"when the request's context ends before the header": func(t *testing.T, client *http.Client) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := get(ctx, t, client)
			require.ErrorIs(t, err, context.DeadlineExceeded)
		},
		"when it ends before the body": func(t *testing.T, client *http.Client) {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			response, err := get(ctx, t, client)
			require.NoError(t, err)
			_, err = io.ReadAll(response.Body)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			response.Body.Close()
		},
		"when the body is closed": func(t *testing.T, client *http.Client) {
			response, err := get(t.Context(), t, client)
			require.NoError(t, err)
			response.Body.Close()
		},
		"when the client's time is over": func(t *testing.T, client *http.Client) {
			client.Timeout = time.Second
			_, err := get(t.Context(), t, client)
			require.ErrorIs(t, err, context.DeadlineExceeded)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ended := false
				client := clientOf(func(w http.ResponseWriter, r *http.Request) {
					select {
					case <-time.After(2 * time.Second):
						assert.NoError(t, http.NewResponseController(w).Flush())
					case <-r.Context().Done():
					}
					<-r.Context().Done()
					_, err := w.Write([]byte("too late"))
					assert.Error(t, err)
					ended = true
				})
				end(t, client)
				synctest.Wait()
				assert.True(t, ended)
			})
		})
	}
}

func TestTransportBreaksOff(t *testing.T) {
	t.Parallel()
	_, err := get(t.Context(), t, clientOf(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	require.ErrorContains(t, err, "broke the connection")
	_, err = get(t.Context(), t, clientOf(func(http.ResponseWriter, *http.Request) { panic("mistake") }))
	require.ErrorContains(t, err, "mistake")

	response, err := get(t.Context(), t, clientOf(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "half")
		panic(http.ErrAbortHandler)
	}))
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.ErrorContains(t, err, "broke the connection")
	assert.Equal(t, "half", string(body))
}

func TestTransportWithoutBodies(t *testing.T) {
	t.Parallel()
	client := clientOf(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.Empty(t, body)
		w.Header().Set("Content-Length", "4")
		fmt.Fprint(w, "body")
	})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodHead, "http://mlflow.test", nil)
	require.NoError(t, err)
	response, err := client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	assert.Equal(t, int64(4), response.ContentLength)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	assert.Empty(t, body)

	silent, err := get(t.Context(), t, clientOf(func(http.ResponseWriter, *http.Request) {}))
	require.NoError(t, err)
	defer silent.Body.Close()
	assert.Equal(t, http.StatusOK, silent.StatusCode)
}

// closed notes whether a body was closed.
type closed struct {
	io.Reader
	done chan struct{}
}

func (c closed) Close() error { close(c.done); return nil }

func TestTransportClosesTheBody(t *testing.T) {
	t.Parallel()
	body := closed{strings.NewReader("unread"), make(chan struct{})}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://mlflow.test", body)
	require.NoError(t, err)
	response, err := clientOf(func(http.ResponseWriter, *http.Request) {}).Do(request)
	require.NoError(t, err)
	response.Body.Close()
	<-body.done
}

// TestClientInABubble has the client retry for minutes that pass at once.
func TestClientInABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var up atomic.Bool
		handler := mlflowtest.NewHandler(mlflowtest.WithMiddleware(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !up.Load() {
					http.Error(w, "down", http.StatusServiceUnavailable)
					return
				}
				next.ServeHTTP(w, r)
			})
		}))
		client, err := mlflow.NewClient(mlflow.WithTrackingURI("http://mlflow.test"),
			mlflow.WithHTTPClient(&http.Client{Transport: mlflowtest.Transport(handler)}),
			mlflow.WithRetry(mlflow.RetryPolicy{MaxAttempts: 10, MinBackoff: time.Minute, MaxBackoff: time.Hour}))
		require.NoError(t, err)
		time.AfterFunc(10*time.Minute, func() { up.Store(true) })
		began := time.Now()
		_, err = client.Tracking().GetExperiment(t.Context(), "0")
		require.NoError(t, err)
		assert.Greater(t, time.Since(began), 10*time.Minute)
	})
}

var errBody = errors.New("the body cannot be read")

type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, errBody }
func (brokenBody) Close() error             { return nil }

func TestTransportHandsOnErrorsOfTheBody(t *testing.T) {
	t.Parallel()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://mlflow.test", brokenBody{})
	require.NoError(t, err)
	response, err := clientOf(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		assert.ErrorIs(t, err, errBody)
	}).Do(request)
	require.NoError(t, err)
	response.Body.Close()
}
