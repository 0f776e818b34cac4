package artifacts_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/gen"
	"github.com/mlflow-go/mlflow/internal/wire"
	"github.com/mlflow-go/mlflow/tracking"
)

// A server that lists what no file can be named writes nothing anywhere.
func TestHostileLists(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"../x", "..", ".", "", "/etc/x", "a/b", "a/../../x", "//x", "x/", "./x",
	} {
		f := newFake(t)
		f.list = []gen.FileInfo{{Path: "fine", FileSize: 1}, {Path: name, FileSize: 1}}
		client := f.client(t)
		outside := t.TempDir()
		inside := filepath.Join(outside, "target")
		err := os.CopyFS(inside, client.FS(t.Context(), anyRun))
		if name != "" { // which is what some storage says of a file
			require.ErrorIs(t, err, tracking.ErrUnexpectedResponse, "%q", name)
			_, err = client.ListArtifacts(t.Context(), anyRun, "")
			require.ErrorIs(t, err, tracking.ErrUnexpectedResponse, "%q", name)
		}
		entries, err := os.ReadDir(outside)
		require.NoError(t, err)
		for _, entry := range entries {
			assert.Equal(t, "target", entry.Name())
		}
	}
}

func TestListArtifactsRefusesBadPaths(t *testing.T) {
	t.Parallel()
	for name, list := range map[string][]gen.FileInfo{
		"a name twice":          {{Path: "a", FileSize: 1}, {Path: "a", FileSize: 1}},
		"a file and a folder":   {{Path: "a", FileSize: 1}, {Path: "a", IsDir: true}},
		"a length that is none": {{Path: "a", FileSize: -1}},
	} {
		f := newFake(t)
		f.list = list
		_, err := f.client(t).ListArtifacts(t.Context(), anyRun, "")
		require.ErrorIs(t, err, tracking.ErrUnexpectedResponse, name)
	}
}

// A folder in itself would be walked for ever.
func TestFSOfFolderInItselfEnds(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.list = []gen.FileInfo{{Path: "a", IsDir: true}}
	err := fs.WalkDir(f.client(t).FS(t.Context(), anyRun), ".", func(_ string, _ fs.DirEntry, err error) error { return err })
	require.ErrorIs(t, err, tracking.ErrUnexpectedResponse)
}

// What a server sends must be as long as it lists it.
func TestSizesThatLie(t *testing.T) {
	t.Parallel()
	for _, listed := range []int64{0, 4, 6, 1 << 40} {
		for _, chunked := range []bool{false, true} {
			f := newFake(t)
			f.put(t, "a", "12345")
			f.list = []gen.FileInfo{{Path: "a", FileSize: wire.Int64(listed)}}
			f.before = func(w http.ResponseWriter, r *http.Request) bool {
				if !isDownload(r) {
					return false
				}
				w.Header().Set("Content-Disposition", "attachment")
				if chunked {
					w.(http.Flusher).Flush()
				}
				io.WriteString(w, "12345")
				return true
			}
			client := f.client(t)
			_, err := fs.ReadFile(client.FS(t.Context(), anyRun), "a")
			require.ErrorIs(t, err, tracking.ErrUnexpectedResponse, "listed with %d bytes, chunked %v", listed, chunked)
			body, err := client.DownloadArtifact(t.Context(), anyRun, "a")
			if err == nil {
				_, err = io.ReadAll(body)
				assert.NoError(t, body.Close())
			}
			require.ErrorIs(t, err, tracking.ErrUnexpectedResponse, "listed with %d bytes, chunked %v", listed, chunked)
		}
	}
}

// A download that ends early, wherever that is, is no success.
func TestDownloadArtifactCutAtAnyByteFails(t *testing.T) {
	t.Parallel()
	const content = "the content of a file"
	for cut := range len(content) {
		for _, chunked := range []bool{false, true} {
			f := newFake(t)
			f.put(t, "a", content)
			f.before = func(w http.ResponseWriter, r *http.Request) bool {
				if !isDownload(r) {
					return false
				}
				w.Header().Set("Content-Disposition", "attachment")
				if !chunked {
					w.Header().Set("Content-Length", fmt.Sprint(len(content)))
				}
				io.WriteString(w, content[:cut])
				w.(http.Flusher).Flush()
				panic(http.ErrAbortHandler)
			}
			got, err := fs.ReadFile(f.client(t).FS(t.Context(), anyRun), "a")
			require.Error(t, err)
			require.ErrorAs(t, err, new(*tracking.Error))
			assert.Equal(t, content[:len(got)], string(got))
		}
	}
}

