package tracking_test

import (
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/internal/golden"
	"github.com/mlflow-go/mlflow/tracking"
)

// A fault hits the first request of a call, or the way there. Then all is well again.
type fault struct {
	name  string
	means meaning
	err   error // what the call ends with, if it is not retried

	only      []network // the networks that know such a fault; nil for all
	overHTTP2 meaning   // if it means something else there

	// What is wrong with the client's own part of the work, or odd about it.
	options []mlflow.Option
	unsent  bool // so that no request is sent at all

	// What happens before a request arrives: dialing fails, or the connection does.
	dial         error
	dialHangs    bool
	connect      func(net.Conn) bool // what the proxy does when it is asked to CONNECT
	cutHandshake bool                // of TLS
	badCert      bool
	unread       bool // a new connection ends before the request is read
	warm         bool // the request goes out on a connection that was used before
	dead         bool // which takes no byte any more
	closing      bool // which the server closes while the request is on its way

	// What happens to a request that arrives.
	ran      bool   // the server runs it first
	late     string // or some time later; a CreateRun makes the run of this ID
	after    time.Duration
	delay    time.Duration // before the server does anything with it
	response func(http.ResponseWriter, *http.Request)
	frame    func(stream []byte) []byte // in the place of the reset by which HTTP/2 aborts

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

// hang never responds, even when the client is gone: over TLS it says so before it stops reading.
func hang(w http.ResponseWriter, r *http.Request) {
	<-r.Context().Done()
	abort(w, r)
}

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

// quoting responds with a page that shows what it was asked with, as debug pages do.
func quoting(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		respondWith(status, html, fmt.Sprintf("%s: %q", text, r.Header["Authorization"]))(w, r)
	}
}

// dripBody responds with the beginning of a success, and then a space every second. It does not end what it began, for the
// same reason.
func dripBody(w http.ResponseWriter, r *http.Request) {
	respondWith(200, "application/json", "{")(w, r)
	for http.NewResponseController(w).Flush() == nil {
		select {
		case <-time.After(time.Second):
		case <-r.Context().Done():
			abort(w, r)
		}
		_, _ = io.WriteString(w, " ")
	}
}

// dripHeader responds with a header line every second.
func dripHeader(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	_, err = io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
	for err == nil {
		_ = conn.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			return // the client is gone
		}
		_, err = io.WriteString(conn, "X-Drip: 1\r\n")
	}
}

// gzipTwice responds with gzip within gzip, where net/http undoes the outer one.
func gzipTwice(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Encoding", "gzip")
	respondWith(200, "application/json", gzipped(gzipped("{}")))(w, r)
}

func gzipped(text string) string {
	var packed strings.Builder
	w := gzip.NewWriter(&packed)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return packed.String()
}

// brotli responds with {} in an encoding that nobody asked for.
func brotli(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Encoding", "br")
	respondWith(200, "application/json", "\x0b\x00\x80{}\x03")(w, r)
}

// toOtherHost redirects to another name of the server.
func toOtherHost(w http.ResponseWriter, r *http.Request) {
	to := url.URL{Scheme: "http", Host: otherHost, Path: r.URL.Path, RawQuery: r.URL.RawQuery}
	if r.TLS != nil {
		to.Scheme = "https"
	}
	http.Redirect(w, r, to.String(), http.StatusTemporaryRedirect)
}

// askVault is a request of the caller's own that fails as lost requests do.
func askVault() error {
	failed := &url.Error{Op: "Get", URL: "https://vault.example.com/?token=" + plantedToken, Err: io.ErrUnexpectedEOF}
	return fmt.Errorf("no token today: %w", failed)
}

