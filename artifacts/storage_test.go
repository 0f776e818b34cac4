package artifacts_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/artifacts"
	"github.com/mlflow-go/mlflow/tracking"
)

// wantsStorage makes a fake say that files go past it, to the given storage.
func (f *fake) wantsStorage(storage string) {
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		_, call, _ := strings.Cut(r.URL.Path, "/api/2.0/mlflow-artifacts/")
		switch {
		case strings.HasSuffix(r.URL.Path, "/server-info"):
			io.WriteString(w, `{"multipart_uploads_enabled": true, "multipart_downloads_enabled": true}`)
		case strings.HasPrefix(call, "presigned/"):
			fmt.Fprintf(w, `{"url": %q, "headers": {"X-Given": "by the server"}}`, storage+"/file?signature=s3cret")
		case strings.HasPrefix(call, "mpu/create/"):
			fmt.Fprintf(w, `{"upload_id": "id", "credentials": [{"url": %q, "part_number": 2}, {"url": %q, "part_number": 1}]}`,
				storage+"/2?signature=s3cret", storage+"/1?signature=s3cret")
		case strings.HasPrefix(call, "mpu/"):
			io.WriteString(w, "{}")
		default:
			return false
		}
		return true
	}
}

func (f *fake) count(part string) int {
	n := 0
	for _, request := range f.asked() {
		if strings.Contains(request, part) {
			n++
		}
	}
	return n
}

// If the storage cannot be reached, files go through the server, and it is not tried again.
func TestStorageOutOfReach(t *testing.T) {
	t.Parallel()
	nobody := httptest.NewServer(http.NotFoundHandler())
	nobody.Close()
	f := newFake(t)
	f.put(t, "a", "content of a")
	f.put(t, "b", "content of b")
	f.wantsStorage(nobody.URL)
	client := f.client(t)
	assert.Equal(t, "content of a", download(t, client, anyRun, "a"))
	assert.Equal(t, "content of b", download(t, client, anyRun, "b"))
	assert.Equal(t, 1, f.count("/presigned/"))

	artifacts.SetParts(client, 10, 6)
	require.NoError(t, client.LogArtifact(t.Context(), anyRun, "c", strings.NewReader("0123456789")))
	assert.Equal(t, "0123456789", f.file(t, "c"))
	assert.Equal(t, 1, f.count("/mpu/abort/"))
}

// A download that is cut continues with a new URL: the first one may have expired.
func TestDownloadArtifactContinuesWithNewURL(t *testing.T) {
	t.Parallel()
	const content = "0123456789"
	asked := 0
	storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.URL.Query().Get("signature") != strconv.Itoa(asked) {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		w.Header().Set("ETag", `"tag"`)
		if asked == 1 {
			w.Header().Set("Accept-Ranges", "bytes")
			w.Header().Set("Content-Length", strconv.Itoa(len(content)))
			io.WriteString(w, content[:4]) // the server cuts what is shorter than it said
			return
		}
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(content))
	}))
	defer storage.Close()
	f := newFake(t)
	f.put(t, "a", content)
	f.wantsStorage(storage.URL)
	given, says := 0, f.before
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/presigned/") {
			given++
			fmt.Fprintf(w, `{"url": "%s/file?signature=%d"}`, storage.URL, given)
			return true
		}
		return says(w, r)
	}
	assert.Equal(t, content, download(t, f.client(t), anyRun, "a"))
	assert.Equal(t, 2, given)
}

// An upload in parts that fails, or whose context ends, is given up.
func TestPartsThatFailAreGivenUp(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	for _, each := range []struct {
		ctx  context.Context //nolint:containedctx // one of the cases
		then func(w http.ResponseWriter, r *http.Request)
		want error
	}{
		{t.Context(), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, tracking.ErrPermissionDenied},
		{t.Context(), func(http.ResponseWriter, *http.Request) {}, tracking.ErrUnexpectedResponse}, // no ETag
		{ctx, func(_ http.ResponseWriter, r *http.Request) {
			cancel()
			<-r.Context().Done() // a response might be there first
		}, context.Canceled},
	} {
		storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			each.then(w, r)
		}))
		f := newFake(t)
		f.wantsStorage(storage.URL)
		client := f.client(t)
		artifacts.SetParts(client, 10, 6)
		err := client.LogArtifact(each.ctx, anyRun, "c", strings.NewReader("0123456789"))
		require.ErrorIs(t, err, each.want)
		require.ErrorAs(t, err, new(*tracking.Error))
		assert.NotContains(t, err.Error(), "s3cret")
		assert.Equal(t, 1, f.count("/mpu/abort/"), "%v", each.want)
		assert.Zero(t, f.count("PUT"), "it does not go through the server instead")
		storage.Close()
	}
}

// Parts arrive whole, in any order, with the headers and the names that the server gave.
func TestParts(t *testing.T) {
	t.Parallel()
	for _, content := range []io.Reader{strings.NewReader("0123456789"), bytes.NewBufferString("0123456789")} {
		stored := make(chan string, 2)
		storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			assert.NoError(t, err)
			stored <- r.URL.Path + " " + string(body)
			w.Header().Set("ETag", "tag of "+r.URL.Path)
		}))
		f := newFake(t)
		f.wantsStorage(storage.URL)
		f.put(t, "c", "0123456789") // as it is once the parts are put together
		client := f.client(t)
		artifacts.SetParts(client, 10, 6)
		require.NoError(t, client.LogArtifact(t.Context(), anyRun, "c", content))
		assert.ElementsMatch(t, []string{"/1 012345", "/2 6789"}, []string{<-stored, <-stored})
		assert.Equal(t, 1, f.count("/mpu/complete/"))
		storage.Close()
	}
}

// The context's end is the caller's own error, also before anything is sent.
func TestTransferWithEndedContext(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	client := f.client(t)
	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, client.LogArtifacts(ctx, anyRun, "", fstest.MapFS{"a": {}}))
	cancel()
	err := client.LogArtifacts(ctx, anyRun, "", fstest.MapFS{"a": {}})
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorAs(t, err, new(*tracking.Error))
}
