package tracking_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"math/big"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/internal/wire"
	"github.com/mlflow-go/mlflow/tracking"
)

// A fault hits the first request of a call, or the way there. Then all is well again.
type fault struct {
	name  string
	means meaning
	err   error // what the call ends with, if it is not retried

	// What happens before a request arrives: dialing fails, or the connection does.
	dial    error
	unread  bool // a new connection ends before the request is read
	warm    bool // the request goes out on a connection that was used before
	dead    bool // which takes no byte any more
	closing bool // which the server closes while the request is on its way
	badCert bool

	// What happens to a request that arrives.
	ran    bool   // the server runs it first
	late   string // or runs a CreateRun, as the run of this ID, some time later
	after  time.Duration
	answer func(http.ResponseWriter, *http.Request)

	takes      time.Duration // until the call learns of the fault
	retryAfter time.Duration
	cancel     time.Duration // after which the caller gives up
}

// A meaning is what a client can know of a request after a fault.
type meaning string

const (
	notRun   meaning = "It cannot have run"
	maybeRan meaning = "It may have run"
	refused  meaning = "The database refused it"
	final    meaning = "A retry would bring the same"
)

const (
	attemptLimit = 5 * time.Second
	grace        = 2 * time.Second // before a search for a lost CreateRun
	html         = "text/html"
	loginPage    = "<!doctype html><title>Sign in</title>"
)

func abort(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func cut(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Length", "1000")
	respondWith(200, "application/json", `{"run": {"info": {`)(w, r)
}

func later(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", "7")
	respondWith(429, html, "slow down")(w, r)
}

func toLogin(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "/login?session=s3cret", http.StatusFound)
}

func faults() []fault {
	refusal := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	lookup := &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "example.com", IsNotFound: true}}
	unavailable, unexpected := tracking.ErrUnavailable, tracking.ErrUnexpectedResponse
	all := []fault{
		{name: "connection refused", means: notRun, dial: refusal},
		{name: "name not resolved", means: notRun, dial: lookup},
		{name: "429", means: notRun, answer: respondWith(429, html, "slow down")},
		{name: "429 with Retry-After", means: notRun, answer: later, retryAfter: 7 * time.Second},
		{name: "idle connection found dead", means: notRun, warm: true, dead: true},
		{name: "idle connection closed as the request arrives", means: maybeRan, err: unavailable, warm: true, closing: true},
		{name: "reset of a used connection after the request ran", means: maybeRan, err: unavailable, warm: true, ran: true, answer: abort},
		{name: "reset before the request was read", means: maybeRan, err: unavailable, unread: true},
		{name: "reset after the request ran", means: maybeRan, err: unavailable, ran: true, answer: abort},
	}
	for _, f := range []fault{
		{name: "timeout", err: unavailable, answer: hang, takes: attemptLimit},
		{name: "500 in HTML", answer: respondWith(500, html, "Internal Server Error")},
		{name: "502", err: unavailable, answer: respondWith(502, html, "Bad Gateway")},
		{name: "503", err: unavailable, answer: respondWith(503, html, "Service Unavailable")},
		{name: "504", err: unavailable, answer: respondWith(504, html, "Gateway Timeout")},
		{name: "response cut off", err: unexpected, answer: cut},
	} {
		f.means = maybeRan
		all = append(all, f)
		f.name, f.ran = f.name+", the request ran", true
		all = append(all, f)
	}
	return append(all,
		fault{
			name: "400 BAD_REQUEST", means: refused,
			answer: respondWith(400, "application/json", `{"error_code": "BAD_REQUEST", "message": "QueuePool limit reached"}`),
		},
		fault{
			name: "500 with an error code", means: final, err: tracking.ErrInvalidArgument,
			answer: respondWith(500, "application/json", `{"error_code": "INVALID_STATE", "message": "deleted"}`),
		},
		fault{name: "login page", means: final, err: unexpected, answer: respondWith(200, html, loginPage)},
		fault{name: "redirect (302) to a login page", means: final, err: unexpected, answer: toLogin},
		fault{name: "certificate not trusted", means: final, err: unavailable, badCert: true},
		fault{
			name: "429, and the context ends while waiting", means: final, err: errors.Join(tracking.ErrRateLimited, context.Canceled),
			answer: later, cancel: 3 * time.Second, takes: 3 * time.Second,
		},
	)
}

