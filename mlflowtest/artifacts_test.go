package mlflowtest_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/mlflowtest"
	"github.com/mlflow-go/mlflow/tracking"
)

// The responses here are those of a real server with local storage, as lab/differential compares them.

// newArtifacts returns a server, the ID of a run in it, and where the run's files are.
func newArtifacts(t *testing.T, opts ...tracking.CreateExperimentOption) (handler http.Handler, runID, root string) {
	t.Helper()
	handler = mlflowtest.NewHandler(mlflowtest.WithSeed(1))
	client := newClient(t, handler)
	id, err := client.CreateExperiment(t.Context(), "files", opts...)
	require.NoError(t, err)
	run, err := client.CreateRun(t.Context(), id, tracking.WithRunName("run"))
	require.NoError(t, err)
	return handler, run.Info.RunID, fmt.Sprintf("/api/2.0/mlflow-artifacts/artifacts/%s/%s/artifacts/", id, run.Info.RunID)
}

func put(t *testing.T, handler http.Handler, target, content string) int {
	t.Helper()
	// Without a length: unlike JSON, a file may be sent that way.
	got := send(t, handler, http.MethodPut, target, io.MultiReader(strings.NewReader(content)))
	assert.Empty(t, got.Header().Get("Content-Type"), got.Body.String())
	return got.Code
}

func TestArtifacts(t *testing.T) {
	t.Parallel()
	handler, runID, root := newArtifacts(t)
	list := func(query string) string {
		return send(t, handler, http.MethodGet, "/api/2.0/mlflow/artifacts/list?run_id="+runID+query, nil).Body.String()
	}
	assert.JSONEq(t, `{"root_uri": "mlflow-artifacts:/1/`+runID+`/artifacts"}`, list(""), "nothing is there")

	for name, content := range map[string]string{"a.txt": "hello", "d/b%20c.bin": "0123456789", "d/empty": "", "d/e/f": "x"} {
		assert.Equal(t, http.StatusOK, put(t, handler, root+name, content))
	}
	assert.JSONEq(t, `{"root_uri": "mlflow-artifacts:/1/`+runID+`/artifacts", "files": [
		{"path": "a.txt", "is_dir": false, "file_size": 5}, {"path": "d", "is_dir": true}]}`, list(""))
	assert.JSONEq(t, `{"root_uri": "mlflow-artifacts:/1/`+runID+`/artifacts", "files": [
		{"path": "d/b c.bin", "is_dir": false, "file_size": 10}, {"path": "d/e", "is_dir": true}, {"path": "d/empty", "is_dir": false}]}`,
		list("&path=d"))
	all := send(t, handler, http.MethodGet, "/api/2.0/mlflow-artifacts/artifacts?path=1/"+runID+"/artifacts/d", nil)
	assert.JSONEq(t, `{"files": [
		{"path": "b c.bin", "is_dir": false, "file_size": 10}, {"path": "e", "is_dir": true}, {"path": "empty", "is_dir": false}]}`,
		all.Body.String())
	for _, nothing := range []string{"&path=missing", "&path=a.txt"} {
		assert.JSONEq(t, `{"root_uri": "mlflow-artifacts:/1/`+runID+`/artifacts"}`, list(nothing))
	}
	assert.Contains(t, list("&path=.."), "INVALID_PARAMETER_VALUE")

	for range 2 {
		deleted := send(t, handler, http.MethodDelete, root+"d/e", nil)
		assert.Equal(t, http.StatusOK, deleted.Code)
		assert.JSONEq(t, `{}`, deleted.Body.String())
	}
	assert.NotContains(t, list("&path=d"), "d/e\"")
}

