package mlflowtest

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// artifactsPath is where proxied artifacts are.
const artifactsPath = "mlflow-artifacts/artifacts"

// maxUpload limits an upload through the path that MLflow's own pages use.
const maxUpload = 10 << 20

type filesJSON struct {
	RootURI string     `json:"root_uri,omitempty"`
	Files   []fileJSON `json:"files,omitempty"`
}

// serveArtifact downloads, uploads or deletes an artifact.
func (h *handler) serveArtifact(w http.ResponseWriter, r *http.Request, name string) error {
	if strings.Contains(name, "\n") { // no route has it
		writeDetail(w, http.StatusNotFound, "Not Found")
		return nil
	}
	name, err := safePath(name)
	if err != nil {
		return err
	}
	switch r.Method {
	case http.MethodGet:
		return h.download(w, r, name)
	case http.MethodPut:
		return h.upload(w, r, name)
	case http.MethodDelete:
		h.store.mu.Lock()
		defer h.store.mu.Unlock()
		h.store.artifacts.remove(name)
		writeJSON(w, http.StatusOK, emptyJSON{})
		return nil
	}
	writePage(w, http.StatusMethodNotAllowed, "The method is not allowed for the requested URL.")
	return nil
}

func (h *handler) download(w http.ResponseWriter, r *http.Request, name string) error {
	h.store.mu.Lock()
	dir, found := h.store.artifacts.open(name)
	h.store.mu.Unlock()
	if dir != nil {
		writeDetail(w, http.StatusBadRequest, "Artifact path refers to a directory, not a file: '"+name+"'")
		return nil
	}
	if found == nil {
		return missing("No such artifact: '%s'", name)
	}
	serveFile(w, r, path.Base(name), found)
	return nil
}

// serveFile responds with a file, or with the range of it that was asked for.
func serveFile(w http.ResponseWriter, r *http.Request, name string, found *file) {
	header := w.Header()
	header.Set("Content-Type", typeOf(name))
	header.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("ETag", found.etag())
	if len(found.content) == 0 && r.Header.Get("Range") != "" {
		header.Set("Content-Range", "bytes */0")
		w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
		return
	}
	http.ServeContent(w, r, name, found.modified, bytes.NewReader(found.content))
}

// typeOf returns the type of a file by its name. What text is not shown as such by browsers is plain.
func typeOf(name string) string {
	switch kind := mime.TypeByExtension(path.Ext(name)); {
	case kind == "":
		return "application/octet-stream"
	case strings.HasPrefix(kind, "text/") || strings.HasPrefix(kind, "application/json"):
		return "text/plain"
	default:
		return kind
	}
}

// upload stores an artifact. One that breaks off leaves nothing, and what was there before stays.
func (h *handler) upload(w http.ResponseWriter, r *http.Request, name string) error {
	if name == "" || strings.HasSuffix(name, "/") {
		writeDetail(w, http.StatusBadRequest, "Artifact path must include a filename (cannot end with '/').")
		return nil
	}
	folder, last := path.Split(name)
	if folder = strings.TrimRight(folder, "/"); folder != "" && folder != path.Clean(folder) || last == "." {
		return accident("the path '%s' of an artifact is not in its shortest form", name)
	}
	content, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // nobody is there for a response
	}
	if err := h.put(name, content); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

func (h *handler) put(name string, content []byte) error {
	h.store.mu.Lock()
	defer h.store.mu.Unlock()
	if !h.store.artifacts.put(name, &file{content, h.store.now()}) {
		return accident("there is a folder at '%s', or a file in place of a folder", name)
	}
	return nil
}

// listArtifacts lists a folder of all the artifacts there are. What is not there is empty.
func (h *handler) listArtifacts(w http.ResponseWriter, r *http.Request) error {
	name, err := safePath(r.URL.Query().Get("path"))
	if err != nil {
		return err
	}
	h.store.mu.Lock()
	defer h.store.mu.Unlock()
	var result filesJSON
	if dir, _ := h.store.artifacts.open(name); dir != nil {
		result.Files = dir.list()
	}
	writeJSON(w, http.StatusOK, result)
	return nil
}

// listRunArtifacts lists a folder of a run.
func (s *store) listRunArtifacts(req *request) (any, error) {
	name, err := safePath(req.text("path"))
	if err != nil {
		return nil, err
	}
	r, err := s.run(req.runID())
	if err != nil {
		return nil, err
	}
	root, err := r.root()
	if err != nil {
		return nil, err
	}
	result := filesJSON{RootURI: r.uri}
	if dir, _ := s.artifacts.open(root + "/" + name); dir != nil {
		result.Files = dir.list()
	}
	for i := range result.Files {
		if name != "" {
			result.Files[i].Path = strings.TrimSuffix(name, "/") + "/" + result.Files[i].Path
		}
	}
	return result, nil
}

