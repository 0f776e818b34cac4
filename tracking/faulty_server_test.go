package tracking_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/tracking"
)

// A faultyServer is a small MLflow and the way to it, in memory: in a synctest bubble, waiting for a socket would keep the
// clock from moving on.
type faultyServer struct {
	route     string // the operation that is counted, and that the fault hits
	network   network
	transport *http.Transport
	conns     chan net.Conn
	closed    chan struct{}

	mu     sync.Mutex
	coming *fault                     // with the next request of the route
	fault  *fault                     // until it has hit
	frame  func(stream []byte) []byte // to send in the place of the next reset of a stream
	open   int
	seen   int
	ran    int
	runs   []storedRun
	points map[string]bool
	// onRun, if set, is called before an operation runs.
	onRun func()
	// onRequest, if set, returns the fault that hits a request.
	onRequest      func(route string) fault
	newID          func() string // nil counts
	ignoresFilters bool
	gone           bool // what is to be deleted or restored is not there
	keepsRuns      bool // and lets nobody delete any
}

type storedRun struct {
	id, name string
	tags     map[string]string
	metrics  []string // their keys
	deleted  bool
}

func newFaultyServer(t *testing.T, route string, n network) *faultyServer {
	t.Helper()
	w := &faultyServer{
		route: route, network: n, conns: make(chan net.Conn), closed: make(chan struct{}), points: make(map[string]bool),
	}
	w.transport = w.newTransport()
	server := &http.Server{Handler: w, ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute, Protocols: n.protocols()}
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
		mlflow.WithTrackingURI(w.network.scheme() + "://example.com"),
		mlflow.WithHTTPClient(&http.Client{Transport: viaFaultyServer{w}}),
		mlflow.WithTimeout(attemptLimit),
		mlflow.WithRetry(mlflow.RetryPolicy{}),
	}, opts...)...)
}

func (w *faultyServer) setFault(f *fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.coming = f
}

// warmUp leaves a connection that was used.
func (w *faultyServer) warmUp(t *testing.T) {
	t.Helper()
	uri := w.network.scheme() + "://example.com/login"
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, uri, nil)
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
	synctest.Wait()
	w.transport.CloseIdleConnections()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	assert.Zero(t, w.open, "connections left open")
}

// otherHost is another name of the server.
const otherHost = "other.example.com"

func (w *faultyServer) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	switch r.URL.Path {
	case "/login":
		respondWith(200, html, loginPage)(rw, r)
		return
	case "/api/3.0/mlflow/server-info":
		respondWith(200, "application/json", `{"workspaces_enabled": true}`)(rw, r)
		return
	}
	if id := r.URL.Query().Get("run_id"); id != "" {
		body = fmt.Appendf(nil, `{"run_id": %q}`, id)
	}
	route := r.Method + " " + r.URL.Path
	f := w.faultOf(route)
	time.Sleep(f.delay)
	w.mu.Lock()
	status, reply := 0, ""
	switch {
	case r.Host == otherHost && (r.Header.Get("X-Mlflow-Workspace") != "team" || r.Header.Get("Authorization") != ""):
		status, reply = 403, `{"error_code": "PERMISSION_DENIED", "message": "another workspace, or credentials of another host"}`
	case f.ran || f.response == nil:
		status, reply = w.run(route, body)
	}
	if f.late != "" {
		w.runLater(route, f.late, body, f.after)
	}
	w.mu.Unlock()
	if f.response != nil {
		f.response(rw, r)
		return
	}
	respondWith(status, "application/json", reply)(rw, r)
}

// faultOf returns the fault that hits a request which has arrived, or the zero fault.
func (w *faultyServer) faultOf(route string) fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen++
	if w.onRequest != nil {
		return w.onRequest(route)
	}
	if w.fault == nil || w.fault.response == nil {
		return fault{}
	}
	f := *w.fault
	w.fault, w.frame = nil, f.frame
	return f
}

