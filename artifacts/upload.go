package artifacts

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/mlflow-go/mlflow/gen"
	"github.com/mlflow-go/mlflow/internal/failure"
	"github.com/mlflow-go/mlflow/internal/transport"
	"github.com/mlflow-go/mlflow/internal/wire"
	"github.com/mlflow-go/mlflow/tracking"
)

// LogArtifact stores the content as a file of a run, in place of one that is there. It is sent as it is read, never
// held in memory, from where the reader stands to its end. Missing folders are created.
//
// A reader that is also an [io.Seeker] is read again for a retry, and one that is also an [io.ReaderAt], as a file is,
// by several parts at the same time where storage wants parts. Any other reader is read once, so that the call is not
// retried. What was stored is verified by its size; if that is not right, the content is sent again if it can be, and
// otherwise the error is [tracking.ErrUnexpectedResponse]. If a call fails, an old server may have stored a part of the
// content under the path.
//
// Where the content goes depends on the storage and the server; see the package's documentation. Where it can't go
// anywhere, the error is [tracking.ErrUnsupported] and names the storage's scheme and what would work.
//
// GET /api/2.0/mlflow/runs/get
// PUT /api/2.0/mlflow-artifacts/artifacts/{artifact_path}
// GET /api/2.0/mlflow/artifacts/list
func (c *Client) LogArtifact(ctx context.Context, runID, path string, reader io.Reader, opts ...LogArtifactOption) error {
	const method = "LogArtifact"
	settings := newLogSettings(opts)
	if err := cmp.Or(checkRun(method, runID), checkPath(method, path), settings.check(method)); err != nil {
		return err
	}
	if reader == nil {
		return invalid(method, "the content is nil")
	}
	content, err := newSource(reader)
	if err != nil {
		return failure.NotSent(method, err)
	}
	storage, err := c.storageOf(ctx, method, runID)
	if err != nil {
		return err
	}
	u := &fileUpload{
		client: c, method: method, runID: runID, storage: storage, path: path, content: content, parallelism: settings.parallelism,
		progress: newProgressReporter(settings.progress, content.Size),
	}
	for attempt := 1; ; attempt++ {
		if err := u.send(ctx); err != nil {
			return err
		}
		stored, err := c.stat(ctx, method, runID, path)
		if err == nil {
			err = u.compare(stored)
		}
		if err == nil || !u.isWrong(err) || content.Once || attempt == maxUploads {
			return err
		}
	}
}

// maxUploads limits how often a file is sent that is not stored as it should be.
const maxUploads = 3

// An fileUpload sends one file.
type fileUpload struct {
	client      *Client
	method      string
	runID       string
	storage     storage
	path        string
	content     source
	parallelism int
	progress    *progressReporter
	piece       int   // of the progress
	sent        int64 // what the last attempt sent
}

// compare returns an error if a file is not stored as it was sent.
func (u *fileUpload) compare(stored Artifact) error {
	if stored.IsDir || stored.Size != u.sent {
		return unexpected(u.method, "the server stored %d bytes of %q instead of %d", stored.Size, u.path, u.sent)
	}
	return nil
}

// isWrong reports whether a check found the file missing, or not as it was sent.
func (u *fileUpload) isWrong(err error) bool {
	return errors.Is(err, tracking.ErrUnexpectedResponse) || errors.Is(err, tracking.ErrNotFound)
}

// send sends the file to wherever the run keeps its artifacts.
func (u *fileUpload) send(ctx context.Context) error {
	if !u.storage.isProxied() {
		return u.sendDirectly(ctx)
	}
	if u.content.Size >= u.client.config.MultipartSize {
		info, err := u.client.serverInfo(ctx, u.method, u.storage)
		if err != nil {
			return err
		}
		if info.multipartUploads || info.presignedOnly {
			return u.sendParts(ctx, info)
		}
	}
	err := u.sendToProxy(ctx)
	if errors.Is(err, tracking.ErrPermissionDenied) && u.content.Size >= 0 && !u.content.Once {
		// From MLflow 3.18 on, the operator may forbid that content passes through the server.
		if info, infoErr := u.client.serverInfo(ctx, u.method, u.storage); infoErr == nil && info.presignedOnly {
			return u.sendParts(ctx, info)
		}
	}
	return err
}

// whole returns the content, of which one request sends all.
func (u *fileUpload) whole() *transport.Content {
	whole := u.content.Content
	report := u.progress.sent(u.piece)
	u.sent = 0
	whole.OnSent = func(n int64) {
		u.sent = n
		if report != nil {
			report(n)
		}
	}
	return &whole
}