// root returns the folder of a run's artifacts.
func (r *run) root() (string, error) {
	uri, err := url.Parse(r.uri)
	if err != nil || uri.Scheme != "mlflow-artifacts" {
		return "", &failure{
			http.StatusNotImplemented, "NOT_IMPLEMENTED",
			"mlflowtest keeps only artifacts whose location begins with mlflow-artifacts:, not those at " + r.uri,
		}
	}
	if uri.Opaque != "" {
		return uri.Opaque, nil
	}
	return uri.Path, nil
}

// serveRunArtifact downloads an artifact of a run by another path, as MLflow's own pages do.
func (h *handler) serveRunArtifact(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	if !query.Has("path") {
		return invalid("Request must specify path.")
	}
	name, err := safePath(query.Get("path"))
	if err != nil {
		return err
	}
	h.store.mu.Lock()
	dir, found, err := h.store.openOfRun(query, name)
	h.store.mu.Unlock()
	switch {
	case err != nil:
		return err
	case dir != nil:
		return invalid("Artifact path refers to a directory, not a file: '%s'", name)
	case found == nil:
		return missing("No such artifact: '%s'", name)
	}
	serveFile(w, r, path.Base(name), found)
	return nil
}

func (s *store) openOfRun(query url.Values, name string) (*folder, *file, error) {
	r, err := s.run(cmp.Or(query.Get("run_id"), query.Get("run_uuid")))
	if err != nil {
		return nil, nil, err
	}
	root, err := r.root()
	if err != nil {
		return nil, nil, err
	}
	dir, found := s.artifacts.open(root + "/" + name)
	return dir, found, nil
}

// uploadRunArtifact uploads a small artifact of a run by another path, as MLflow's own pages do.
func (h *handler) uploadRunArtifact(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	id, name := cmp.Or(query.Get("run_id"), query.Get("run_uuid")), query.Get("path")
	if id == "" || name == "" {
		return invalid("Request must specify run_id or run_uuid, and path.")
	}
	name, err := safePath(name)
	if err != nil {
		return err
	}
	content, err := io.ReadAll(io.LimitReader(r.Body, maxUpload+1))
	switch {
	case err != nil:
		panic(http.ErrAbortHandler) // nobody is there for a response
	case len(content) > maxUpload:
		return invalid("Artifact size is too large. Max size is 10MB.")
	case len(content) == 0:
		return invalid("Request must specify data.")
	}
	h.store.mu.Lock()
	found, err := h.store.run(id)
	h.store.mu.Unlock()
	if err != nil {
		return err
	}
	if err := h.put(fmt.Sprintf("%d/%s/artifacts/%s", found.experiment.id, id, name), content); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	return nil
}

// safePath decodes a path until nothing is left to decode, as MLflow does with every path of an artifact, and refuses
// one that leads out of its folder.
func safePath(name string) (string, error) {
	for range 10 {
		decoded := plainPath(unescape(name))
		if decoded == name {
			break
		}
		name = decoded
	}
	name = escapeControls(name)
	if strings.Contains(name, "#") || strings.HasPrefix(name, "/") || isWindowsRoot(name) {
		return "", invalid("Invalid path")
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return "", invalid("Invalid path")
		}
	}
	return name, nil
}

// plainPath removes what Python's urlparse does: tabs and line ends anywhere, and a mark of a query or of params that
// are empty.
func plainPath(name string) string {
	name = strings.NewReplacer("\t", "", "\r", "", "\n", "").Replace(name)
	for _, mark := range []string{"#", "?", ";"} {
		name = strings.TrimSuffix(name, mark)
	}
	return name
}

// escapeControls encodes control characters once more, in lower case.
func escapeControls(name string) string {
	var escaped strings.Builder
	for _, r := range name {
		if r < ' ' || r == 0x7f {
			fmt.Fprintf(&escaped, "%%%02x", r)
			continue
		}
		escaped.WriteRune(r)
	}
	return escaped.String()
}

func isWindowsRoot(name string) bool {
	return strings.HasPrefix(name, `\`) || len(name) > 2 && name[1] == ':' && (name[2] == '\\' || name[2] == '/')
}

// unescape replaces what is percent-encoded, and leaves a percent sign that encodes nothing.
func unescape(text string) string {
	var plain strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if decoded, err := url.PathUnescape(text[i : i+3]); err == nil {
				plain.WriteString(decoded)
				i += 2
				continue
			}
		}
		plain.WriteByte(text[i])
	}
	return strings.ToValidUTF8(plain.String(), "\uFFFD")
}
