package transport

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
)

const (
	// DefaultMaxBody limits the responses that are read, after decompression.
	DefaultMaxBody = 256 << 20
	// maxErrorBody limits what is read of a response that reports an error, or is not a JSON object.
	maxErrorBody = 64 << 10
	// sniffLen is how much of a response shows whether it is a JSON object.
	sniffLen = 512
	// maxExpected is the largest Content-Length for which a buffer is made before anything has arrived.
	maxExpected = 16 << 20
)

var errTooLarge = errors.New("the response is larger")

// A response of MLflow's compresses to a twentieth or so, and gzip can expand a byte to a thousand. A body above both
// limits is refused.
const (
	maxExpansion   = 200
	expansionFloor = 16 << 20
)

// readBody reads the response's body, within limits, and closes it. It returns what it read even if it fails. Of a
// response that reports an error, or is not a JSON object unless it may be anything, it returns the beginning.
func readBody(response *http.Response, limit int64, mayBeAnything bool) ([]byte, error) {
	defer response.Body.Close()
	content, err := decompress(response)
	if err != nil {
		return nil, err
	}
	data, err := readUpTo(content, nil, min(limit+1, sniffLen), response.ContentLength)
	failed := response.StatusCode >= 300
	if !mayBeAnything {
		failed = failed || !bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{"))
	}
	if failed {
		limit = min(limit, maxErrorBody)
	}
	if err == nil {
		data, err = readUpTo(content, data, limit+1, response.ContentLength)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if int64(len(data)) > limit {
		data = data[:limit]
		if !failed && err == nil {
			err = fmt.Errorf("%w than %d MiB", errTooLarge, limit>>20)
		}
	}
	return data, err
}

// readUpTo appends what is read to data until it has the given length, and returns the error of the reader, which is
// [io.EOF] at the end. Memory for what is expected in all, unless that is more than maxExpected, is made at once.
func readUpTo(content io.Reader, data []byte, length, expected int64) ([]byte, error) {
	for int64(len(data)) < length {
		if len(data) == cap(data) {
			have := int64(len(data))
			more := min(expected, maxExpected) + 1 - have // with room to see the end
			if more <= 0 {
				more = bytes.MinRead
			}
			data = slices.Grow(data, int(min(more, length-have)))
		}
		n, err := content.Read(data[len(data):min(int64(cap(data)), length)])
		data = data[:len(data)+n]
		if err != nil {
			return data, err
		}
	}
	return data, nil
}

// decompress returns a reader of the response's content. Requests ask for gzip themselves, rather than net/http, so that
// it is known how many bytes came.
func decompress(response *http.Response) (io.Reader, error) {
	if response.Header.Get(encodingField) != gzipEncoding {
		return response.Body, nil
	}
	received := &countingReader{Reader: response.Body}
	expanded, err := gzip.NewReader(received)
	switch {
	case errors.Is(err, io.EOF): // there is nothing to expand
		return received, nil
	case err != nil:
		return nil, err
	}
	return &expansionLimiter{expanded, received, 0}, nil
}

// A countingReader counts what is read.
type countingReader struct {
	io.Reader
	n int64
}

func (r *countingReader) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	r.n += int64(n)
	return n, err
}

// An expansionLimiter fails when a little expands to much.
type expansionLimiter struct {
	expanded io.Reader
	received *countingReader
	n        int64
}

func (r *expansionLimiter) Read(b []byte) (int, error) {
	n, err := r.expanded.Read(b)
	r.n += int64(n)
	if r.n > expansionFloor && r.n/maxExpansion > r.received.n {
		return n, fmt.Errorf("%w than %d times what was received", errTooLarge, maxExpansion)
	}
	return n, err
}

// A bufferedBody is a body that has been read already, so that reading it again takes neither time nor a connection. It
// ends with the error that the reading ended with.
type bufferedBody struct {
	data bytes.Reader
	err  error // after the data; nil stands for io.EOF
}

func (b *bufferedBody) Read(p []byte) (int, error) {
	n, err := b.data.Read(p)
	if errors.Is(err, io.EOF) && b.err != nil {
		err = b.err
	}
	return n, err
}

// Close does nothing: the connection is free already.
func (*bufferedBody) Close() error { return nil }