// A group holds the operations that are retried alike.
type group struct {
	name   string
	class  class
	writes bool
	ops    []string
}

type class int

const (
	mayRunTwice class = iota
	deletes           // there is nothing to run a second time
	creates
	createsWithKey
)

const withKey = "CreateRun with WithIdempotencyKey"

// groups returns the operations in groups that are retried alike.
func groups() []group {
	reads := group{"Gets and searches", mayRunTwice, false, nil}
	writes := group{"Logs, tags, updates, DeleteRun", mayRunTwice, true, nil}
	deleting := group{"DeleteTag, DeleteExperiment", deletes, true, nil}
	var creating []group
	for _, op := range tracking.Operations {
		switch isRead := strings.HasPrefix(op.Name, "Get") || strings.HasPrefix(op.Name, "Search"); {
		case !op.MayRunTwice:
			creating = append(creating, group{op.Name, creates, true, []string{op.Name}})
		case isRead:
			reads.ops = append(reads.ops, op.Name)
		case op.HasDone && strings.HasPrefix(op.Name, "Delete"):
			deleting.ops = append(deleting.ops, op.Name)
		default:
			writes.ops = append(writes.ops, op.Name)
		}
	}
	all := append([]group{reads, writes, deleting}, creating...)
	return append(all, group{withKey, createsWithKey, true, []string{withKey}})
}

// A cell is what became of a call.
type cell struct {
	outcome string // "ok" or an error
	seen    int    // requests that arrived at the server
	ran     int    // how often the server ran the operation
}

func (c cell) String() string { return fmt.Sprintf("%s %d/%d", c.outcome, c.seen, c.ran) }

