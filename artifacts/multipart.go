package artifacts

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/mlflow-go/mlflow/gen"
	"github.com/mlflow-go/mlflow/internal/failure"
	"github.com/mlflow-go/mlflow/internal/transport"
	"github.com/mlflow-go/mlflow/internal/wire"
	"github.com/mlflow-go/mlflow/tracking"
)

// maxParts is how many parts S3 takes.
const maxParts = 10_000

// A part of a file.
type part struct {
	number       int // from 1 on
	offset, size int64
	url          string
	headers      wire.Texts
	etag         string
}

// partsOf divides a file. Even an empty one has a part.
func partsOf(size, partSize int64) []*part {
	partSize = max(partSize, (size+maxParts-1)/maxParts)
	parts := make([]*part, 0, size/partSize+1)
	for offset := int64(0); offset < size || len(parts) == 0; offset += partSize {
		parts = append(parts, &part{number: len(parts) + 1, offset: offset, size: min(partSize, size-offset)})
	}
	return parts
}

// sendParts sends the file to object storage behind the server, past the server. If the storage has no parts or is out
// of reach, the file goes through the server, unless that is not wanted.
func (u *fileUpload) sendParts(ctx context.Context, info serverInfo) error {
	instead := func(err error) error {
		if info.presignedOnly || u.content.Once && u.sent > 0 {
			return err
		}
		return u.sendToProxy(ctx)
	}
	parts := partsOf(u.content.Size, u.client.config.PartSize)
	id, err := u.createParts(ctx, parts)
	if err != nil {
		if errors.Is(err, tracking.ErrUnsupported) {
			return instead(err)
		}
		return err
	}
	if err = u.sendAll(ctx, parts); err == nil {
		err = u.completeParts(ctx, id, parts)
	}
	if err == nil {
		u.sent = u.content.Size
		return nil
	}
	u.abortParts(ctx, id)
	if unreachable(err) {
		return instead(err)
	}
	return err
}

// unreachable reports whether no response came.
func unreachable(err error) bool {
	var failed *tracking.Error
	return errors.As(err, &failed) && failed.StatusCode == 0 && errors.Is(err, tracking.ErrUnavailable)
}

// createParts begins an upload, and notes where its parts go.
func (u *fileUpload) createParts(ctx context.Context, parts []*part) (id string, err error) {
	folder, name := split(u.storage.pathOf(u.path))
	request := gen.CreateMultipartUploadRequest{Path: name, NumParts: len(parts)}
	created, err := callAt[gen.CreateMultipartUploadResult](u.storage.proxy, crashIsFinal(u.method),
		func(g gen.Client) (*http.Response, error) { return g.CreateMultipartUpload(ctx, folder, request) })
	if err != nil {
		return "", err
	}
	if created.UploadID == "" || len(created.Credentials) != len(parts) {
		return "", unexpected(u.method, "the server returned %d URLs for %d parts", len(created.Credentials), len(parts))
	}
	for _, credential := range created.Credentials {
		i := int(credential.PartNumber) - 1
		if i < 0 || i >= len(parts) || parts[i].url != "" {
			return "", unexpected(u.method, "the server returned a URL for part %d of %d", credential.PartNumber, len(parts))
		}
		parts[i].url, parts[i].headers = credential.URL, credential.Headers
	}
	return created.UploadID, nil
}

func (u *fileUpload) completeParts(ctx context.Context, id string, parts []*part) error {
	folder, name := split(u.storage.pathOf(u.path))
	sent := make([]gen.MultipartUploadPart, len(parts))
	for i, part := range parts {
		sent[i] = gen.MultipartUploadPart{PartNumber: wire.Int64(part.number), Etag: part.etag, URL: part.url}
	}
	_, err := callAt[wire.Empty](u.storage.proxy, crashIsFinal(u.method), func(g gen.Client) (*http.Response, error) {
		return g.CompleteMultipartUpload(ctx, folder, gen.CompleteMultipartUploadRequest{Path: name, UploadID: id, Parts: sent})
	})
	return err
}

// abortTime limits how long an upload that failed is cleaned up.
const abortTime = 30 * time.Second

// abortParts drops what was sent of an upload, even if the context has ended.
func (u *fileUpload) abortParts(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTime)
	defer cancel()
	folder, name := split(u.storage.pathOf(u.path))
	// The error that the upload failed with says more than another one.
	_, _ = callAt[wire.Empty](u.storage.proxy, crashIsFinal(u.method), func(g gen.Client) (*http.Response, error) {
		return g.AbortMultipartUpload(ctx, folder, gen.AbortMultipartUploadRequest{Path: name, UploadID: id})
	})
}

// sendAll sends the parts: several at the same time if they can be read so, else one after the other.
func (u *fileUpload) sendAll(ctx context.Context, parts []*part) error {
	if u.content.at == nil {
		return u.sendInOrder(ctx, parts)
	}
	return inParallel(ctx, u.method, u.parallelism, len(parts), func(ctx context.Context, i int) error {
		part := parts[i]
		return u.sendPart(ctx, part, transport.Content{Open: func() (io.ReadCloser, error) {
			return io.NopCloser(io.NewSectionReader(u.content.at, part.offset, part.size)), nil
		}})
	})
}

// sendInOrder reads the content once.
func (u *fileUpload) sendInOrder(ctx context.Context, parts []*part) error {
	reader, err := u.content.Open()
	if err != nil {
		return failure.NotSent(u.method, err)
	}
	defer reader.Close()
	for _, part := range parts {
		u.sent += part.size
		err := u.sendPart(ctx, part, transport.Content{Once: true, Open: func() (io.ReadCloser, error) {
			return io.NopCloser(io.LimitReader(reader, part.size)), nil
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

func (u *fileUpload) sendPart(ctx context.Context, part *part, content transport.Content) error {
	content.Size = part.size
	content.OnSent = u.progress.sent(u.piece + part.number)
	var err error
	if part.etag, err = u.client.putURL(ctx, u.method, part.url, part.headers, &content); err != nil {
		return err
	}
	if part.etag == "" {
		return unexpected(u.method, "the storage returned no ETag for part %d", part.number)
	}
	return nil
}
