package artifacts_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/artifacts"
	"github.com/mlflow-go/mlflow/gen"
	"github.com/mlflow-go/mlflow/mlflowtest"
)

// newStore returns a server of package mlflowtest with one run. The run has the same ID each time.
func newStore() (server http.Handler, runID string) {
	server = mlflowtest.NewHandler(mlflowtest.WithSeed(1))
	client, err := mlflow.NewClient(
		mlflow.WithTrackingURI("http://mlflow.test"), mlflow.WithHTTPClient(&http.Client{Transport: mlflowtest.Transport(server)}),
	)
	if err != nil {
		panic(err)
	}
	run, err := client.Tracking().CreateRun(context.Background(), "0")
	if err != nil {
		panic(err)
	}
	return server, run.Info.RunID
}

// anyRun is the run of each fake, and artifactsOfRun where it has its artifacts.
var (
	_, anyRun      = newStore()
	artifactsOfRun = "/0/" + anyRun + "/artifacts"
	proxyPrefix    = "/api/2.0/mlflow-artifacts/artifacts" + artifactsOfRun + "/"
)

// A fake is a server of package mlflowtest with one run, which can be made to say what no server should.
type fake struct {
	*httptest.Server

	// before, if set, may respond to a request in the server's place. It returns whether it did.
	before func(w http.ResponseWriter, r *http.Request) bool
	// uri, if set, is the artifact URI of the run.
	uri string
	// list, if set, is what the server lists of every folder.
	list []gen.FileInfo

	mlflow   http.Handler
	mu       sync.Mutex
	requests []string
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := new(fake)
	f.mlflow, _ = newStore()
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.Close)
	return f
}

// client returns a client that tries things twice, quickly.
func (f *fake) client(t *testing.T, opts ...mlflow.Option) *artifacts.Client {
	t.Helper()
	client, err := mlflow.NewClient(append([]mlflow.Option{
		mlflow.WithTrackingURI(f.URL), mlflow.WithRetry(mlflow.RetryPolicy{MaxAttempts: 2, MinBackoff: time.Millisecond}),
	}, opts...)...)
	require.NoError(t, err)
	return client.Artifacts()
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, r.Method+" "+r.URL.Path)
	switch {
	case f.before != nil && f.before(w, r):
	case f.uri != "" && r.URL.Path == "/api/2.0/mlflow/runs/get":
		fmt.Fprintf(w, `{"run": {"info": {"run_id": %q, "artifact_uri": %q}, "data": {}}}`, anyRun, f.uri)
	case f.list != nil && r.URL.Path == "/api/2.0/mlflow/artifacts/list":
		_ = json.NewEncoder(w).Encode(map[string]any{"files": f.list}) // an error is seen by the client
	default:
		f.mlflow.ServeHTTP(w, r)
	}
}

// put stores a file of the run, whatever the fake says to others.
func (f *fake) put(t *testing.T, path, content string) {
	t.Helper()
	response := httptest.NewRecorder()
	f.mlflow.ServeHTTP(response, httptest.NewRequest(http.MethodPut, proxyPrefix+path, strings.NewReader(content)))
	require.Equal(t, http.StatusOK, response.Code)
}

// file returns what is stored as a file of the run.
func (f *fake) file(t *testing.T, path string) string {
	t.Helper()
	response := httptest.NewRecorder()
	f.mlflow.ServeHTTP(response, httptest.NewRequest(http.MethodGet, proxyPrefix+path, nil))
	require.Equal(t, http.StatusOK, response.Code)
	return response.Body.String()
}

// asked returns the requests so far.
func (f *fake) asked() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.requests...)
}

// isUpload reports whether a request stores a file behind the server.
func isUpload(r *http.Request) bool { return r.Method == http.MethodPut }

// isDownload reports whether a request asks for a file behind the server.
func isDownload(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, proxyPrefix)
}

// attach sends a file as MLflow does.
func attach(w http.ResponseWriter, content string) {
	w.Header().Set("Content-Disposition", "attachment")
	io.WriteString(w, content)
}

func mustParse(t *testing.T, uri string) *url.URL {
	t.Helper()
	parsed, err := url.Parse(uri)
	require.NoError(t, err)
	return parsed
}

func assertNothingSent(t *testing.T, f *fake) {
	t.Helper()
	assert.Empty(t, f.asked(), "requests")
}
