package transport_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
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

var (
	once  = transport.Operation{Name: "CreateRun"}
	twice = transport.Operation{Name: "LogMetric", Safety: transport.MayRunTwice}
)

// post makes a call of an operation.
func post(t *testing.T, c *transport.Client, op transport.Operation, uri string) transport.Outcome {
	t.Helper()
	return do(c, op, newRequest(t, http.MethodPost, uri, "{}"))
}

func do(c *transport.Client, op transport.Operation, request *http.Request) transport.Outcome {
	call := c.NewCall(op)
	_, _ = call.Do(request)
	return call.Outcome()
}

// A connection that was used before and is lost as the request arrives may have carried it: net/http must not send it
// again by itself, whatever headers a request editor adds. If it may run twice, it is retried at once.
func TestAttemptIsOneRequest(t *testing.T) {
	t.Parallel()
	for _, header := range []string{"X-Request-ID", "X-Idempotency-Key", "Idempotency-Key"} {
		for _, op := range []transport.Operation{once, twice} {
			synctest.Test(t, func(t *testing.T) {
				requests := 0
				n := newNetwork(t, func(w http.ResponseWriter, r *http.Request) {
					_, err := io.ReadAll(r.Body)
					assert.NoError(t, err)
					if requests++; requests == 2 {
						panic(http.ErrAbortHandler)
					}
					assert.Equal(t, []string{"k1"}, r.Header[http.CanonicalHeaderKey(header)], "an editor's header is sent")
					io.WriteString(w, "{}")
				})
				c := transport.New(transport.Config{
					HTTPClient: client(n.transport(t)), Retry: quick,
					Edit: func(_ context.Context, r *http.Request) error {
						r.Header.Set(header, "k1")
						return nil
					},
				})
				require.Equal(t, transport.Success, post(t, c, once, "http://mlflow.test/").Kind)
				start := time.Now()
				o := post(t, c, op, "http://mlflow.test/")
				assert.Zero(t, time.Since(start), "the time waited")
				if op == once {
					assert.Equal(t, transport.ConnectionLost, o.Kind)
					assert.Equal(t, 2, requests)
					return
				}
				assert.Equal(t, transport.Success, o.Kind)
				assert.Equal(t, 3, requests)
				assert.Equal(t, 2, o.Attempts)
				assert.True(t, o.MayHaveRun)
			})
		}
	}
}

// What is found dead before a byte went out is nothing that may have run.
func TestConnectionThatIsDeadHasRunNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "{}") })
		dead := false
		tr := n.transport(t)
		tr.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := n.dial(ctx, network, address)
			return &dyingConn{conn, &dead}, err
		}
		c := transport.New(transport.Config{HTTPClient: client(tr)})
		require.Equal(t, transport.Success, post(t, c, once, "http://mlflow.test/").Kind)
		dead = true
		o := post(t, c, once, "http://mlflow.test/")
		assert.Equal(t, transport.Success, o.Kind)
		assert.Equal(t, 1, o.Attempts)
		assert.False(t, o.MayHaveRun)
	})
}

// A dyingConn takes no byte once it is dead, until the next connection is used.
type dyingConn struct {
	net.Conn
	dead *bool
}

func (c *dyingConn) Write(b []byte) (int, error) {
	if *c.dead {
		*c.dead = false
		return 0, errors.New("broken pipe")
	}
	return c.Conn.Write(b)
}

// However it is that no connection comes about, the server cannot have run the request.
func TestConnectionThatFailsHasRunNothing(t *testing.T) {
	t.Parallel()
	secure := &tls.Config{MinVersion: tls.VersionTLS12}
	hangs := func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	cutInHandshake := func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			_, err := io.ReadFull(theirs, make([]byte, 5))
			assert.NoError(t, err)
			theirs.Close()
		}()
		return ours, nil
	}
	silentInHandshake := func(ctx context.Context, _, _ string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go io.Copy(io.Discard, theirs)
		return ours, nil
	}
	for name, test := range map[string]struct {
		uri  string
		dial func(context.Context, string, string) (net.Conn, error)
	}{
		"dialing takes longer than an attempt":           {"http://mlflow.test/", hangs},
		"the TLS handshake is cut":                       {"https://mlflow.test/", cutInHandshake},
		"the TLS handshake takes longer than an attempt": {"https://mlflow.test/", silentInHandshake},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var dialed atomic.Int64
				tr := &http.Transport{TLSClientConfig: secure, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
					dialed.Add(1)
					return test.dial(ctx, network, address)
				}}
				t.Cleanup(tr.CloseIdleConnections)
				policy := quick
				policy.MaxAttempts = 3
				c := transport.New(transport.Config{HTTPClient: client(tr), Retry: policy, Timeout: 5 * time.Second})
				o := post(t, c, once, test.uri)
				assert.Equal(t, transport.NoConnection, o.Kind, "%v", o.Err)
				assert.Equal(t, 3, o.Attempts)
				assert.False(t, o.MayHaveRun)
				time.Sleep(time.Minute) // what was dialed ends
			})
		})
	}
}