func faults() []fault {
	refusal := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	lookup := &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "example.com", IsNotFound: true}}
	unavailable, unexpected := tracking.ErrUnavailable, tracking.ErrUnexpectedResponse
	proxy, http1, http2 := []network{overProxy}, []network{overHTTP1, overProxy}, []network{overHTTP2}
	all := []fault{
		{name: "connection refused", means: notRun, dial: refusal},
		{name: "name not resolved", means: notRun, dial: lookup},
		{name: "dialing takes longer than an attempt", means: notRun, dialHangs: true, takes: attemptLimit},
		{name: "TLS handshake cut", means: notRun, cutHandshake: true},
		{name: "proxy responds to CONNECT with 502", means: notRun, only: proxy, connect: connectWith(502)},
		{name: "proxy responds to CONNECT with 503", means: notRun, only: proxy, connect: connectWith(503)},
		{name: "proxy cuts the connection after CONNECT", means: notRun, only: proxy, connect: cutConnect},
		{name: "429", means: notRun, response: quoting(429, "slow down")},
		{name: "429 with Retry-After", means: notRun, response: later, retryAfter: 7 * time.Second},
		{
			name: "redirect (307) to another host, which needs the workspace", means: notRun,
			response: toOtherHost, options: []mlflow.Option{mlflow.WithWorkspace("team")},
		},
		{name: "idle connection found dead", means: notRun, overHTTP2: maybeRan, err: unavailable, warm: true, dead: true},
		{name: "reset before the request was read", means: maybeRan, overHTTP2: notRun, err: unavailable, unread: true},
		{name: "idle connection closed as the request arrives", means: maybeRan, err: unavailable, warm: true, closing: true},
		{name: "reset of a used connection after the request ran", means: maybeRan, err: unavailable, warm: true, ran: true, response: abort},
		{
			name: "reset of a used connection, with an editor's X-Idempotency-Key", means: maybeRan, err: unavailable, warm: true, ran: true, response: abort,
			options: []mlflow.Option{mlflow.WithRequestEditor(func(_ context.Context, r *http.Request) error {
				r.Header.Set("X-Idempotency-Key", "k1")
				return nil
			})},
		},
		{name: "reset after the request ran", means: maybeRan, err: unavailable, ran: true, response: abort},
		{
			name: "stream reset with PROTOCOL_ERROR after the request ran", means: maybeRan, err: unavailable, only: http2,
			ran: true, response: abort, frame: resetWith(protocolError),
		},
		{name: "REFUSED_STREAM", means: maybeRan, err: unavailable, only: http2, response: abort, frame: resetWith(refusedStream)},
		{name: "GOAWAY", means: maybeRan, err: unavailable, only: http2, response: abort, frame: goAway},
	}
	for _, f := range []fault{
		{name: "timeout", err: unavailable, response: hang, takes: attemptLimit},
		{name: "header that drips in", err: unavailable, only: http1, response: dripHeader, takes: attemptLimit},
		{name: "body that drips in", err: unavailable, response: dripBody, takes: attemptLimit},
		{name: "500 in HTML", response: quoting(500, "Internal Server Error")},
		{name: "502", err: unavailable, response: quoting(502, "Bad Gateway")},
		{name: "503", err: unavailable, response: quoting(503, "Service Unavailable")},
		{name: "504", err: unavailable, response: quoting(504, "Gateway Timeout")},
		{name: "response cut off", err: unexpected, response: cut},
	} {
		f.means = maybeRan
		all = append(all, f)
		f.name, f.ran = f.name+", the request ran", true
		all = append(all, f)
	}
	return append(all,
		fault{
			name: "400 BAD_REQUEST", means: refused,
			response: respondWith(400, "application/json", `{"error_code": "BAD_REQUEST", "message": "QueuePool limit reached"}`),
		},
		fault{
			name: "500 with an error code", means: final, err: tracking.ErrInvalidArgument,
			response: respondWith(500, "application/json", `{"error_code": "INVALID_STATE", "message": "deleted"}`),
		},
		fault{name: "login page", means: final, err: unexpected, response: respondWith(200, html, loginPage)},
		fault{
			name: "200 that reports an error", means: final, err: unexpected,
			response: respondWith(200, "application/json", `{"code": 7, "message": "denied"}`),
		},
		fault{name: "brotli that nobody asked for, the request ran", means: final, err: unexpected, ran: true, response: brotli},
		fault{name: "gzip within gzip, the request ran", means: final, err: unexpected, ran: true, response: gzipTwice},
		fault{name: "redirect (302) to a login page", means: final, err: unexpected, response: toLogin},
		fault{name: "proxy responds to CONNECT with 407", means: final, only: proxy, connect: connectWith(407)},
		fault{name: "certificate not trusted", means: final, err: unavailable, badCert: true},
		fault{
			name: "token source fails with a *url.Error", means: final, unsent: true,
			options: []mlflow.Option{mlflow.WithTokenSource(func(context.Context) (string, error) { return "", askVault() })},
		},
		fault{
			name: "request editor fails with a *url.Error", means: final, unsent: true,
			options: []mlflow.Option{mlflow.WithRequestEditor(func(context.Context, *http.Request) error { return askVault() })},
		},
		fault{
			name: "429, and the context ends while waiting", means: final, err: errors.Join(tracking.ErrRateLimited, context.Canceled),
			response: later, cancel: 3 * time.Second, takes: 3 * time.Second,
		},
	)
}

