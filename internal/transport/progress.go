package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
)

// progress notes how far an attempt came, as far as net/http tells: a RoundTripper of the caller's own may tell nothing.
// It is what decides whether the server can have run a request to which no response came, and whether net/http may send
// the request again by itself.
type progress struct {
	wanted    atomic.Bool // a connection is wanted
	connected atomic.Bool // and there is one
	reused    atomic.Bool // which carried another request before
	http2     atomic.Bool
	sent      atomic.Bool // the request's headers went out, or into a buffer
	responded atomic.Bool // the first byte of a response came
	replays   atomic.Int64

	hooks httptrace.ClientTrace
}

// maxReplays limits how often net/http may send a request without a body again over HTTP/2, where the connection was lost
// after the request was sent. It knows no limit of its own. Once is fine: that is how a server goes away in good order.
const maxReplays = 1

// trace returns a context in which net/http notes the progress. The attempt is canceled when it sends the request again
// and again. A redirect begins anew.
func (p *progress) trace(ctx context.Context, cancel context.CancelFunc, noticeH2C bool) context.Context {
	p.hooks = httptrace.ClientTrace{
		GetConn: func(string) {
			p.wanted.Store(true)
			p.connected.Store(false)
		},
		GotConn: func(info httptrace.GotConnInfo) {
			isReplay := p.http2.Load() && p.sent.Load() && !p.responded.Load()
			if isReplay && p.replays.Add(1) > maxReplays {
				cancel()
			}
			secure, ok := info.Conn.(*tls.Conn)
			p.http2.Store(ok && secure.ConnectionState().NegotiatedProtocol == "h2")
			p.reused.Store(info.Reused)
			p.sent.Store(false)
			p.responded.Store(false)
			p.connected.Store(true)
		},
		WroteHeaders:         func() { p.sent.Store(true) },
		GotFirstResponseByte: func() { p.responded.Store(true) },
	}
	if noticeH2C { // nothing else tells HTTP/2 without TLS; it costs allocations for each header
		p.hooks.WroteHeaderField = func(name string, _ []string) {
			if strings.HasPrefix(name, ":") {
				p.http2.Store(true)
			}
		}
	}
	return httptrace.WithClientTrace(ctx, &p.hooks)
}

// hadNoConnection reports whether the request cannot have been sent, because no connection was made.
func (p *progress) hadNoConnection() bool { return p.wanted.Load() && !p.connected.Load() }

// wasStale reports whether a connection was lost that another request had used before. While it was idle the server may have
// closed it.
func (p *progress) wasStale() bool {
	return p.connected.Load() && p.reused.Load() && !p.responded.Load()
}

// errLost is the error of a request that net/http would have sent again by itself.
var errLost = errors.New("the connection was lost after the request was sent")

// guardBody makes one attempt one request. Net/http sends a request again by itself, and asks for its body again to do
// so: on HTTP/1.1 if not a byte of it went out, which is fine, or if its headers have an idempotency key; on HTTP/2 even
// after the server has read it, any number of times. A redirect asks for the body as well, after a response.
func (p *progress) guardBody(request *http.Request) {
	again := request.GetBody
	if again == nil {
		return
	}
	request.GetBody = func() (io.ReadCloser, error) {
		mayBeReplayed := p.http2.Load() || request.Header["Idempotency-Key"] != nil || request.Header["X-Idempotency-Key"] != nil
		if mayBeReplayed && p.connected.Load() && p.sent.Load() && !p.responded.Load() {
			return nil, errLost
		}
		return again()
	}
}