// expected is the rule of the package doc's section on retries. With a key, CreateRun looks for the run first.
func expected(c class, f fault) cell {
	look := number(c == createsWithKey)
	first := cell{outcome: outcome(f.err), seen: look + number(f.answer != nil), ran: number(f.ran)}
	switch {
	case f.means == final, c == creates && (f.means == maybeRan || f.means == refused):
		if f.err == nil {
			first.outcome = noSentinel
		}
		return first
	case c == createsWithKey && f.means == maybeRan && f.ran:
		return cell{"ok", first.seen + 1, 1} // the search finds it
	case c == createsWithKey && f.means == maybeRan:
		return cell{"ok", first.seen + 3, 1} // a search, the retry, a search
	case c == deletes && f.ran:
		return cell{"ok", first.seen + 1, 1} // 404
	}
	return cell{"ok", first.seen + 1, first.ran + 1}
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// outcome names the sentinel that an error matches.
func outcome(err error) string {
	if err == nil {
		return "ok"
	}
	searchError(err)
	var names []string
	for name, sentinel := range map[string]error{
		"ErrNotFound": tracking.ErrNotFound, "ErrAlreadyExists": tracking.ErrAlreadyExists,
		"ErrInvalidArgument": tracking.ErrInvalidArgument, "ErrRateLimited": tracking.ErrRateLimited,
		"ErrUnavailable": tracking.ErrUnavailable, "ErrUnsupported": tracking.ErrUnsupported,
		"ErrUnexpectedResponse": tracking.ErrUnexpectedResponse,
		"context.Canceled":      context.Canceled, "context.DeadlineExceeded": context.DeadlineExceeded,
	} {
		if errors.Is(err, sentinel) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return cmp.Or(strings.Join(names, " and "), noSentinel)
}

const noSentinel = "*Error*"

func sample(t *testing.T, name string) operation {
	t.Helper()
	if name == withKey {
		op := sample(t, "CreateRun")
		op.use = createWithKey
		return op
	}
	i := slices.IndexFunc(operations, func(op operation) bool { return op.name == name })
	require.GreaterOrEqual(t, i, 0, name)
	return operations[i]
}

func createWithKey(ctx context.Context, c *tracking.Client) error {
	_, err := c.CreateRun(ctx, "7", tracking.WithIdempotencyKey("k1"))
	return err
}

// TestFaults plays every fault to every operation, and holds what came of it against the rule and docs/faults.md.
func TestFaults(t *testing.T) {
	t.Parallel()
	measured := make(map[string][]cell)
	for _, f := range faults() {
		for _, g := range groups() {
			for i, name := range g.ops {
				op := sample(t, name)
				got, waited := playFault(t, f, op)
				about := name + " × " + f.name
				want := expected(g.class, f)
				assert.Equal(t, want, got, about)
				if got.outcome == "ok" && g.writes {
					assert.Positive(t, got.ran, "%s: a lost write is reported as a success", about)
				}
				if g.class == creates || g.class == createsWithKey {
					assert.LessOrEqual(t, got.ran, 1, "%s: ran twice", about)
				}
				assertWait(t, g.class, f, want, waited, about)
				if i == 0 {
					measured[f.name] = append(measured[f.name], got)
				}
			}
		}
	}
	compareFile(t, "../docs/faults.md", faultsPage(measured))
}

// assertWait checks the time that a call took on a clock that only waiting moves on.
func assertWait(t *testing.T, c class, f fault, want cell, waited time.Duration, about string) {
	t.Helper()
	least := f.takes + f.retryAfter
	if c == createsWithKey && want.outcome == "ok" && f.means == maybeRan {
		least += grace // before the search for the key
		if !f.ran {
			least += grace // before that at the end
		}
	}
	most := least
	if want.outcome == "ok" && f.retryAfter == 0 {
		most += time.Second // the first backoff
	}
	assert.GreaterOrEqual(t, waited, least, about)
	assert.LessOrEqual(t, waited, most, about)
}

// playFault uses an operation on a server that a fault comes over.
func playFault(t *testing.T, f fault, op operation) (result cell, waited time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newFaultyServer(t, op.route)
		client := w.client(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w.warmUp(t)
		w.setFault(&f)
		if f.cancel > 0 {
			time.AfterFunc(f.cancel, cancel)
		}
		start := time.Now()
		err := op.use(ctx, client)
		waited = time.Since(start)
		if f.cancel > 0 {
			var answered *tracking.Error
			require.ErrorAs(t, err, &answered)
			assert.Equal(t, 429, answered.StatusCode, "the last answer is kept")
		}
		if err != nil {
			assert.NotContains(t, err.Error(), "s3cret")
		}
		w.requireNoConnections(t)
		w.mu.Lock()
		defer w.mu.Unlock()
		assert.LessOrEqual(t, w.live(), 1, "runs")
		result = cell{outcome(err), w.seen, w.ran}
	})
	return result, waited
}

// A faultyServer is a small MLflow and the way to it, in memory: in a synctest bubble, waiting for a socket would keep the
// clock from moving on.
type faultyServer struct {
	route     string // the operation that is counted, and that the fault hits
	transport *http.Transport
	conns     chan net.Conn
	closed    chan struct{}

	mu     sync.Mutex
	coming *fault // with the next request of the route
	fault  *fault // until it has hit
	open   int
	seen   int
	ran    int
	runs   []storedRun
	points map[string]bool
	// onRun, if set, is called before an operation runs.
	onRun          func()
	ignoresFilters bool
	keepsRuns      bool // and lets nobody delete any
}

type storedRun struct {
	id, name string
	tags     map[string]string
	deleted  bool
}

func newFaultyServer(t *testing.T, route string) *faultyServer {
	t.Helper()
	w := &faultyServer{route: route, conns: make(chan net.Conn), closed: make(chan struct{}), points: make(map[string]bool)}
	w.transport = &http.Transport{DialContext: w.dial, IdleConnTimeout: 4 * time.Second}
	w.transport.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	server := &http.Server{Handler: w, ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(w) }()
	t.Cleanup(func() {
		w.transport.CloseIdleConnections()
		assert.NoError(t, server.Close())
		assert.ErrorIs(t, <-stopped, http.ErrServerClosed)
	})
	return w
}

// client returns a client with the default retry policy.
func (w *faultyServer) client(t *testing.T, opts ...mlflow.Option) *tracking.Client {
	t.Helper()
	return newClient(t, append([]mlflow.Option{
		mlflow.WithTrackingURI("http://example.com"),
		mlflow.WithHTTPClient(&http.Client{Transport: viaFaultyServer{w}}),
		mlflow.WithTimeout(attemptLimit),
		mlflow.WithRetry(mlflow.RetryPolicy{}),
	}, opts...)...)
}

// viaFaultyServer lets the fault come with the first request of the operation that it is to hit. It sends by https while
// a certificate is at fault.
type viaFaultyServer struct{ w *faultyServer }

func (i viaFaultyServer) RoundTrip(r *http.Request) (*http.Response, error) {
	i.w.mu.Lock()
	isNow := i.w.coming != nil && r.Method+" "+r.URL.Path == i.w.route
	if isNow {
		i.w.fault, i.w.coming = i.w.coming, nil
	}
	needsNewConnection := isNow && !i.w.fault.warm
	secure := i.w.fault != nil && i.w.fault.badCert
	i.w.mu.Unlock()
	if needsNewConnection {
		i.w.transport.CloseIdleConnections()
	}
	if secure {
		r = r.Clone(r.Context())
		r.URL.Scheme = "https"
	}
	return i.w.transport.RoundTrip(r)
}

func (w *faultyServer) setFault(f *fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.coming = f
}

// warmUp leaves a connection that was used.
func (w *faultyServer) warmUp(t *testing.T) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://example.com/login", nil)
	require.NoError(t, err)
	response, err := w.transport.RoundTrip(request)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	synctest.Wait()
}

