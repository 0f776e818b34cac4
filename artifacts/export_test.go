package artifacts

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/mlflow-go/mlflow/gen"
)

// SetParts makes a client send files from a size on in parts, of another size.
func SetParts(c *Client, from, size int64) {
	c.config.MultipartSize, c.config.PartSize = from, size
}

// WhyNotPath is whyNotPath.
var WhyNotPath = whyNotPath

// EscapedPath returns the path of the request that stores an artifact.
func EscapedPath(t *testing.T, path string) string {
	t.Helper()
	var escaped string
	doer := doerFunc(func(request *http.Request) (*http.Response, error) {
		escaped = request.URL.EscapedPath()
		return nil, http.ErrAbortHandler
	})
	g := gen.Client{Server: &url.URL{Scheme: "http", Host: "mlflow.test"}, Client: doer}
	_, err := g.UploadArtifact(t.Context(), storage{path: "0/run/artifacts"}.pathOf(path), http.NoBody)
	if err == nil {
		t.Fatal("no error")
	}
	return escaped
}

type doerFunc func(*http.Request) (*http.Response, error)

func (f doerFunc) Do(request *http.Request) (*http.Response, error) { return f(request) }