// A login page is no file.
func TestDownloadArtifactRefusesLoginPage(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	const page = "<html>Sign in</html>"
	f.put(t, "a", page)
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if isDownload(r) || isUpload(r) {
			io.WriteString(w, page)
			return true
		}
		return false
	}
	client := f.client(t)
	_, err := client.DownloadArtifact(t.Context(), anyRun, "a")
	require.ErrorIs(t, err, tracking.ErrUnexpectedResponse)
	require.ErrorIs(t, client.LogArtifact(t.Context(), anyRun, "a", strings.NewReader(page)), tracking.ErrUnexpectedResponse)
}

// A file that is not stored whole is sent again, and the call fails if that does not help.
func TestLogArtifactVerifiesWhatIsStored(t *testing.T) {
	t.Parallel()
	for lost := range 4 {
		f := newFake(t)
		uploads := 0
		f.before = func(w http.ResponseWriter, r *http.Request) bool {
			if !isUpload(r) {
				return false
			}
			if uploads++; uploads > lost {
				return false
			}
			_, err := io.Copy(io.Discard, r.Body)
			assert.NoError(t, err)
			f.put(t, "a", "short")
			io.WriteString(w, "{}")
			return true
		}
		client := f.client(t)
		err := client.LogArtifact(t.Context(), anyRun, "a", strings.NewReader("the content"))
		if lost < 3 {
			require.NoError(t, err)
			assert.Equal(t, "the content", f.file(t, "a"))
			continue
		}
		require.ErrorIs(t, err, tracking.ErrUnexpectedResponse)
		require.ErrorContains(t, err, "5 bytes")

		uploads = 0
		require.ErrorIs(t, client.LogArtifacts(t.Context(), anyRun, "", fstest.MapFS{"a": {Data: []byte("the content")}}), tracking.ErrUnexpectedResponse)
		assert.Equal(t, 3, uploads)
		uploads = 2
		require.NoError(t, client.LogArtifacts(t.Context(), anyRun, "", fstest.MapFS{"a": {Data: []byte("the content")}}))
		uploads = 2
		require.Error(t, client.LogArtifact(t.Context(), anyRun, "a", bytes.NewBufferString("once")), "it cannot be read again")
	}
}

// The first error ends the upload of a folder, and names the file.
func TestLogArtifactsNamesFileOfFirstError(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/b") {
			w.WriteHeader(http.StatusForbidden)
			return true
		}
		return false
	}
	err := f.client(t).LogArtifacts(t.Context(), anyRun, "top", fstest.MapFS{"a": {}, "b": {}, "c": {}})
	var pathErr *fs.PathError
	require.ErrorAs(t, err, &pathErr)
	assert.Equal(t, "b", pathErr.Path)
	require.ErrorIs(t, err, tracking.ErrPermissionDenied)
}

func TestServingIsOff(t *testing.T) {
	t.Parallel()
	const message = "Endpoint disabled due to the mlflow server running with `--no-serve-artifacts`."
	for _, body := range []string{message, `{"detail": "` + message + `"}`} {
		f := newFake(t)
		f.put(t, "a", "content")
		f.before = func(w http.ResponseWriter, r *http.Request) bool {
			if isDownload(r) || isUpload(r) || r.Method == http.MethodDelete {
				http.Error(w, body, http.StatusServiceUnavailable)
				return true
			}
			return false
		}
		client := f.client(t)
		_, downloadErr := client.DownloadArtifact(t.Context(), anyRun, "a")
		for _, err := range []error{
			downloadErr, client.LogArtifact(t.Context(), anyRun, "a", strings.NewReader("x")), client.DeleteArtifact(t.Context(), anyRun, "a"),
		} {
			var failure *tracking.Error
			require.ErrorAs(t, err, &failure)
			require.ErrorIs(t, err, tracking.ErrUnsupported)
			assert.Equal(t, 1, failure.Attempts, "it does not pass")
			assert.Equal(t, http.StatusServiceUnavailable, failure.StatusCode)
		}
	}
}