// Waiting for a place among the requests in flight is no sending either.
func TestConnectionWaitHasRunNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		n := newNetwork(t, func(w http.ResponseWriter, _ *http.Request) {
			<-release
			io.WriteString(w, "{}")
		})
		c := transport.New(transport.Config{MaxConnsPerHost: 1, Retry: quick, Timeout: 5 * time.Second})
		c.HTTPTransport().DialContext = n.dial
		long, short := make(chan transport.Outcome), make(chan transport.Outcome)
		first := newRequest(t, http.MethodPost, "http://mlflow.test/", "{}")
		second := newRequest(t, http.MethodPost, "http://mlflow.test/", "{}")
		go func() { long <- do(c, once, first) }()
		synctest.Wait()
		go func() { short <- do(c, once, second) }()
		time.Sleep(5*time.Second - time.Millisecond)
		close(release)
		assert.Equal(t, transport.Success, (<-long).Kind)
		assert.Equal(t, transport.Success, (<-short).Kind)
		c.HTTPTransport().CloseIdleConnections()
	})
}

// proxied returns a client that reaches https servers through a proxy that responds to CONNECT as told.
func proxied(t *testing.T, ours bool, statuses ...int) (c *transport.Client, asked *atomic.Int64) {
	t.Helper()
	asked = new(atomic.Int64)
	dial := func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		go func() {
			defer far.Close()
			if _, err := http.ReadRequest(bufio.NewReader(far)); err != nil {
				return
			}
			status := statuses[min(int(asked.Add(1)), len(statuses))-1]
			fmt.Fprintf(far, "HTTP/1.1 %d %s\r\nContent-Length: 0\r\n\r\n", status, http.StatusText(status))
		}()
		return near, nil
	}
	proxy := http.ProxyURL(&url.URL{Scheme: "http", Host: "proxy.test"})
	if ours {
		c = transport.New(transport.Config{Retry: quick})
		c.HTTPTransport().Proxy, c.HTTPTransport().DialContext = proxy, dial
		return c, asked
	}
	tr := &http.Transport{Proxy: proxy, DialContext: dial}
	return transport.New(transport.Config{HTTPClient: client(tr), Retry: quick}), asked
}

func TestProxyThatIsUnavailableIsRetried(t *testing.T) {
	t.Parallel()
	for _, ours := range []bool{true, false} {
		for status, kind := range map[int]transport.Kind{
			502: transport.NoConnection, 503: transport.NoConnection, 504: transport.NoConnection,
			407: transport.ProxyRefused, 403: transport.ProxyRefused,
		} {
			synctest.Test(t, func(t *testing.T) {
				c, asked := proxied(t, ours, status)
				o := post(t, c, once, "https://mlflow.test/")
				assert.Equal(t, kind, o.Kind, "%d: %v", status, o.Err)
				want := int64(quick.MaxAttempts)
				if kind == transport.ProxyRefused {
					want = 1
				}
				assert.Equal(t, want, asked.Load(), "%d", status)
				assert.False(t, o.MayHaveRun)
			})
		}
	}
}

// What the caller's own functions return is final, whatever it wraps, and keeps its text.
func TestCallbackErrorsAreFinal(t *testing.T) {
	t.Parallel()
	theirs := &url.Error{Op: "Get", URL: "https://vault.test/?token=s3cret", Err: io.EOF}
	fails := func() error { return fmt.Errorf("no token: %w", theirs) }
	for name, config := range map[string]transport.Config{
		"a token source":   {Authorization: func(context.Context) (string, error) { return "", fails() }},
		"a request editor": {Edit: func(context.Context, *http.Request) error { return fails() }},
		"a redirect policy": {HTTPClient: &http.Client{
			CheckRedirect: func(*http.Request, []*http.Request) error { return fails() },
		}},
	} {
		f := &fake{respond: inTurn(response{status: 307, header: map[string]string{"Location": "/b"}})}
		if config.HTTPClient == nil {
			config.HTTPClient = &http.Client{}
		}
		config.HTTPClient.Transport = f
		config.Retry = quick
		o := post(t, transport.New(config), twice, "http://mlflow.test/a")
		assert.Equal(t, transport.NotSent, o.Kind, name)
		assert.Equal(t, 1, o.Attempts, name)
		assert.False(t, o.MayHaveRun, name)
		require.ErrorIs(t, o.Err, io.EOF, name)
		require.ErrorContains(t, o.Err, "no token: ", name)
		assert.NotContains(t, o.Err.Error(), "s3cret", name)
	}
}