func (u *fileUpload) sendToProxy(ctx context.Context) error {
	return u.put(u.storage.proxy, func(g gen.Client) (*http.Response, error) {
		return g.UploadArtifact(ctx, u.storage.pathOf(u.path), http.NoBody)
	})
}

// put sends the content in a request to a server of MLflow's.
func (u *fileUpload) put(server endpoint, send func(gen.Client) (*http.Response, error)) error {
	call := server.client.Streams().NewCall(mayRunTwice(u.method))
	call.Content = u.whole()
	_, err := send(gen.Client{Server: server.url, Client: call})
	outcome := call.Result(err)
	if outcome.Kind != transport.Success {
		return failed(u.method, outcome)
	}
	if len(bytes.TrimSpace(outcome.Body)) == 0 { // from MLflow 3.15 on
		return nil
	}
	if err := wire.Read(outcome.Body, new(wire.Empty)); err != nil {
		return failure.OfOutcome(u.method, call.Unexpected(err))
	}
	return nil
}

// maxSmall is the largest file that a server stores wherever it is to be.
const maxSmall = 10 << 20

// sendDirectly sends the file to storage that the server is not in front of. The client never writes to a place of its
// own machine or cloud because a server names one.
func (u *fileUpload) sendDirectly(ctx context.Context) error {
	size := u.content.Size
	if size >= 0 && !u.client.isKnownUnsupported(u.storage, presignedUploads) {
		target, err := callAt[gen.CreatePresignedUploadURLResult](u.client.trackingServer(),
			crashIsFinal(u.method),
			func(g gen.Client) (*http.Response, error) {
				return g.CreatePresignedUploadURL(ctx, gen.CreatePresignedUploadURLRequest{RunID: u.runID, Path: u.path})
			})
		switch {
		case err == nil:
			_, err = u.client.putURL(ctx, u.method, target.PresignedURL, target.Headers, u.whole())
			return err
		case !isUnsupported(err):
			return err
		}
		u.client.markUnsupported(u.storage, presignedUploads)
	}
	if 0 < size && size <= maxSmall {
		return u.put(u.client.trackingServer(), func(g gen.Client) (*http.Response, error) {
			return g.StoreArtifact(ctx, &gen.StoreArtifactParams{RunUUID: u.runID, Path: u.path}, http.NoBody)
		})
	}
	what := fmt.Sprintf("a file of %d bytes", size)
	if size < 0 {
		what = "content of unknown length"
	}
	return unsupported(u.method, "the artifacts of the run are in storage of the scheme %q, and %s cannot be sent there: the server takes "+
		"1 byte to 10 MiB for it, and any length that is known if it makes presigned URLs, as MLflow 3.12 and later do for s3; "+
		"or use a server that serves artifacts (mlflow-artifacts:)", u.storage.scheme, what)
}

// isUnsupported reports whether an error says that the server, or the storage, does not offer what was asked for. A server
// without the libraries or the credentials of a cloud crashes.
func isUnsupported(err error) bool {
	var failed *tracking.Error
	return errors.Is(err, tracking.ErrUnsupported) || errors.As(err, &failed) && failed.StatusCode == http.StatusInternalServerError
}

// putURL sends content to a URL that the server made, and returns the entity tag of what was stored.
func (c *Client) putURL(ctx context.Context, method, target string, headers wire.Texts, content *transport.Content) (string, error) {
	request, err := newStorageRequest(ctx, method, http.MethodPut, target, headers)
	if err != nil {
		return "", err
	}
	call := c.transport.Storage().NewCall(mayRunTwice(method))
	call.Content = content
	response, _ := call.Do(request)
	if outcome := call.Outcome(); outcome.Kind != transport.Success {
		return "", failed(method, outcome)
	}
	return response.Header.Get("ETag"), nil
}

// newStorageRequest returns a request to a URL that the server made, with the headers that it asks for.
func newStorageRequest(ctx context.Context, method, verb, target string, headers wire.Texts) (*http.Request, error) {
	u, err := url.Parse(target)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, unexpected(method, "the server's URL of the storage is not one of http or https")
	}
	request, err := http.NewRequestWithContext(ctx, verb, target, nil)
	if err != nil {
		return nil, unexpected(method, "the server's URL of the storage cannot be read")
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	return request, nil
}
