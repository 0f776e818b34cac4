package transport_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/transport"
)

// panicking is a callback that panics when it is first called.
type panicking bool

const panicValue = "the program's own panic"

func (p *panicking) call() {
	if !*p {
		*p = true
		panic(panicValue)
	}
}

// TestCallPanicReachesCaller checks that what a callback panics with is what Do panics with, and that the client works
// afterwards.
func TestCallPanicReachesCaller(t *testing.T) {
	t.Parallel()
	for name, configure := range map[string]func(*transport.Config, *panicking){
		"request editor": func(config *transport.Config, p *panicking) {
			config.Edit = func(context.Context, *http.Request) error {
				p.call()
				return nil
			}
		},
		"token source": func(config *transport.Config, p *panicking) {
			config.Authorization = func(context.Context) (string, error) {
				p.call()
				return "Bearer x", nil
			}
		},
		"RoundTripper": func(config *transport.Config, p *panicking) {
			through := config.HTTPClient.Transport
			config.HTTPClient.Transport = roundTripper(func(request *http.Request) (*http.Response, error) {
				p.call()
				return through.RoundTrip(request)
			})
		},
		"HasRun": func(*transport.Config, *panicking) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := new(panicking)
				respond := inTurn(response{status: 200, body: "{}"})
				if name == "HasRun" {
					respond = inTurn(response{status: 503}, response{status: 200, body: "{}"})
				}
				f := &fake{respond: respond}
				config := transport.Config{HTTPClient: client(f), Retry: quick, Timeout: time.Minute}
				configure(&config, p)
				c := transport.New(config)
				use := func() (*http.Response, error) {
					call := c.NewCall(transport.Operation{Safety: transport.Reconciled})
					call.HasRun = func(context.Context) (bool, error) {
						p.call()
						return false, nil
					}
					return call.Do(newRequest(t, http.MethodPost, "http://mlflow.test/api/2.0/x", `{}`))
				}
				assert.PanicsWithValue(t, panicValue, func() { _, _ = use() })
				_, err := use()
				require.NoError(t, err)
				assert.Zero(t, f.unread, "bodies that were not closed")
			})
		})
	}
}

// TestCallPanicFreesConnection has one connection and one slot, which the second call needs.
func TestCallPanicFreesConnection(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/from" {
			w.Header().Set("Location", "/to")
			w.WriteHeader(http.StatusTemporaryRedirect)
			_, _ = io.WriteString(w, strings.Repeat("x", 1<<20)) // net/http closes the connection, or reads it
			return
		}
		_, _ = io.WriteString(w, "{}")
	}))
	t.Cleanup(server.Close)
	p := new(panicking)
	redirected := &http.Client{
		Transport: &http.Transport{MaxConnsPerHost: 1},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			p.call()
			return nil
		},
	}
	t.Cleanup(redirected.CloseIdleConnections)
	traced := new(panicking)
	trace := &httptrace.ClientTrace{GetConn: func(string) { traced.call() }}
	for name, test := range map[string]struct {
		config transport.Config
		ctx    context.Context //nolint:containedctx // it has the trace
	}{
		"CheckRedirect":     {transport.Config{HTTPClient: redirected}, t.Context()},
		"trace with a slot": {transport.Config{MaxConnsPerHost: 1}, httptrace.WithClientTrace(t.Context(), trace)},
	} {
		test.config.Timeout = 10 * time.Second
		c := transport.New(test.config)
		use := func() (*http.Response, error) {
			request, err := http.NewRequestWithContext(test.ctx, http.MethodGet, server.URL+"/from", nil)
			require.NoError(t, err)
			return c.Do(request)
		}
		assert.PanicsWithValue(t, panicValue, func() { _, _ = use() }, name)
		_, err := use()
		assert.NoError(t, err, name)
	}
}

// TestWorkspaceProbePanicLetsOthersAsk checks that calls which wait for a probe don't wait forever when it panics.
func TestWorkspaceProbePanicLetsOthersAsk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := new(panicking)
		f := &fake{respond: inTurn(response{status: 200, body: `{"workspaces_enabled": true}`})}
		c := transport.New(transport.Config{
			HTTPClient: client(f), Workspace: "team", Server: &url.URL{Scheme: "http", Host: "mlflow.test"},
			Edit: func(context.Context, *http.Request) error {
				time.Sleep(time.Second) // until all wait
				p.call()
				return nil
			},
		})
		use := func() error {
			_, err := c.Do(newRequest(t, http.MethodGet, "http://mlflow.test/api/2.0/x", ""))
			return err
		}
		waiting := make(chan error, 2)
		panicked := make(chan any)
		go func() {
			defer func() { panicked <- recover() }()
			_ = use()
		}()
		synctest.Wait()
		for range cap(waiting) {
			go func() { waiting <- use() }()
		}
		assert.Equal(t, panicValue, <-panicked)
		for range cap(waiting) {
			require.NoError(t, <-waiting)
		}
	})
}

// A fragile content panics in one of its methods, which net/http calls on goroutines of its own.
type fragile struct {
	io.Reader
	where string
}

func (f *fragile) Read(b []byte) (int, error) {
	if f.where == "Read" {
		panic(panicValue)
	}
	return f.Reader.Read(b)
}

func (f *fragile) Close() error {
	if f.where == "Close" {
		panic(panicValue)
	}
	return nil
}

func TestContentPanicReachesCaller(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "{}")
	}))
	t.Cleanup(server.Close)
	c := transport.New(transport.Config{Timeout: 10 * time.Second}).Streams()
	for _, where := range []string{"Open", "Read", "Close", "OnSent", ""} {
		const text = "content"
		call := c.NewCall(uploads)
		call.Content = &transport.Content{
			Size: int64(len(text)),
			Open: func() (io.ReadCloser, error) {
				if where == "Open" {
					panic(panicValue)
				}
				return &fragile{strings.NewReader(text), where}, nil
			},
			OnSent: func(int64) {
				if where == "OnSent" {
					panic(panicValue)
				}
			},
		}
		use := func() {
			_, err := call.Do(newRequest(t, http.MethodPut, server.URL, ""))
			require.NoError(t, err)
		}
		if where == "" {
			assert.NotPanics(t, use)
		} else {
			assert.PanicsWithValue(t, panicValue, use, where)
		}
	}
}