// requireNoConnections checks that no connection is in use any more, as one is whose response was not read or closed.
func (w *faultyServer) requireNoConnections(t *testing.T) {
	t.Helper()
	w.transport.CloseIdleConnections()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	assert.Zero(t, w.open, "connections left open")
}

func (w *faultyServer) dial(context.Context, string, string) (net.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ours, theirs := net.Pipe()
	if f := w.fault; f != nil {
		switch {
		case f.dial != nil:
			w.fault = nil
			return nil, f.dial
		case f.unread:
			w.fault = nil
			return ours, theirs.Close()
		case f.badCert:
			// It stays as it is: the point is that nothing is tried again.
			theirs = tls.Server(theirs, &tls.Config{Certificates: []tls.Certificate{selfSigned()}, MinVersion: tls.VersionTLS12})
		}
	}
	w.open++
	select {
	case w.conns <- theirs:
		return &faultyConn{Conn: ours, w: w}, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
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

var selfSigned = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"example.com"}, NotAfter: time.Unix(1<<32, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

func (w *faultyServer) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if r.URL.Path == "/login" {
		respondWith(200, html, loginPage)(rw, r)
		return
	}
	w.mu.Lock()
	w.seen++
	var f fault
	if w.fault != nil && w.fault.answer != nil {
		f, w.fault = *w.fault, nil
	}
	status, reply := 0, ""
	if f.ran || f.answer == nil {
		status, reply = w.run(r.Method+" "+r.URL.Path, body)
	}
	if f.late != "" {
		w.runLater(f.late, body, f.after)
	}
	w.mu.Unlock()
	if f.answer != nil {
		f.answer(rw, r)
		return
	}
	respondWith(status, "application/json", reply)(rw, r)
}

const (
	notThere     = `{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "not there"}`
	alreadyThere = `{"error_code": "RESOURCE_ALREADY_EXISTS", "message": "already there"}`
	notUnique    = `{"error_code": "BAD_REQUEST", "message": "(sqlite3.IntegrityError) UNIQUE constraint failed: metrics.key"}`
)

// runLater runs a CreateRun when some time has passed.
func (w *faultyServer) runLater(id string, body []byte, after time.Duration) {
	time.AfterFunc(after, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.run(w.route, body)
		w.runs[len(w.runs)-1].id = id
	})
}

