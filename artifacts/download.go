package artifacts

import (
	"cmp"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode"

	"github.com/mlflow-go/mlflow/gen"
	"github.com/mlflow-go/mlflow/internal/failure"
	"github.com/mlflow-go/mlflow/internal/transport"
)

// DownloadArtifact returns the content of a file of a run, as it comes: nothing is held in memory, and the caller must
// close it. The context must live until then. What does not exist is [tracking.ErrNotFound], a folder
// [tracking.ErrInvalidArgument].
//
// Reading ends with [io.EOF] only after as many bytes as the file has. Content that was cut is continued with what is
// missing, if the server can send a part of a file; otherwise reading ends with a [*tracking.Error] that matches
// [tracking.ErrUnexpectedResponse], or [tracking.ErrUnavailable] if nothing came for as long as WithTimeout allows.
//
// GET /api/2.0/mlflow/artifacts/list
// GET /api/2.0/mlflow/runs/get
// GET /api/2.0/mlflow-artifacts/artifacts/{artifact_path}
func (c *Client) DownloadArtifact(ctx context.Context, runID, path string) (io.ReadCloser, error) {
	const method = "DownloadArtifact"
	if err := cmp.Or(checkRun(method, runID), checkPath(method, path)); err != nil {
		return nil, err
	}
	file, err := c.statFile(ctx, method, runID, path)
	if err != nil {
		return nil, err
	}
	return c.open(ctx, method, runID, file)
}

// open returns the content of a file that the server lists.
func (c *Client) open(ctx context.Context, method, runID string, file Artifact) (io.ReadCloser, error) {
	storage, err := c.storageOf(ctx, method, runID)
	if err != nil {
		return nil, err
	}
	d := &fileDownload{client: c, method: method, runID: runID, storage: storage, file: file}
	return d.open(ctx)
}

// A fileDownload opens one file.
type fileDownload struct {
	client  *Client
	method  string
	runID   string
	storage storage
	file    Artifact
}

func (d *fileDownload) open(ctx context.Context) (io.ReadCloser, error) {
	if !d.storage.isProxied() {
		if body, err := d.openDirectly(ctx); body != nil || err != nil {
			return body, err
		}
		return d.read(ctx)
	}
	body, err := d.openPastProxy(ctx)
	if body != nil || err != nil {
		return body, err
	}
	// Before MLflow 3.13 the proxy cannot say the name of such a file in a header: beyond Latin-1 before 3.3, ASCII since.
	if !isASCII(d.file.Path) && d.storage.proxy == d.client.trackingServer() {
		return d.read(ctx)
	}
	return d.get(d.storage.proxy, func(g gen.Client) (*http.Response, error) {
		return g.DownloadArtifact(ctx, d.storage.pathOf(d.file.Path))
	})
}

func isASCII(path string) bool {
	return !strings.ContainsFunc(path, func(r rune) bool { return r > unicode.MaxASCII })
}

// openPastProxy opens a file in object storage behind the server, if the operator wants that. It returns nothing if the
// file is to be had through the server.
func (d *fileDownload) openPastProxy(ctx context.Context) (io.ReadCloser, error) {
	info, err := d.client.serverInfo(ctx, d.method, d.storage)
	if err != nil {
		return nil, err
	}
	if !info.presignedOnly && (!info.multipartDownloads || d.client.isKnownUnsupported(d.storage, directDownloads)) {
		return nil, nil
	}
	body, err := d.getURL(func() (*http.Request, error) {
		presigned, err := callAt[gen.GetPresignedDownloadURLResult](d.storage.proxy,
			crashIsFinal(d.method),
			func(g gen.Client) (*http.Response, error) {
				return g.GetPresignedDownloadURL(ctx, d.storage.pathOf(d.file.Path))
			})
		if err != nil {
			return nil, err
		}
		return newStorageRequest(ctx, d.method, http.MethodGet, presigned.URL, presigned.Headers)
	}, !info.presignedOnly)
	if (isUnsupported(err) || unreachable(err)) && !info.presignedOnly {
		d.client.markUnsupported(d.storage, directDownloads)
		return nil, nil
	}
	return body, err
}

