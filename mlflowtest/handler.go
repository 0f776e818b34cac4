package mlflowtest

import (
	"errors"
	"net/http"
	"slices"
	"strings"
)

// version is the release that the server behaves as.
const version = "3.18.0"

// NewHandler returns a server that does not listen by itself: for a server of the caller's own, or for [Transport].
func NewHandler(opts ...Option) http.Handler {
	c := newConfig(opts)
	var result http.Handler = &handler{newStore(c.now, c.random)}
	for _, middleware := range slices.Backward(c.middlewares) {
		result = middleware(result)
	}
	return result
}

type handler struct {
	store *store
}

var endpointsByPath = func() map[string]*endpoint {
	m := map[string]*endpoint{}
	for _, e := range endpoints {
		m["mlflow/"+e.path] = e
	}
	return m
}()

// ServeHTTP serves a request, and makes a response of an error.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	err := h.serve(w, r)
	var refusal *failure
	if errors.As(err, &refusal) {
		writeFailure(w, refusal)
	}
}

func (h *handler) serve(w http.ResponseWriter, r *http.Request) error {
	switch r.URL.Path {
	case "/health", "/version":
		return writeText(w, map[string]string{"/health": "OK", "/version": version}[r.URL.Path])
	case "/get-artifact":
		return h.serveRunArtifact(w, r)
	case "/api/3.0/mlflow/server-info", "/ajax-api/3.0/mlflow/server-info":
		writeJSON(w, http.StatusOK, serverInfo)
		return nil
	case "/ajax-api/2.0/mlflow/upload-artifact":
		return h.uploadRunArtifact(w, r)
	}
	if r.Header.Get("X-MLFLOW-WORKSPACE") != "" {
		return &failure{http.StatusInternalServerError, "FEATURE_DISABLED", "Workspaces are not enabled on this server."}
	}
	name, ok := strings.CutPrefix(r.URL.Path, "/api/2.0/")
	if !ok {
		name, ok = strings.CutPrefix(r.URL.Path, "/ajax-api/2.0/")
	}
	e := endpointsByPath[name]
	artifact, isArtifact := strings.CutPrefix(name, artifactsPath+"/")
	switch {
	case !ok:
	case e != nil:
		return h.serveEndpoint(w, r, e)
	case name == "mlflow/logged-models/search" && r.Method == http.MethodPost:
		// Python's client looks for models when it lists a folder. There are none.
		writeJSON(w, http.StatusOK, emptyJSON{})
		return nil
	case isArtifact:
		return h.serveArtifact(w, r, artifact)
	case name == artifactsPath && r.Method == http.MethodGet:
		return h.listArtifacts(w, r)
	case strings.HasPrefix(name, "mlflow-artifacts/mpu/") || strings.HasPrefix(name, "mlflow-artifacts/presigned/"):
		return &failure{http.StatusNotImplemented, "NOT_IMPLEMENTED", "The storage of artifacts has no multipart transfers."}
	}
	writePage(w, http.StatusNotFound, "The requested URL was not found on the server. mlflowtest serves experiments, runs "+
		"and their artifacts.")
	return nil
}

func (h *handler) serveEndpoint(w http.ResponseWriter, r *http.Request, e *endpoint) error {
	if !slices.Contains(e.methods, r.Method) {
		writePage(w, http.StatusMethodNotAllowed, "The method is not allowed for the requested URL.")
		return nil
	}
	req, err := readRequest(r, e)
	if err != nil {
		return err
	}
	h.store.mu.Lock()
	result, err := e.serve(h.store, req)
	h.store.mu.Unlock()
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, result)
	return nil
}

func writeText(w http.ResponseWriter, text string) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err := w.Write([]byte(text))
	return err
}

var serverInfo = struct {
	StoreType                 string `json:"store_type"`
	WorkspacesEnabled         bool   `json:"workspaces_enabled"`
	MultipartUploadsEnabled   bool   `json:"multipart_uploads_enabled"`
	MultipartDownloadsEnabled bool   `json:"multipart_downloads_enabled"`
}{StoreType: "SqlStore"}
