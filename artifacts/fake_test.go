package artifacts_test

import (
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
	"github.com/mlflow-go/mlflow/internal/wire"
)

const (
	proxyPrefix = "/api/2.0/mlflow-artifacts/artifacts/0/run/artifacts/"
	anyRun      = "run"
)

// A fake is a server that keeps the artifacts of one run behind it, and can be made to say other things.
type fake struct {
	*httptest.Server

	uri string // of the run's artifacts
	// before, if set, may respond to a request in the server's place. It returns whether it did.
	before func(w http.ResponseWriter, r *http.Request) bool
	// list, if set, is what the server lists of every folder.
	list []gen.FileInfo

	mu       sync.Mutex
	files    map[string]string
	requests []string
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{uri: "mlflow-artifacts:/0/run/artifacts", files: make(map[string]string)}
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
	if f.before != nil && f.before(w, r) {
		return
	}
	path, isProxied := strings.CutPrefix(r.URL.Path, proxyPrefix)
	switch {
	case r.URL.Path == "/api/2.0/mlflow/runs/get":
		fmt.Fprintf(w, `{"run": {"info": {"run_id": "run", "artifact_uri": %q}, "data": {}}}`, f.uri)
	case r.URL.Path == "/api/2.0/mlflow/artifacts/list":
		f.listFolder(w, r.URL.Query().Get("path"))
	case isProxied && r.Method == http.MethodPut:
		content, err := io.ReadAll(r.Body)
		if err == nil {
			f.files[path] = string(content)
			io.WriteString(w, "{}")
		}
	case isProxied && r.Method == http.MethodGet, r.URL.Path == "/get-artifact":
		if !isProxied {
			path = r.URL.Query().Get("path")
		}
		w.Header().Set("Content-Disposition", "attachment")
		io.WriteString(w, f.files[path])
	default:
		http.NotFound(w, r)
	}
}

func (f *fake) listFolder(w http.ResponseWriter, folder string) {
	listed := f.list
	if listed == nil {
		seen := make(map[string]bool)
		for path, content := range f.files {
			rest, inside := strings.CutPrefix(path, folder+"/")
			if folder == "" {
				rest, inside = path, true
			}
			name, _, isDir := strings.Cut(rest, "/")
			if !inside || seen[name] {
				continue
			}
			seen[name] = true
			info := gen.FileInfo{Path: strings.TrimPrefix(folder+"/"+name, "/"), IsDir: wire.Bool(isDir)}
			if !isDir {
				info.FileSize = wire.Int64(len(content))
			}
			listed = append(listed, info)
		}
	}
	if err := json.NewEncoder(w).Encode(map[string]any{"files": listed, "root_uri": f.uri}); err != nil {
		panic(err)
	}
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