func TestConnectionReachesIPv6AndUnixSocket(t *testing.T) {
	t.Parallel()
	socket := t.TempDir() + "/mlflow.sock"
	for name, address := range map[string]struct{ network, listen, uri string }{
		"IPv6":        {"tcp6", "[::1]:0", "http://%s/"},
		"unix socket": {"unix", socket, "http://mlflow.test/"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listener, err := new(net.ListenConfig).Listen(t.Context(), address.network, address.listen)
			if err != nil {
				t.Skip("not here: ", err)
			}
			server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "{}") }), ReadHeaderTimeout: time.Minute}
			go func() { assert.ErrorIs(t, server.Serve(listener), http.ErrServerClosed) }()
			t.Cleanup(func() { assert.NoError(t, server.Close()) })
			tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, address.network, listener.Addr().String())
			}}
			t.Cleanup(tr.CloseIdleConnections)
			uri := address.uri
			if strings.Contains(uri, "%s") {
				uri = fmt.Sprintf(uri, listener.Addr())
			}
			assert.Equal(t, transport.Success, post(t, transport.New(transport.Config{HTTPClient: client(tr)}), once, uri).Kind)
		})
	}
}

// HTTP/2, frame by frame: what net/http's own server does not do.

const (
	frameData      = 0x0
	frameHeaders   = 0x1
	frameReset     = 0x3
	frameSettings  = 0x4
	framePing      = 0x6
	frameGoAway    = 0x7
	endStream      = 0x1
	protocolError  = 0x1
	refusedStream  = 0x7
	internalError  = 0x2
	noError        = 0x0
	clientPreface  = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	statusOKHeader = "\x88" // of HPACK's static table
)

// writeFrame fails if the client is gone, which is its right.
func writeFrame(w io.Writer, kind, flags byte, stream uint32, payload string) {
	header := make([]byte, 9, 9+len(payload))
	binary.BigEndian.PutUint32(header, uint32(len(payload))<<8)
	header[3], header[4] = kind, flags
	binary.BigEndian.PutUint32(header[5:], stream)
	_, _ = w.Write(append(header, payload...))
}

// A framer is an HTTP/2 server without TLS that does to each request, once it is read whole, what it is told.
type framer struct {
	react    func(conn net.Conn, stream uint32)
	requests atomic.Int64
	conns    atomic.Int64
	pings    bool // whether pings are answered
}