// over returns the fault as it is over a network, and whether there is such a fault there.
func (f fault) over(n network) (fault, bool) {
	if n == overHTTP2 && f.overHTTP2 != "" {
		f.means = f.overHTTP2
	}
	return f, f.only == nil || slices.Contains(f.only, n)
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
	doneOnce          // there is nothing to run a second time
	creates
	createsWithKey
	getsOrCreates
)

const withKey = "CreateRun with WithIdempotencyKey"

// groups returns the operations in groups that are retried alike.
func groups() []group {
	reads := group{"Gets and searches", mayRunTwice, false, nil}
	writes := group{"Logs, tags, updates, DeleteRun, RestoreRun", mayRunTwice, true, nil}
	once := group{strings.Join(operationsDoneOnce(), ", "), doneOnce, true, operationsDoneOnce()}
	var creating []group
	isGetOrSearch := regexp.MustCompile("^(Get|Search|Sample)")
	for _, op := range tracking.Operations {
		switch isRead := isGetOrSearch.MatchString(op.Name); {
		case !op.MayRunTwice:
			creating = append(creating, group{op.Name, creates, true, []string{op.Name}})
		case isRead:
			reads.ops = append(reads.ops, op.Name)
		case !op.HasDone:
			writes.ops = append(writes.ops, op.Name)
		}
	}
	writes.ops = append(writes.ops, "SetTerminated")
	all := append([]group{reads, writes, once}, creating...)
	return append(all, group{withKey, createsWithKey, true, []string{withKey}},
		group{"GetOrCreateExperiment", getsOrCreates, true, []string{"GetOrCreateExperiment"}})
}

// operationsDoneOnce returns the operations that are refused the second time, which a retry takes for success.
func operationsDoneOnce() []string {
	var names []string
	for _, op := range tracking.Operations {
		if op.HasDone {
			names = append(names, op.Name)
		}
	}
	return names
}

// A cell is what became of a call.
type cell struct {
	outcome string // "ok" or an error
	seen    int    // requests that arrived at the server
	ran     int    // how often the server ran the operation
}

func (c cell) String() string { return fmt.Sprintf("%s %d/%d", c.outcome, c.seen, c.ran) }

// expected is the rule of the package doc's section on retries. With a key, CreateRun looks for the run first, and
// GetOrCreateExperiment for the experiment.
func expected(c class, f fault) cell {
	look := number((c == createsWithKey || c == getsOrCreates) && !f.unsent)
	first := cell{outcome: outcome(f.err), seen: look + number(f.response != nil), ran: number(f.ran)}
	switch {
	case c == getsOrCreates:
		return expectedOfGetOrCreate(f, first)
	case f.means == final, c == creates && (f.means == maybeRan || f.means == refused):
		if f.err == nil {
			first.outcome = noSentinel
		}
		return first
	case c == createsWithKey && f.means == maybeRan && f.ran:
		return cell{"ok", first.seen + 1, 1} // the search finds it
	case c == createsWithKey && f.means == maybeRan:
		return cell{"ok", first.seen + 3, 1} // a search, the retry, a search
	case c == doneOnce && f.ran:
		return cell{"ok", first.seen + 1, 1} // 404
	}
	return cell{"ok", first.seen + 1, first.ran + 1}
}

// expectedOfGetOrCreate is the rule for a call whose first two requests, of which the fault hit the second, had the
// given outcome.
func expectedOfGetOrCreate(f fault, first cell) cell {
	switch {
	case f.means != final:
		return cell{"ok", first.seen + 2, 1} // the retry, which creates or is refused, and a get
	case f.ran:
		return cell{"ok", first.seen + 1, 1} // it looks, and finds the experiment
	case errors.Is(f.err, tracking.ErrUnexpectedResponse):
		first.seen++ // it looks, and finds nothing
	}
	if f.err == nil {
		first.outcome = noSentinel
	}
	return first
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
	if i := slices.IndexFunc(composites, func(method composite) bool { return method.name == name }); i >= 0 {
		op := sample(t, composites[i].writes)
		op.use = composites[i].use
		return op
	}
	i := slices.IndexFunc(operations, func(op operation) bool { return op.name == name })
	require.GreaterOrEqual(t, i, 0, "samples_test.go has no sample of %s", name)
	return operations[i]
}

