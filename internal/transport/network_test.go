package transport_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/internal/transport"
)

// TestMain fails if a goroutine is left behind.
func TestMain(m *testing.M) { os.Exit(scenario.Main(m)) }

// A network is one server and the way to it, in memory: in a synctest bubble, waiting for a socket would keep the
// clock from moving on.
type network struct {
	conns  chan net.Conn
	closed chan struct{}

	mu    sync.Mutex
	state map[net.Conn]http.ConnState
}

// newNetwork starts a server for the rest of the test.
func newNetwork(t *testing.T, handler http.HandlerFunc) *network {
	t.Helper()
	n := &network{
		conns:  make(chan net.Conn),
		closed: make(chan struct{}),
		state:  make(map[net.Conn]http.ConnState),
	}
	server := &http.Server{Handler: handler, ConnState: n.connState}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(n) }()
	t.Cleanup(func() {
		assert.NoError(t, server.Close())
		assert.ErrorIs(t, <-stopped, http.ErrServerClosed)
	})
	return n
}

// transport returns a transport of the caller's own that reaches the server by any name.
func (n *network) transport(t *testing.T) *http.Transport {
	t.Helper()
	tr := &http.Transport{DialContext: n.dial}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

func (n *network) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case n.conns <- theirs:
		return ours, nil
	case <-n.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (n *network) Accept() (net.Conn, error) {
	select {
	case conn := <-n.conns:
		return conn, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

func (n *network) Close() error   { close(n.closed); return nil }
func (n *network) Addr() net.Addr { return &net.IPAddr{} }

func (n *network) connState(conn net.Conn, state http.ConnState) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.state[conn] = state
}

// connections returns how many connections were ever opened, and how many of them are still open.
func (n *network) connections() (opened, open int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, state := range n.state {
		if state != http.StateClosed {
			open++
		}
	}
	return len(n.state), open
}

// newRequest returns a request as the generated client makes them, with a query that must appear in no error.
func newRequest(t *testing.T, method, uri, body string) *http.Request {
	t.Helper()
	return newRequestWithContext(t.Context(), t, method, uri, body)
}

func newRequestWithContext(ctx context.Context, t *testing.T, method, uri, body string) *http.Request {
	t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	request, err := http.NewRequestWithContext(ctx, method, uri, reader)
	require.NoError(t, err)
	return request
}

// get sends a GET request, and returns the status and the body of the response.
func get(t *testing.T, client *transport.Client, uri string) (status int, body string) {
	t.Helper()
	response, err := client.Do(newRequest(t, http.MethodGet, uri, ""))
	require.NoError(t, err)
	data, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(data)
}

// roundTripper is a transport made of a function.
type roundTripper func(*http.Request) (*http.Response, error)

func (r roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return r(request) }

func client(through http.RoundTripper) *http.Client { return &http.Client{Transport: through} }
