package artifacts_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/artifacts"
	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/tracking"
)

// These scenarios need a server with its artifacts on S3: make integration SERVERS=3.17.2-s3

// direct puts an experiment's artifacts where the server is not in front of them.
var direct = tracking.WithArtifactLocation("s3://artifacts/direct")

// A recorder notes requests.
type recorder struct {
	http.RoundTripper

	mu       sync.Mutex
	requests []*http.Request
}

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	r.mu.Lock()
	r.requests = append(r.requests, request)
	r.mu.Unlock()
	return r.RoundTripper.RoundTrip(request)
}

// elsewhere returns the requests to another host than that of the session's server.
func (r *recorder) elsewhere(s *scenario.Session) []*http.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []*http.Request
	for _, request := range r.requests {
		if "http://"+request.URL.Host != s.URI {
			found = append(found, request)
		}
	}
	return found
}

// newS3Client returns a client with secrets of its own, which notes its requests.
func newS3Client(t *testing.T, s *scenario.Session) (*mlflow.Client, *recorder) {
	t.Helper()
	httpClient := s.HTTPClient()
	noted := &recorder{RoundTripper: httpClient.Transport}
	httpClient.Transport = noted
	return newScenarioClient(t, s,
		mlflow.WithHTTPClient(httpClient), mlflow.WithToken("s3cret-token"), mlflow.WithHeaders(map[string]string{"X-Secret": "s3cret"})), noted
}

// assertNoSecretsElsewhere checks what other hosts than the server were sent.
func assertNoSecretsElsewhere(t *testing.T, s *scenario.Session, noted *recorder) {
	t.Helper()
	for _, request := range noted.elsewhere(s) {
		for _, name := range []string{"Authorization", "X-Secret", "X-Mlflow-Workspace", "Cookie"} {
			assert.Empty(t, request.Header.Values(name), "%s of a request to the storage", name)
		}
	}
}

// noise is content of n bytes that no compression and no mistake of order survives.
func noise(n int) []byte {
	content := make([]byte, n)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(content) // never fails
	return content
}

func TestS3BehindTheServer(t *testing.T) {
	scenario.RunWith(t, scenario.FeatureS3, func(t *testing.T, s *scenario.Session) {
		s.LiveOnly("URLs of the storage name its port")
		client, noted := newS3Client(t, s)
		files, run := client.Artifacts(), newRun(t, s, client)
		want := fstest.MapFS{"small.txt": {Data: []byte("small")}, "empty": {}, "folder/日本 語+?x": {Data: noise(1 << 20)}}
		require.NoError(t, files.LogArtifacts(t.Context(), run, "", want))
		requireSame(t, want, files.FS(t.Context(), run))
		for path, sentinel := range map[string]error{"missing": tracking.ErrNotFound, "folder": tracking.ErrInvalidArgument} {
			_, err := files.DownloadArtifact(t.Context(), run, path)
			require.ErrorIs(t, err, sentinel, path)
		}
		// Content of unknown length goes through the server.
		require.NoError(t, files.LogArtifact(t.Context(), run, "stream", io.MultiReader(bytes.NewReader(noise(3<<20)))))
		assert.Equal(t, string(noise(3<<20)), download(t, files, run, "stream"))
		require.NoError(t, files.DeleteArtifact(t.Context(), run, "folder"))
		listed, err := files.ListArtifacts(t.Context(), run, "")
		require.NoError(t, err)
		assert.Equal(t, []artifacts.Artifact{{Path: "empty"}, {Path: "small.txt", Size: 5}, {Path: "stream", Size: 3 << 20}}, listed)
		assertNoSecretsElsewhere(t, s, noted)
	})
}

// TestS3InParts sends a file in parts past the server, where that offers it.
func TestS3InParts(t *testing.T) {
	scenario.RunWith(t, scenario.FeatureS3, func(t *testing.T, s *scenario.Session) {
		s.LiveOnly("URLs of the storage name its port")
		if s.Server.Before("3.15") {
			t.Skip("the server does not say that it wants parts")
		}
		client, noted := newS3Client(t, s)
		files, run := client.Artifacts(), newRun(t, s, client)
		artifacts.SetParts(files, 6<<20, 5<<20)
		want := noise(12 << 20)
		for name, reader := range map[string]io.Reader{
			"parallel": bytes.NewReader(want), "in order": bytes.NewBuffer(bytes.Clone(want)),
		} {
			before := len(noted.elsewhere(s))
			var done int64
			require.NoError(t, files.LogArtifact(t.Context(), run, name, reader, artifacts.WithProgress(func(n, total int64) {
				done = n
				assert.Equal(t, int64(len(want)), total)
			})))
			assert.Equal(t, int64(len(want)), done)
			assert.Len(t, noted.elsewhere(s), before+3, "parts")
			assert.Equal(t, string(want), download(t, files, run, name))
		}
		assertNoSecretsElsewhere(t, s, noted)
	})
}

func TestS3Directly(t *testing.T) {
	scenario.RunWith(t, scenario.FeatureS3, func(t *testing.T, s *scenario.Session) {
		s.LiveOnly("URLs of the storage name its port")
		client, noted := newS3Client(t, s)
		files, run := client.Artifacts(), newRun(t, s, client, direct)
		logText(t, files, run, "folder/日本 語+x.txt", "small")
		assert.Equal(t, "small", download(t, files, run, "folder/日本 語+x.txt"))

		large := noise(maxSmall + 1)
		err := files.LogArtifact(t.Context(), run, "large", bytes.NewReader(large))
		if s.Server.Before("3.12") {
			require.ErrorIs(t, err, tracking.ErrUnsupported)
			require.ErrorContains(t, err, `the scheme "s3"`)
			require.ErrorIs(t, files.LogArtifact(t.Context(), run, "empty", strings.NewReader("")), tracking.ErrUnsupported)
		} else {
			require.NoError(t, err)
			assert.Equal(t, string(large), download(t, files, run, "large"))
			logText(t, files, run, "empty", "")
			assert.Empty(t, download(t, files, run, "empty"))
			assert.NotEmpty(t, noted.elsewhere(s), "requests to the storage")
		}
		require.ErrorIs(t, files.LogArtifact(t.Context(), run, "stream", io.MultiReader(strings.NewReader("x"))), tracking.ErrUnsupported)
		require.ErrorIs(t, files.DeleteArtifact(t.Context(), run, "large"), tracking.ErrUnsupported)
		_, err = files.DownloadArtifact(t.Context(), run, "missing")
		require.ErrorIs(t, err, tracking.ErrNotFound)
		assertNoSecretsElsewhere(t, s, noted)
	})
}

const maxSmall = 10 << 20