func TestDownload(t *testing.T) {
	t.Parallel()
	handler, runID, root := newArtifacts(t)
	require.Equal(t, http.StatusOK, put(t, handler, root+"d/été.bin", "0123456789"))

	whole := send(t, handler, http.MethodGet, root+"d/%C3%A9t%C3%A9.bin", nil)
	assert.Equal(t, http.StatusOK, whole.Code)
	assert.Equal(t, "0123456789", whole.Body.String())
	assert.Equal(t, "10", whole.Header().Get("Content-Length"))
	assert.Equal(t, "bytes", whole.Header().Get("Accept-Ranges"))
	assert.Equal(t, "application/octet-stream", whole.Header().Get("Content-Type"))
	assert.Contains(t, whole.Header().Get("Content-Disposition"), "attachment")
	assert.NotEmpty(t, whole.Header().Get("ETag"))

	part := send(t, handler, http.MethodGet, root+"d/%C3%A9t%C3%A9.bin", nil, "Range", "bytes=2-4")
	assert.Equal(t, http.StatusPartialContent, part.Code)
	assert.Equal(t, "234", part.Body.String())
	assert.Equal(t, "bytes 2-4/10", part.Header().Get("Content-Range"))
	beyond := send(t, handler, http.MethodGet, root+"d/%C3%A9t%C3%A9.bin", nil, "Range", "bytes=10-")
	assert.Equal(t, http.StatusRequestedRangeNotSatisfiable, beyond.Code)

	missing := send(t, handler, http.MethodGet, root+"missing", nil)
	assert.Equal(t, http.StatusNotFound, missing.Code)
	assert.Equal(t, "RESOURCE_DOES_NOT_EXIST", errorCode(t, missing))
	folder := send(t, handler, http.MethodGet, root+"d", nil)
	assert.Equal(t, http.StatusBadRequest, folder.Code)
	assert.Empty(t, errorCode(t, folder))
	assert.Contains(t, folder.Body.String(), "detail")

	other := send(t, handler, http.MethodGet, "/get-artifact?run_id="+runID+"&path=d/%C3%A9t%C3%A9.bin", nil)
	assert.Equal(t, "0123456789", other.Body.String())
}

// failingReader breaks off, as an upload does.
type failingReader struct{ io.Reader }

func (r failingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func TestUpload(t *testing.T) {
	t.Parallel()
	handler, runID, root := newArtifacts(t)
	require.Equal(t, http.StatusOK, put(t, handler, root+"a", "old"))
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() {
		send(t, handler, http.MethodPut, root+"a", failingReader{strings.NewReader("half")})
	})
	assert.Equal(t, "old", send(t, handler, http.MethodGet, root+"a", nil).Body.String(), "an upload that breaks off changes nothing")
	require.Equal(t, http.StatusOK, put(t, handler, root+"a", "new"))
	assert.Equal(t, "new", send(t, handler, http.MethodGet, root+"a", nil).Body.String())

	for path, want := range map[string]string{
		"a/b":              "real server responds to this with status 500", // a is a file
		"d/./b":            "real server responds to this with status 500",
		"x/../y":           "Invalid path",
		"x/%252e%252e/y":   "Invalid path",
		"hash%23tag":       "Invalid path",
		"folder/":          "must include a filename",
		"line%0Aend":       "Not Found",
		"a%00b/../../../x": "Invalid path",
	} {
		got := send(t, handler, http.MethodPut, root+path, strings.NewReader("x"))
		assert.Contains(t, got.Body.String(), want, path)
		assert.GreaterOrEqual(t, got.Code, 400, path)
	}

	target := "/ajax-api/2.0/mlflow/upload-artifact?run_uuid=" + runID
	assert.Equal(t, http.StatusOK, send(t, handler, http.MethodPost, target+"&path=small/file", strings.NewReader("small")).Code)
	assert.Equal(t, "small", send(t, handler, http.MethodGet, root+"small/file", nil).Body.String())
	assert.Equal(t, "INVALID_PARAMETER_VALUE", errorCode(t, send(t, handler, http.MethodPost, target+"&path=empty", strings.NewReader(""))))
	large := strings.NewReader(strings.Repeat("x", 10<<20+1))
	assert.Equal(t, "INVALID_PARAMETER_VALUE", errorCode(t, send(t, handler, http.MethodPost, target+"&path=large", large)))
}

// TestNamesOfArtifacts checks which names arrive, and which are damaged on the way, as on a real server.
func TestNamesOfArtifacts(t *testing.T) {
	t.Parallel()
	handler, runID, root := newArtifacts(t)
	for escaped, name := range map[string]string{
		"a%20b": "a b", "a+b": "a+b", "a%2Bb": "a+b", "it's": "it's", "a:b": "a:b", "q%3Fq": "q?q", "back%5Cslash": `back\slash`,
		"end%3F": "end", "end%3B": "end", "tab%09": "tab", "a%2525b": "a%b",
	} {
		require.Equal(t, http.StatusOK, put(t, handler, root+escaped, escaped), escaped)
		got := send(t, handler, http.MethodGet, "/api/2.0/mlflow/artifacts/list?run_id="+runID, nil)
		assert.Contains(t, got.Body.String(), fmt.Sprintf(`"path":%q`, name))
	}
}

func TestArtifactsElsewhere(t *testing.T) {
	t.Parallel()
	handler, runID, _ := newArtifacts(t, tracking.WithArtifactLocation("s3://bucket/path?region=x"))
	got := send(t, handler, http.MethodGet, "/api/2.0/mlflow/artifacts/list?run_id="+runID, nil)
	assert.Equal(t, http.StatusNotImplemented, got.Code)
	assert.Contains(t, got.Body.String(), "s3://bucket/path/"+runID+"/artifacts?region=x")
}