func createWithKey(ctx context.Context, c *tracking.Client) error {
	_, err := c.CreateRun(ctx, "7", tracking.WithIdempotencyKey("k1"))
	return err
}

// TestFaults plays every fault to every operation over every network, and holds what came of it against the rule and
// docs/faults.md.
func TestFaults(t *testing.T) {
	t.Parallel()
	measured, complete := make(measurements), true
	for _, n := range networks {
		if !n.isPlayable() {
			complete = false
			continue
		}
		for _, f := range faults() {
			played, known := f.over(n)
			if !known {
				continue
			}
			for _, g := range groups() {
				for i, name := range g.ops {
					got := checkFault(t, n, played, g, name)
					if i == 0 {
						measured.add(f.name, n, got)
					}
				}
			}
		}
	}
	if complete {
		assert.NoError(t, golden.Compare("../docs/faults.md", faultsPage(measured), golden.Updating()))
	}
}

// checkFault plays a fault to an operation, and holds what came of it against the rule.
func checkFault(t *testing.T, n network, f fault, g group, name string) cell {
	t.Helper()
	about := fmt.Sprintf("%s × %s, %s", name, f.name, n)
	got, waited := playFault(t, n, f, sample(t, name))
	want := expected(g.class, f)
	assert.Equal(t, want, got, about)
	if got.outcome == "ok" {
		assert.Positive(t, got.ran, "%s: a lost request is reported as a success", about)
	}
	if g.class == creates || g.class == createsWithKey || g.class == getsOrCreates {
		assert.LessOrEqual(t, got.ran, 1, "%s: ran twice", about)
	}
	assertWait(t, g.class, f, want, waited, about)
	return got
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
func playFault(t *testing.T, n network, f fault, op operation) (result cell, waited time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newFaultyServer(t, op.route, n)
		client := w.client(t, f.options...)
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
			assert.Equal(t, 429, answered.StatusCode, "the last response is kept")
		}
		if err != nil {
			assert.NotContains(t, err.Error(), "s3cret")
		}
		w.requireNoConnections(t)
		w.mu.Lock()
		defer w.mu.Unlock()
		assert.LessOrEqual(t, w.live(), 1, "runs")
		assert.Equal(t, f.unsent || f.badCert, w.coming != nil || w.fault != nil, "whether the fault is still there")
		assert.Nil(t, w.frame, "the stream was not reset")
		result = cell{outcome(err), w.seen, w.ran}
	})
	return result, waited
}

// ranThenReset loses the response to the first request, which ran.
var ranThenReset = fault{ran: true, response: abort}

func TestFaultsStoredNaNIsSuccess(t *testing.T) {
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

func TestFaultsLogBatchStoresTheRest(t *testing.T) {
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

func TestFaultsAlreadyDoneIsSuccess(t *testing.T) {
	t.Parallel()
	for _, name := range operationsDoneOnce() {
		op := sample(t, name)
		for _, warm := range []bool{false, true} {
			f := ranThenReset
			f.warm = warm
			onFaultyServer(t, op.route, &f, func(t *testing.T, w *faultyServer, client *tracking.Client) {
				require.NoError(t, op.use(t.Context(), client), name)
				require.ErrorIs(t, op.use(t.Context(), client), tracking.ErrNotFound, "%s a second time", name)
				assert.Equal(t, 1, w.ran)
			})
		}
	}
}

// A request that surely did not run before takes no 404 for its own doing.
func TestFaultsNotFoundIsAnErrorAtFirst(t *testing.T) {
	t.Parallel()
	for _, n := range networks {
		for _, f := range faults() {
			played, known := f.over(n)
			if !known || !n.isPlayable() || (played.means != notRun && played.means != refused && !played.unsent) {
				continue
			}
			for _, name := range operationsDoneOnce() {
				op := sample(t, name)
				synctest.Test(t, func(t *testing.T) {
					w := newFaultyServer(t, op.route, n)
					w.warmUp(t)
					w.gone = true
					w.setFault(&played)
					err := op.use(t.Context(), w.client(t, played.options...))
					if played.unsent {
						assert.NotErrorIs(t, err, tracking.ErrNotFound)
						err = op.use(t.Context(), w.client(t))
					}
					require.ErrorIs(t, err, tracking.ErrNotFound, "%s × %s, %s", name, f.name, n)
					w.requireNoConnections(t)
				})
			}
		}
	}
}