// openDirectly opens a file in storage that the server is not in front of, if the server makes a URL for it. It returns
// nothing if the server does not, or if the storage is out of reach.
func (d *fileDownload) openDirectly(ctx context.Context) (io.ReadCloser, error) {
	if d.client.isKnownUnsupported(d.storage, presignedDownloads) {
		return nil, nil
	}
	body, err := d.getURL(func() (*http.Request, error) {
		presigned, err := callAt[gen.CreatePresignedDownloadURLResult](d.client.trackingServer(),
			crashIsFinal(d.method),
			func(g gen.Client) (*http.Response, error) {
				return g.CreatePresignedDownloadURL(ctx, gen.CreatePresignedDownloadURLRequest{RunID: d.runID, Path: d.file.Path})
			})
		if err != nil {
			return nil, err
		}
		return newStorageRequest(ctx, d.method, http.MethodGet, presigned.PresignedURL, presigned.Headers)
	}, true)
	if isUnsupported(err) || unreachable(err) {
		d.client.markUnsupported(d.storage, presignedDownloads)
		return nil, nil
	}
	return body, err
}

// read opens a file through the server, wherever it is.
func (d *fileDownload) read(ctx context.Context) (io.ReadCloser, error) {
	return d.get(d.client.trackingServer(), func(g gen.Client) (*http.Response, error) {
		return g.ReadArtifact(ctx, &gen.ReadArtifactParams{RunID: d.runID, Path: d.file.Path})
	})
}

// downloads is the operation of a request whose response is a file.
func (d *fileDownload) downloads() transport.Operation {
	operation := mayRunTwice(d.method)
	operation.Downloads = true
	return operation
}

// get opens a file at a server of MLflow's, which sends it as an attachment. A login page is not one.
func (d *fileDownload) get(server endpoint, send func(gen.Client) (*http.Response, error)) (io.ReadCloser, error) {
	call := server.client.Streams().NewCall(d.downloads())
	response, err := send(gen.Client{Server: server.url, Client: call})
	outcome := call.Result(err)
	if outcome.Kind != transport.Success {
		return nil, failed(d.method, outcome)
	}
	if kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Disposition")); kind != "attachment" && !isAttachment(response) {
		response.Body.Close()
		return nil, failure.OfOutcome(d.method, call.Unexpected(errNoFile))
	}
	return d.body(call, response)
}

var errNoFile = errors.New("the response is not a file: it has no Content-Disposition: attachment")

// isAttachment reports whether a response has a header that says so but cannot be parsed, as MLflow before 3.3 sends for
// names with spaces.
func isAttachment(response *http.Response) bool {
	return strings.HasPrefix(response.Header.Get("Content-Disposition"), "attachment;")
}

// getURL opens a file at a URL that the server makes, and makes anew if the download has to continue later. It is asked for
// once if there is another way.
func (d *fileDownload) getURL(presign func() (*http.Request, error), once bool) (io.ReadCloser, error) {
	request, err := presign()
	if err != nil {
		return nil, err
	}
	operation := d.downloads()
	if once {
		operation.Safety = transport.SendOnce
	}
	call := d.client.transport.Storage().NewCall(operation)
	call.Renew = presign
	response, _ := call.Do(request)
	if outcome := call.Outcome(); outcome.Kind != transport.Success {
		return nil, failed(d.method, outcome)
	}
	return d.body(call, response)
}

// body returns the content of a response, which must be as long as the list says.
func (d *fileDownload) body(call *transport.Call, response *http.Response) (io.ReadCloser, error) {
	if length := response.ContentLength; length >= 0 && length != d.file.Size {
		response.Body.Close()
		return nil, unexpected(d.method, "%q has %d bytes, and the server lists it with %d", d.file.Path, length, d.file.Size)
	}
	return &body{ReadCloser: response.Body, download: d, call: call}, nil
}

// A body is the content of a file.
type body struct {
	io.ReadCloser
	download *fileDownload
	call     *transport.Call
	n        int64
	err      error
}

func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.ReadCloser.Read(p)
	b.n += int64(n)
	file := b.download.file
	switch {
	case b.n > file.Size, err == io.EOF && b.n < file.Size:
		b.err = unexpected(b.download.method, "%q has %d bytes or more, and the server lists it with %d", file.Path, b.n, file.Size)
		if b.n < file.Size {
			b.err = unexpected(b.download.method, "%q ended after %d of %d bytes", file.Path, b.n, file.Size)
		}
	case err == io.EOF:
		b.err = err
	case err != nil:
		b.err = failure.OfOutcome(b.download.method, b.call.Broken(err))
	}
	return n, b.err
}
