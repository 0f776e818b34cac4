package transport

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
)

const (
	// DefaultMaxBody limits the responses that are read, after decompression.
	DefaultMaxBody = 256 << 20
	// maxErrorBody limits what is read of a response that reports an error, or is not a JSON object.
	maxErrorBody = 64 << 10
	// sniffLen is how much of a response tells whether it is a JSON object.
	sniffLen = 512
	// maxExpected is the Content-Length that is believed: a buffer of that size is made before anything came.
	maxExpected = 16 << 20
)

var errTooLarge = errors.New("the response is larger")

// A response of MLflow's compresses to a twentieth or so, and gzip can expand a byte to a thousand. What exceeds both of
// these is no response of MLflow's.
const (
	maxExpansion  = 200
	anyExpansion  = 16 << 20
	gzipEncoding  = "gzip"
	encodingField = "Content-Encoding"
)

// readBody reads the response's body, within limits, and closes it. It returns what it read even if it fails. Of a
// response that reports an error, or is not a JSON object unless it may be anything, it returns the beginning.
func readBody(response *http.Response, limit int64, mayBeAnything bool) ([]byte, error) {
	defer response.Body.Close()
	content, err := decompress(response)
	if err != nil {
		return nil, err
	}
	var data bytes.Buffer
	if expected := response.ContentLength; 0 < expected && expected <= maxExpected {
		data.Grow(int(expected) + 2*bytes.MinRead) // MinRead more for each ReadFrom, and none of them grows it again
	}
	n, err := data.ReadFrom(io.LimitReader(content, min(limit+1, sniffLen)))
	failed := response.StatusCode >= 300
	if !mayBeAnything {
		failed = failed || !bytes.HasPrefix(bytes.TrimLeft(data.Bytes(), " \t\r\n"), []byte("{"))
	}
	if failed {
		limit = min(limit, maxErrorBody)
	}
	if err == nil {
		var more int64
		more, err = data.ReadFrom(io.LimitReader(content, limit+1-n))
		n += more
	}
	if err == nil && n > limit {
		data.Truncate(int(limit))
		if !failed {
			err = fmt.Errorf("%w than %d MiB", errTooLarge, limit>>20)
		}
	}
	return data.Bytes(), err
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
	return &expandingReader{expanded, received, 0}, nil
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

// An expandingReader fails when a little expands to much.
type expandingReader struct {
	expanded io.Reader
	received *countingReader
	n        int64
}

func (r *expandingReader) Read(b []byte) (int, error) {
	n, err := r.expanded.Read(b)
	r.n += int64(n)
	if r.n > anyExpansion && r.n/maxExpansion > r.received.n {
		return n, fmt.Errorf("%w than %d times what was received", errTooLarge, maxExpansion)
	}
	return n, err
}

// A bufferedBody is a body that has been read already, so that reading it again takes neither time nor a connection. It
// ends with the error that the reading ended with.
type bufferedBody struct{ io.Reader }

func newBufferedBody(data []byte, err error) bufferedBody {
	if err == nil {
		return bufferedBody{bytes.NewReader(data)}
	}
	return bufferedBody{io.MultiReader(bytes.NewReader(data), failingReader{err})}
}

// Close does nothing: the connection is free already.
func (bufferedBody) Close() error { return nil }

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }
