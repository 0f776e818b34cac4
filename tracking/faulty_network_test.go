package tracking_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing/synctest"
	"time"
)

// A network is what lies between the client and a [faultyServer].
type network int

const (
	overHTTP1 network = iota
	overHTTP2         // without TLS, by prior knowledge
	overProxy         // https through a proxy that is asked to CONNECT
)

var networks = []network{overHTTP1, overHTTP2, overProxy}

// isPlayable reports whether the network can be played with. The HTTP/2 server of Go 1.25 shares channels among bubbles of
// testing/synctest, which ends the program.
func (n network) isPlayable() bool {
	return n != overHTTP2 || !strings.HasPrefix(runtime.Version(), "go1.25")
}

func (n network) String() string { return []string{"HTTP/1.1", "HTTP/2", "https by proxy"}[n] }

func (n network) scheme() string {
	if n == overProxy {
		return "https"
	}
	return "http"
}

// protocols returns nil for net/http's default.
func (n network) protocols() *http.Protocols {
	if n != overHTTP2 {
		return nil
	}
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	protocols.SetHTTP2(true) // a fault of TLS needs one that knows it
	return protocols
}

// newTransport returns a transport that reaches the server by any name.
func (w *faultyServer) newTransport() *http.Transport {
	trusted := x509.NewCertPool()
	trusted.AddCert(trustedCertificate().Leaf)
	t := &http.Transport{
		DialContext:     w.dial,
		IdleConnTimeout: 4 * time.Second,
		Protocols:       w.network.protocols(),
		TLSClientConfig: &tls.Config{
			RootCAs: trusted, MinVersion: tls.VersionTLS12,
			CurvePreferences: []tls.CurveID{tls.CurveP256}, // the quickest: there are thousands of connections
		},
	}
	if w.network == overProxy {
		t.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: "proxy.example.com"})
	}
	return t
}

// viaFaultyServer lets the fault come with the first request of the operation that it is to hit. It sends by https while
// TLS is at fault.
type viaFaultyServer struct{ w *faultyServer }

func (i viaFaultyServer) RoundTrip(r *http.Request) (*http.Response, error) {
	i.w.mu.Lock()
	isNow := i.w.coming != nil && r.Method+" "+r.URL.Path == i.w.route
	if isNow {
		i.w.fault, i.w.coming = i.w.coming, nil
	}
	needsNewConnection := isNow && !i.w.fault.warm
	secure := i.w.fault != nil && (i.w.fault.badCert || i.w.fault.cutHandshake)
	i.w.mu.Unlock()
	if needsNewConnection {
		synctest.Wait() // until HTTP/2 has taken leave of the last request
		i.w.transport.CloseIdleConnections()
	}
	if secure {
		r = r.Clone(r.Context())
		r.URL.Scheme = "https"
	}
	return i.w.transport.RoundTrip(r)
}

// CloseIdleConnections is what a client calls after a silent HTTP/2 connection.
func (i viaFaultyServer) CloseIdleConnections() { i.w.transport.CloseIdleConnections() }

func (w *faultyServer) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	f := w.faultOnTheWay()
	switch {
	case f.dial != nil:
		return nil, f.dial
	case f.dialHangs:
		<-ctx.Done()
		return nil, ctx.Err()
	}
	ours, theirs := net.Pipe()
	w.mu.Lock()
	w.open++
	w.mu.Unlock()
	go w.accept(theirs, f)
	return &faultyConn{Conn: ours, w: w}, nil
}

// faultOnTheWay returns the fault that hits a new connection, or the zero fault.
func (w *faultyServer) faultOnTheWay() fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fault == nil || !w.fault.isOnTheWay() {
		return fault{}
	}
	f := *w.fault
	if !f.badCert { // which stays as it is: the point is that nothing is tried again
		w.fault = nil
	}
	return f
}

// isOnTheWay reports whether the fault hits a connection before a request is on it.
func (f fault) isOnTheWay() bool {
	return f.dial != nil || f.dialHangs || f.connect != nil || f.cutHandshake || f.badCert || f.unread
}

