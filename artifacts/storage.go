package artifacts

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-go/mlflow/gen"
	"github.com/mlflow-go/mlflow/tracking"
)

// A storage is where a run keeps its artifacts: behind a server, or in a place that the tracking server and clients reach
// each for itself.
type storage struct {
	scheme string // of the run's artifact URI; "file" for a path
	// proxy is the server that the artifacts are behind, and path where it has them. Without a server, path is "".
	proxy endpoint
	path  string
}

func (s storage) isProxied() bool { return s.path != "" }

// pathOf returns the path of an artifact behind the proxy.
func (s storage) pathOf(path string) string { return s.path + "/" + path }

// maxRoots limits how many runs a client remembers. A run's artifact URI never changes.
const maxRoots = 1000

// storageOf returns where a run keeps its artifacts.
func (c *Client) storageOf(ctx context.Context, method, runID string) (storage, error) {
	c.mu.Lock()
	known, ok := c.roots[runID]
	c.mu.Unlock()
	if ok {
		return known, nil
	}
	result, err := call[gen.GetRunResult](c, method, func(g gen.Client) (*http.Response, error) {
		return g.GetRun(ctx, &gen.GetRunParams{RunID: runID})
	})
	if err != nil {
		return storage{}, err
	}
	if result.Run == nil || result.Run.Info == nil || result.Run.Info.RunID != runID {
		return storage{}, unexpected(method, "the response is not about the run %q", runID)
	}
	found, err := c.parseRoot(method, result.Run.Info.ArtifactURI)
	if err != nil {
		return storage{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.roots) >= maxRoots {
		clear(c.roots)
	}
	c.roots[runID] = found
	return found, nil
}

const proxyScheme = "mlflow-artifacts"

// parseRoot reads the artifact URI of a run. One that names a server of its own, as in mlflow-artifacts://host/path,
// leads there without credentials, unless the host is that of the tracking URI.
func (c *Client) parseRoot(method, uri string) (storage, error) {
	scheme, rest, ok := strings.Cut(uri, ":")
	if !ok || strings.ContainsAny(scheme, `/\`) || len(scheme) < 2 { // a path, perhaps of Windows
		return storage{scheme: "file"}, nil
	}
	scheme = strings.ToLower(scheme)
	if scheme != proxyScheme {
		return storage{scheme: scheme}, nil
	}
	host := ""
	if behind, ok := strings.CutPrefix(rest, "//"); ok {
		host, rest, _ = strings.Cut(behind, "/")
	}
	path := strings.Trim(rest, "/")
	if path == "" || slices.ContainsFunc(strings.Split(path, "/"), func(s string) bool { return s == "" || s == "." || isParentSegment(s) }) {
		return storage{}, unexpected(method, "the artifact URI of the run, %q, has no path that artifacts can be in", uri)
	}
	server := c.trackingServer()
	if host != "" && !strings.EqualFold(host, c.server.Host) {
		other := &url.URL{Scheme: c.server.Scheme, Host: host, Path: c.server.Path, RawPath: c.server.RawPath}
		if checked, err := url.Parse(other.String()); err != nil || checked.Host != host || checked.User != nil || host == "" {
			return storage{}, unexpected(method, "the artifact URI of the run, %q, has an invalid host", uri)
		}
		server = endpoint{other, c.transport.Storage()}
	}
	return storage{scheme: scheme, proxy: server, path: path}, nil
}

// A serverInfo says what the operator of a server wants.
type serverInfo struct{ multipartUploads, multipartDownloads, presignedOnly bool }

// serverInfoTTL is how long the response is cached: the server may be replaced by another release.
const serverInfoTTL = time.Minute

// serverInfo asks the server what it offers for a run, unless it was asked lately. Old servers offer nothing, and
// neither does one that is not the tracking server.
func (c *Client) serverInfo(ctx context.Context, method string, s storage) (serverInfo, error) {
	if s.proxy != c.trackingServer() {
		return serverInfo{}, nil
	}
	c.mu.Lock()
	info, fresh := c.info, time.Now().Before(c.until)
	c.mu.Unlock()
	if fresh {
		return info, nil
	}
	result, err := call[gen.GetServerInfoResult](c, method, func(g gen.Client) (*http.Response, error) { return g.GetServerInfo(ctx) })
	// A server, or a proxy, that knows no such endpoint may say so in any way.
	var failed *tracking.Error
	if errors.As(err, &failed) && (failed.StatusCode == 0 || failed.StatusCode >= http.StatusInternalServerError) {
		return info, err
	}
	info = serverInfo{
		multipartUploads:   bool(result.MultipartUploadsEnabled) || c.config.MultipartUpload,
		multipartDownloads: bool(result.MultipartDownloadsEnabled) || c.config.MultipartDownload,
		presignedOnly:      bool(result.ArtifactsPresignedOnly),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.info, c.until = info, time.Now().Add(serverInfoTTL)
	return info, nil
}

// The names of what a storage may be seen not to offer.
const (
	presignedUploads   = "presigned uploads"
	presignedDownloads = "presigned downloads"
	directDownloads    = "downloads past the proxy"
)

// isKnownUnsupported reports whether the storage of a scheme was seen not to offer something.
func (c *Client) isKnownUnsupported(s storage, what string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lacks[s.scheme+" "+what]
}

func (c *Client) markUnsupported(s storage, what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lacks[s.scheme+" "+what] = true
}