const (
	notThere     = `{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "not there"}`
	alreadyThere = `{"error_code": "RESOURCE_ALREADY_EXISTS", "message": "already there"}`
	notUnique    = `{"error_code": "BAD_REQUEST", "message": "(sqlite3.IntegrityError) UNIQUE constraint failed: metrics.key"}`
)

// runLater runs a request when some time has passed. A run that it creates gets the ID.
func (w *faultyServer) runLater(route, id string, body []byte, after time.Duration) {
	time.AfterFunc(after, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.run(route, body)
		if route == createRoute {
			w.runs[len(w.runs)-1].id = id
		}
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
	first := route != w.route || (w.ran == 0 && !w.gone)
	if w.onRun != nil && route == w.route {
		w.onRun()
	}
	switch {
	case isDoneOnce(route) && !first:
		return 404, notThere
	case strings.HasSuffix(route, "/experiments/create") && !first:
		return 400, alreadyThere
	case strings.HasSuffix(route, "/get-by-name") && strings.HasSuffix(w.route, "/experiments/create") && w.ran == 0:
		return 404, notThere
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
	stored := slices.IndexFunc(w.runs, func(run storedRun) bool { return run.id == request.RunID })
	known := stored >= 0
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
			key, tagged := run.tags[tracking.IdempotencyKeyTag]
			filter := "tags." + tracking.IdempotencyKeyTag + " = '" + key + "'"
			if !run.deleted && (w.ignoresFilters || (tagged && request.Filter == filter)) {
				found = append(found, run.json())
			}
		}
		return 200, `{"runs": [` + strings.Join(found, ",") + `]}`
	case known && strings.HasSuffix(route, "/runs/get"):
		return 200, `{"run": ` + w.runs[stored].json() + `}`
	case known && w.runs[stored].deleted && !strings.HasSuffix(route, "/runs/delete"):
		return 400, `{"error_code": "INVALID_PARAMETER_VALUE", "message": "The run must be in the 'active' state"}`
	case known && strings.HasSuffix(route, "/runs/log-metric"):
		w.runs[stored].metrics = append(w.runs[stored].metrics, request.Key)
	case known && strings.HasSuffix(route, "/runs/set-tag"):
		w.runs[stored].tags[request.Key] = fmt.Sprint(request.Value)
	case known && strings.HasSuffix(route, "/runs/delete-tag"):
		delete(w.runs[stored].tags, request.Key)
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

// isDoneOnce reports whether a route is that of an operation which is refused the second time.
func isDoneOnce(route string) bool {
	return slices.ContainsFunc(operations, func(op operation) bool {
		return op.route == route && slices.Contains(operationsDoneOnce(), op.name)
	})
}

func (r storedRun) json() string {
	tags := make([]map[string]string, 0, len(r.tags))
	for key, value := range r.tags {
		tags = append(tags, map[string]string{"key": key, "value": value})
	}
	metrics := make([]map[string]any, 0, len(r.metrics))
	for _, key := range r.metrics {
		metrics = append(metrics, map[string]any{"key": key, "value": 1, "timestamp": 1, "step": 0})
	}
	stage := "active"
	if r.deleted {
		stage = "deleted"
	}
	encoded, err := json.Marshal(map[string]any{
		"info": map[string]any{
			"run_id": r.id, "run_uuid": r.id, "run_name": r.name, "experiment_id": "7", "status": "RUNNING", "lifecycle_stage": stage,
		},
		"data": map[string]any{"tags": tags, "metrics": metrics},
	})
	if err != nil {
		panic(err) // strings can be encoded
	}
	return string(encoded)
}

// nextID returns r1, r2 and so on, but for those that are taken.
func (w *faultyServer) nextID() string {
	if w.newID != nil {
		return w.newID()
	}
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

// onFaultyServer runs a test in a bubble with a server that a fault comes over, if there is one.
func onFaultyServer(t *testing.T, route string, f *fault, test func(*testing.T, *faultyServer, *tracking.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newFaultyServer(t, route, overHTTP1)
		client := w.client(t)
		w.warmUp(t)
		w.setFault(f)
		test(t, w, client)
		w.requireNoConnections(t)
	})
}