// accept takes a new connection, through a proxy if there is one, to the server.
func (w *faultyServer) accept(conn net.Conn, f fault) {
	if w.network == overProxy {
		respond := f.connect
		if respond == nil {
			respond = connectWith(http.StatusOK)
		}
		if !respond(conn) {
			conn.Close()
			return
		}
	}
	if f.cutHandshake {
		_, _ = io.ReadFull(conn, make([]byte, 5)) // the head of the client's first record
		conn.Close()
		return
	}
	if w.network == overProxy || f.badCert {
		certificate := trustedCertificate()
		if f.badCert {
			certificate, conn = otherCertificate(), &patientConn{conn}
		}
		secure := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
		if f.unread {
			_ = secure.Handshake()
		}
		conn = secure
	}
	if f.unread {
		conn.Close()
		return
	}
	if w.network == overHTTP2 && !f.badCert {
		conn = &resettingConn{conn, w}
	}
	select {
	case w.conns <- conn:
	case <-w.closed:
		conn.Close()
	}
}

// A patientConn does not wait until what it writes is read, as a pipe does: a client that sees a bad certificate reads no
// further, and tells why.
type patientConn struct{ net.Conn }

func (c *patientConn) Write(b []byte) (int, error) {
	go func(b []byte) { _, _ = c.Conn.Write(b) }(slices.Clone(b))
	return len(b), nil
}

// connectWith responds to CONNECT, and reports whether the connection leads on to the server.
func connectWith(status int) func(net.Conn) bool {
	return func(conn net.Conn) bool {
		request, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil || request.Method != http.MethodConnect {
			return false
		}
		_, err = fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nContent-Length: 0\r\n\r\n", status, http.StatusText(status))
		return err == nil && status == http.StatusOK
	}
}

// cutConnect is a proxy that reads CONNECT and goes away.
func cutConnect(conn net.Conn) bool {
	_, _ = http.ReadRequest(bufio.NewReader(conn))
	return false
}

func (w *faultyServer) Accept() (net.Conn, error) {
	select {
	case conn := <-w.conns:
		return conn, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

func (w *faultyServer) Close() error   { close(w.closed); return nil }
func (w *faultyServer) Addr() net.Addr { return &net.IPAddr{} }

// A faultyConn is the client's end of a connection, and breaks when a fault says so.
type faultyConn struct {
	net.Conn
	w    *faultyServer
	once sync.Once
}

func (c *faultyConn) Write(b []byte) (int, error) {
	c.w.mu.Lock()
	f := c.w.fault
	if f != nil && (f.dead || f.closing) {
		c.w.fault = nil
	} else {
		f = nil
	}
	c.w.mu.Unlock()
	switch {
	case f == nil:
		return c.Conn.Write(b)
	case f.dead:
		return 0, syscall.EPIPE
	}
	return len(b), c.Conn.Close() // the bytes are on their way, and nobody reads them
}

func (c *faultyConn) Close() error {
	c.once.Do(func() {
		c.w.mu.Lock()
		defer c.w.mu.Unlock()
		c.w.open--
	})
	return c.Conn.Close()
}

// A resettingConn is the server's end of an HTTP/2 connection. Net/http's server resets a stream with INTERNAL_ERROR; a
// fault puts another frame in the place of that one.
type resettingConn struct {
	net.Conn
	w *faultyServer
}

// resetHeader is how a RST_STREAM frame begins: four bytes of payload, the type, no flags.
var resetHeader = []byte{0, 0, 4, 3, 0}

func (c *resettingConn) Write(b []byte) (int, error) {
	before, reset, found := bytes.Cut(b, resetHeader)
	if !found {
		return c.Conn.Write(b)
	}
	c.w.mu.Lock()
	frame := c.w.frame
	c.w.frame = nil
	c.w.mu.Unlock()
	if frame == nil {
		return c.Conn.Write(b)
	}
	stream, after := reset[:4], reset[8:]
	_, err := c.Conn.Write(slices.Concat(before, frame(stream), after))
	return len(b), err
}

const (
	protocolError = 1
	refusedStream = 7
)

// resetWith makes the frame that resets a stream with an error code.
func resetWith(code uint32) func(stream []byte) []byte {
	return func(stream []byte) []byte {
		return binary.BigEndian.AppendUint32(slices.Concat(resetHeader, stream), code)
	}
}

// goAway makes the frame that says that no stream was processed.
func goAway([]byte) []byte { return append([]byte{0, 0, 8, 7, 0}, make([]byte, 12)...) }

var (
	trustedCertificate = sync.OnceValue(selfSigned)
	otherCertificate   = sync.OnceValue(selfSigned)
)

func selfSigned() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"example.com", otherHost}, NotAfter: time.Unix(1<<32, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}