// run does what a request asks for.
func (w *faultyServer) run(route string, body []byte) (status int, reply string) {
	var request struct {
		Filter  string                        `json:"filter"`
		RunID   string                        `json:"run_id"`
		RunName string                        `json:"run_name"`
		Tags    []struct{ Key, Value string } `json:"tags"`
		Key     string                        `json:"key"`
		Value   any                           `json:"value"`
		Metrics []struct {
			Key   string `json:"key"`
			Value any    `json:"value"`
		} `json:"metrics"`
	}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &request); err != nil {
			return 400, `{"error_code": "MALFORMED_REQUEST", "message": "malformed"}`
		}
	}
	first := w.ran == 0
	if w.onRun != nil && route == w.route {
		w.onRun()
	}
	switch {
	case strings.HasSuffix(route, "/delete-tag") && !first, strings.HasSuffix(route, "/experiments/delete") && !first:
		return 404, notThere
	case strings.HasSuffix(route, "/experiments/create") && !first:
		return 400, alreadyThere
	case strings.HasSuffix(route, "/log-metric") && request.Value == "NaN":
		if w.points[request.Key] {
			return 400, notUnique
		}
		w.points[request.Key] = true
	case strings.HasSuffix(route, "/log-batch"):
		for _, m := range request.Metrics {
			if m.Value == "NaN" && w.points[m.Key] {
				return 400, notUnique
			}
		}
		for _, m := range request.Metrics {
			w.points[m.Key] = true
		}
		for _, tag := range request.Tags {
			w.points["tag "+tag.Key] = true
		}
	}
	if route == w.route {
		w.ran++
	}
	switch {
	case strings.HasSuffix(route, "/runs/create"):
		created := storedRun{id: w.nextID(), name: request.RunName, tags: make(map[string]string)}
		for _, tag := range request.Tags {
			created.tags[tag.Key] = tag.Value
		}
		w.runs = append(w.runs, created)
		return 200, `{"run": ` + created.json() + `}`
	case strings.HasSuffix(route, "/runs/search"):
		var found []string
		for _, run := range w.runs {
			key, tagged := run.tags[wire.IdempotencyKeyTag]
			filter := "tags." + wire.IdempotencyKeyTag + " = '" + key + "'"
			if !run.deleted && (w.ignoresFilters || (tagged && request.Filter == filter)) {
				found = append(found, run.json())
			}
		}
		return 200, `{"runs": [` + strings.Join(found, ",") + `]}`
	case strings.HasSuffix(route, "/runs/set-tag"):
		for _, run := range w.runs {
			if run.id == request.RunID && run.deleted {
				return 400, `{"error_code": "INVALID_PARAMETER_VALUE", "message": "The run must be in the 'active' state"}`
			}
			if run.id == request.RunID {
				run.tags[request.Key] = fmt.Sprint(request.Value)
			}
		}
		return 200, `{}`
	case strings.HasSuffix(route, "/runs/delete"):
		if w.keepsRuns {
			return 403, "Permission denied"
		}
		for i := range w.runs {
			w.runs[i].deleted = w.runs[i].deleted || w.runs[i].id == request.RunID
		}
		return 200, `{}`
	}
	i := slices.IndexFunc(operations, func(op operation) bool { return op.route == route })
	return 200, operations[i].reply
}

func (r storedRun) json() string {
	tags := make([]map[string]string, 0, len(r.tags))
	for key, value := range r.tags {
		tags = append(tags, map[string]string{"key": key, "value": value})
	}
	encoded, err := json.Marshal(map[string]any{
		"info": map[string]any{"run_id": r.id, "run_uuid": r.id, "run_name": r.name, "experiment_id": "7", "status": "RUNNING"},
		"data": map[string]any{"tags": tags},
	})
	if err != nil {
		panic(err) // strings can be encoded
	}
	return string(encoded)
}

// nextID returns r1, r2 and so on, but for those that are taken.
func (w *faultyServer) nextID() string {
	for n := 1; ; n++ {
		id := fmt.Sprintf("r%d", n)
		if !slices.ContainsFunc(w.runs, func(run storedRun) bool { return run.id == id }) {
			return id
		}
	}
}

// live counts the runs that are not deleted.
func (w *faultyServer) live() int {
	count := 0
	for _, run := range w.runs {
		count += number(!run.deleted)
	}
	return count
}