// Where the artifact URI names another server, that gets no credentials; and nothing is written to a folder that it
// names.
func TestArtifactURIIsNotTrusted(t *testing.T) {
	t.Parallel()
	other := newFake(t)
	other.put(t, "a", "content")
	other.before = func(_ http.ResponseWriter, r *http.Request) bool {
		for _, name := range []string{"Authorization", "X-Secret", "X-Edited"} {
			assert.Empty(t, r.Header.Values(name), name)
		}
		return false
	}
	f := newFake(t)
	f.put(t, "a", "content")
	host := mustParse(t, other.URL).Host
	f.uri = "mlflow-artifacts://" + host + artifactsOfRun
	client := f.client(t, mlflow.WithToken("s3cret"), mlflow.WithHeaders(map[string]string{"X-Secret": "s3cret"}))
	require.NoError(t, client.LogArtifact(t.Context(), anyRun, "a", strings.NewReader("content")))
	assert.Equal(t, "content", download(t, client, anyRun, "a"))
	assert.Len(t, other.asked(), 2)

	f = newFake(t) // the same host is the same server
	f.uri = "mlflow-artifacts://" + mustParse(t, f.URL).Host + artifactsOfRun
	require.NoError(t, f.client(t).LogArtifact(t.Context(), anyRun, "a", strings.NewReader("content")))
	assert.Equal(t, "content", f.file(t, "a"))

	for _, uri := range []string{
		"mlflow-artifacts:", "mlflow-artifacts:/", "mlflow-artifacts://", "mlflow-artifacts:/a/../b", "mlflow-artifacts://user@host/x",
		"mlflow-artifacts://host name/x", "mlflow-artifacts://host?q/x", `mlflow-artifacts:/a/..\..\b`,
	} {
		f := newFake(t)
		f.uri = uri
		err := f.client(t).LogArtifact(t.Context(), anyRun, "a", strings.NewReader("content"))
		require.ErrorIs(t, err, tracking.ErrUnexpectedResponse, uri)
	}
}

func TestCopyFSWritesNothingOutside(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for _, uri := range []string{folder, "file://" + folder, `C:\artifacts`, "hdfs://host/x", "dbfs:/x", "s3://bucket/x", "https://host/x"} {
		f := newFake(t)
		f.uri = uri
		client := f.client(t)
		large := bytes.NewReader(make([]byte, maxSmall+1))
		for _, content := range []io.Reader{large, strings.NewReader(""), io.MultiReader(strings.NewReader("x"))} {
			err := client.LogArtifact(t.Context(), anyRun, "a", content)
			require.ErrorIs(t, err, tracking.ErrUnsupported, uri)
			scheme, _, _ := strings.Cut(uri, ":")
			if scheme == "C" || strings.HasPrefix(scheme, "/") {
				scheme = "file"
			}
			require.ErrorContains(t, err, fmt.Sprintf("%q", scheme))
			require.ErrorContains(t, err, "mlflow-artifacts:")
		}
		require.ErrorIs(t, client.DeleteArtifact(t.Context(), anyRun, "a"), tracking.ErrUnsupported)
		f.put(t, "a", "read by the server")
		assert.Equal(t, "read by the server", download(t, client, anyRun, "a"))
		entries, err := os.ReadDir(folder)
		require.NoError(t, err)
		assert.Empty(t, entries)
	}
}

// A transfer that stands still ends, even in the middle.
func TestTransferThatStandsStillEnds(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.put(t, "a", "content")
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if isDownload(r) {
			attach(w, "con")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return true
		}
		return false
	}
	_, err := fs.ReadFile(f.client(t, mlflow.WithTimeout(50*time.Millisecond)).FS(t.Context(), anyRun), "a")
	require.ErrorIs(t, err, tracking.ErrUnavailable)
	require.ErrorContains(t, err, "nothing moved")
}

// An error of the content is the caller's own, and is not taken for the server's.
func TestLogArtifactReturnsErrorOfContent(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	broken := errors.New("the disk is broken")
	err := f.client(t).LogArtifact(t.Context(), anyRun, "a", io.MultiReader(strings.NewReader("x"), failing{broken}))
	require.ErrorIs(t, err, broken)
	require.NotErrorIs(t, err, tracking.ErrUnavailable)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