func (f *framer) transport(t *testing.T) *http.Transport {
	t.Helper()
	tr := &http.Transport{Protocols: new(http.Protocols), DialContext: f.dial}
	tr.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

func (f *framer) dial(context.Context, string, string) (net.Conn, error) {
	f.conns.Add(1)
	ours, theirs := net.Pipe()
	go f.serve(theirs)
	return ours, nil
}

// closeIdle closes connections whose streams have ended.
func closeIdle(tr *http.Transport) {
	synctest.Wait() // net/http takes leave of a stream in a goroutine
	tr.CloseIdleConnections()
}

func (f *framer) serve(conn net.Conn) {
	defer conn.Close()
	if _, err := io.ReadFull(conn, make([]byte, len(clientPreface))); err != nil {
		return
	}
	out := make(chan func(), 100) // a pipe has no buffer: who writes must not keep from reading
	defer close(out)
	go func() {
		for write := range out {
			write()
		}
	}()
	out <- func() { writeFrame(conn, frameSettings, 0, 0, "") }
	for {
		header := make([]byte, 9)
		if _, err := io.ReadFull(conn, header); err != nil {
			return
		}
		payload := make([]byte, binary.BigEndian.Uint32(header)>>8)
		if _, err := io.ReadFull(conn, payload); err != nil {
			return
		}
		kind, flags, stream := header[3], header[4], binary.BigEndian.Uint32(header[5:])
		switch {
		case kind == framePing && flags == 0 && f.pings:
			out <- func() { writeFrame(conn, framePing, 1, 0, string(payload)) }
		case kind == frameSettings && flags == 0:
			out <- func() { writeFrame(conn, frameSettings, 1, 0, "") }
		case (kind == frameData || kind == frameHeaders) && flags&endStream != 0:
			f.requests.Add(1)
			out <- func() { f.react(conn, stream) }
		}
	}
}

func resetWith(code uint32) func(net.Conn, uint32) {
	return func(conn net.Conn, stream uint32) {
		writeFrame(conn, frameReset, 0, stream, string(binary.BigEndian.AppendUint32(nil, code)))
	}
}

// goAway says that no stream was processed.
func goAway(conn net.Conn, _ uint32) {
	writeFrame(conn, frameGoAway, 0, 0, string(binary.BigEndian.AppendUint32(make([]byte, 4), noError)))
}

// net/http sends a request again after such resets, hundreds of times in a second.
func TestHTTP2StreamResetIsOneRequest(t *testing.T) {
	t.Parallel()
	for name, react := range map[string]func(net.Conn, uint32){
		"PROTOCOL_ERROR": resetWith(protocolError), "REFUSED_STREAM": resetWith(refusedStream), "INTERNAL_ERROR": resetWith(internalError),
		"GOAWAY": goAway,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := &framer{react: react}
				tr := f.transport(t)
				c := transport.New(transport.Config{HTTPClient: client(tr), Retry: quick})
				o := post(t, c, once, "http://mlflow.test/")
				assert.Equal(t, transport.ConnectionLost, o.Kind, "%v", o.Err)
				assert.EqualValues(t, 1, f.requests.Load(), "requests")

				o = post(t, c, twice, "http://mlflow.test/")
				assert.Equal(t, transport.ConnectionLost, o.Kind, "%v", o.Err)
				assert.True(t, o.MayHaveRun)
				assert.EqualValues(t, 1+quick.MaxAttempts, f.requests.Load(), "requests")
				closeIdle(tr)
			})
		})
	}
}

func TestHTTP2SilentConnectionIsNotReused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &framer{react: func(net.Conn, uint32) {}}
		tr := f.transport(t)
		policy := quick
		policy.MaxAttempts = 4
		c := transport.New(transport.Config{HTTPClient: client(tr), Retry: policy, Timeout: 5 * time.Second})
		o := post(t, c, twice, "http://mlflow.test/")
		assert.Equal(t, transport.Timeout, o.Kind, "%v", o.Err)
		assert.EqualValues(t, 4, f.conns.Load(), "connections for 4 attempts")
		closeIdle(tr)
	})
}

// The client that we make notices a silent connection by itself, before an attempt's limit of 2 minutes.
func TestHTTP2SilentConnectionIsClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &framer{react: func(net.Conn, uint32) {}}
		c := transport.New(transport.Config{Timeout: transport.DefaultTimeout})
		tr := c.HTTPTransport()
		tr.DialContext, tr.Protocols = f.dial, new(http.Protocols)
		tr.Protocols.SetUnencryptedHTTP2(true)
		start := time.Now()
		o := post(t, c, once, "http://mlflow.test/")
		assert.Equal(t, transport.ConnectionLost, o.Kind, "%v", o.Err)
		assert.LessOrEqual(t, time.Since(start), 31*time.Second)
		closeIdle(tr)
	})
}

// One HTTP/2 connection carries any number of requests, and 15 in flight stall a server.
func TestHTTP2HasAtMost8RequestsInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		f := &framer{pings: true, react: func(conn net.Conn, stream uint32) {
			go func() {
				<-release
				writeFrame(conn, frameHeaders, endStream|0x4, stream, statusOKHeader)
			}()
		}}
		c := transport.New(transport.Config{})
		tr := c.HTTPTransport()
		tr.DialContext, tr.Protocols = f.dial, new(http.Protocols)
		tr.Protocols.SetUnencryptedHTTP2(true)
		done := make(chan transport.Outcome)
		for range 64 {
			request := newRequest(t, http.MethodPost, "http://mlflow.test/", "{}")
			go func() { done <- do(c, twice, request) }()
		}
		synctest.Wait()
		assert.LessOrEqual(t, f.requests.Load(), int64(8), "requests in flight")
		close(release)
		for range 64 {
			assert.Equal(t, 200, (<-done).Status)
		}
		assert.EqualValues(t, 64, f.requests.Load())
		closeIdle(tr)
	})
}