// faultsPage returns docs/faults.md.
func faultsPage(measured map[string][]cell) string {
	var text strings.Builder
	text.WriteString(`# What becomes of a call when something fails

`)
	text.WriteString(`Made by ` + "`MLFLOW_UPDATE_DOCS=1 go test -run 'TestFaults$' ./tracking`" + `, which plays each fault to each operation, once, and
has a healthy server after it. A cell holds what the call returns, the number of requests that arrived at the server,
and how often the server ran the operation: ` + "`ok 2/1`" + ` is a success after two requests, one of which ran. With
WithIdempotencyKey the requests include the searches for the key. Errors go by the sentinel that they match; "*Error*" is
one that matches none. The retry policy is the default one.

- A call that reports success did run.
- No CreateRun or CreateExperiment runs twice. Where the response is lost and there is no key, it fails, although the
  server may have run it. (With a key, CreateRun looks for the run before it sends anything, which is one request more. A lost
  request that runs later than the search can make a second run: it is deleted when the search after the retry finds it,
  see WithIdempotencyKey.)
- Whatever else runs twice changes nothing the second time on a server with an SQL store. A file store keeps a metric's
  point twice.

`)
	text.WriteString("| fault |")
	for _, g := range groups() {
		text.WriteString(" " + g.name + " |")
	}
	text.WriteString("\n|" + strings.Repeat("---|", 1+len(groups())))
	means := meaning("")
	for _, f := range faults() {
		if f.means != means {
			means = f.means
			text.WriteString("\n| **" + string(means) + "** |" + strings.Repeat(" |", len(groups())))
		}
		text.WriteString("\n| " + f.name + " |")
		for _, c := range measured[f.name] {
			text.WriteString(" " + c.String() + " |")
		}
	}
	text.WriteString("\n\n")
	for _, g := range groups()[:2] {
		fmt.Fprintf(&text, "%q are %s.\n", g.name, strings.Join(g.ops, ", "))
	}
	return text.String()
}

// compareFile checks that a file holds what was measured, or makes it so.
func compareFile(t *testing.T, path, want string) {
	t.Helper()
	if os.Getenv("MLFLOW_UPDATE_DOCS") != "" {
		require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
		return
	}
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	got = bytes.ReplaceAll(got, []byte("\r\n"), []byte("\n"))
	assert.Equal(t, want, string(got), "%s is stale: run MLFLOW_UPDATE_DOCS=1 go test -run 'TestFaults$' ./tracking", path)
}

// ranThenReset loses the response to the first request, which ran.
var ranThenReset = fault{ran: true, answer: abort}

// onFaultyServer runs a test in a bubble with a server that a fault comes over, if there is one.
func onFaultyServer(t *testing.T, route string, f *fault, test func(*testing.T, *faultyServer, *tracking.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newFaultyServer(t, route)
		client := w.client(t)
		w.warmUp(t)
		w.setFault(f)
		test(t, w, client)
		w.requireNoConnections(t)
	})
}

func TestANaNThatDidLandIsASuccess(t *testing.T) {
	t.Parallel()
	const route = "POST /api/2.0/mlflow/runs/log-metric"
	logNaN := func(t *testing.T, client *tracking.Client) error {
		return client.LogMetric(t.Context(), "r1", "loss", math.NaN())
	}
	for _, warm := range []bool{false, true} { // net/http sends it again, or we do
		f := ranThenReset
		f.warm = warm
		onFaultyServer(t, route, &f, func(t *testing.T, w *faultyServer, client *tracking.Client) {
			require.NoError(t, logNaN(t, client))
			assert.Equal(t, 1, w.ran)
		})
	}
	onFaultyServer(t, route, nil, func(t *testing.T, w *faultyServer, client *tracking.Client) {
		require.NoError(t, logNaN(t, client))
		require.NoError(t, logNaN(t, client), "this very point is stored")
	})
}

func TestTheRestOfABatchIsStoredToo(t *testing.T) {
	t.Parallel()
	f := ranThenReset
	onFaultyServer(t, "POST /api/2.0/mlflow/runs/log-batch", &f, func(t *testing.T, w *faultyServer, client *tracking.Client) {
		w.onRun = func() { // the response was lost before all was stored
			w.points["nan"] = true
			w.onRun = nil
		}
		metrics := []tracking.Metric{{Key: "nan", Value: math.NaN()}, {Key: "loss", Value: 1}, {Key: "other", Value: math.NaN()}}
		require.NoError(t, client.LogBatch(t.Context(), "r1", metrics, nil, map[string]string{"a": "b"}))
		assert.Equal(t, map[string]bool{"nan": true, "loss": true, "other": true, "tag a": true}, w.points)
	})
}

func TestADeleteThatDidLandIsASuccess(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"DeleteTag", "DeleteExperiment"} {
		op := sample(t, name)
		for _, warm := range []bool{false, true} {
			f := ranThenReset
			f.warm = warm
			onFaultyServer(t, op.route, &f, func(t *testing.T, w *faultyServer, client *tracking.Client) {
				require.NoError(t, op.use(t.Context(), client), name)
				require.ErrorIs(t, op.use(t.Context(), client), tracking.ErrNotFound, "%s of nothing", name)
				assert.Equal(t, 1, w.ran)
			})
		}
	}
}
