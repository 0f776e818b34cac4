package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/lab/servers"
)

// lateCalls is how many CreateRun are lost and run late, each by another time: up to 2.8 s.
const lateCalls = 8

// lateCreates loses the first request of each CreateRun, and has the server run it when the client has looked for its run.
func lateCreates(ctx context.Context, server *servers.Server) error {
	relay, err := newLateRelay(server)
	if err != nil {
		return err
	}
	front := httptest.NewServer(relay)
	defer front.Close()
	w, err := newWorkers(ctx, server, "late requests", mlflow.WithTrackingURI(front.URL))
	if err != nil {
		return err
	}
	var working sync.WaitGroup
	for i := range lateCalls {
		working.Go(func() { w.create(ctx, strconv.Itoa(i)) })
	}
	working.Wait()
	relay.pending.Wait()
	if relay.failed > 0 {
		return fmt.Errorf("the server did not run %d of the lost requests", relay.failed)
	}
	if err := w.settle(ctx, server, "lost requests that run late"); err != nil {
		return fmt.Errorf("lost requests that run late: %w", err)
	}
	return nil
}

// A lateRelay hands on requests. It resets the connection of each that creates a run, the first time it comes, and
// hands it on later.
type lateRelay struct {
	server  string
	proxy   *httputil.ReverseProxy
	pending sync.WaitGroup

	mu     sync.Mutex
	seen   map[string]bool // by body: retries send the same bytes
	failed int
}

func newLateRelay(server *servers.Server) (*lateRelay, error) {
	target, err := url.Parse(server.URI)
	if err != nil {
		return nil, err
	}
	return &lateRelay{server: server.URI, proxy: httputil.NewSingleHostReverseProxy(target), seen: make(map[string]bool)}, nil
}

func (l *lateRelay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	l.mu.Lock()
	number, again := len(l.seen), l.seen[string(body)]
	lose := strings.HasSuffix(r.URL.Path, "/runs/create") && !again
	if lose {
		l.seen[string(body)] = true
	}
	l.mu.Unlock()
	if !lose {
		l.proxy.ServeHTTP(w, r)
		return
	}
	l.pending.Add(1)
	time.AfterFunc(time.Duration(number)*400*time.Millisecond, func() {
		defer l.pending.Done()
		if err := l.handOn(r.URL.Path, body); err != nil {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.failed++
		}
	})
	reset(w)
}

func (l *lateRelay) handOn(path string, body []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var run any
	return call(ctx, http.MethodPost, l.server+path, json.RawMessage(body), &run)
}

// reset ends a connection such that the client learns that its request is lost.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
