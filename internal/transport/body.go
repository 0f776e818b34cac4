package transport

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
)

const (
	// DefaultMaxBody bounds the answers that are read, after decompression.
	DefaultMaxBody = 256 << 20
	// maxErrorBody bounds what is read of an answer that reports an error, or is none of MLflow's.
	maxErrorBody = 64 << 10
	// recognizable is how much of an answer tells whether it is one of MLflow's.
	recognizable = 512
)

// ReadBody returns the answer's body, as far as it could be read, and closes it. Of an answer that reports an error, or
// is no JSON object, it returns the beginning.
func ReadBody(response *http.Response) ([]byte, error) {
	whole, ok := response.Body.(*wholeBody)
	if !ok {
		whole = buffer(response, DefaultMaxBody)
	}
	return whole.data, whole.err
}

// wholeBody is a body that has been read already, so that reading it again takes neither time nor a connection. It
// ends with the error that the reading ended with.
type wholeBody struct {
	io.Reader
	data []byte
	err  error
}

func (*wholeBody) Close() error { return nil }

// buffer reads the answer's body, within bounds, and closes it.
func buffer(response *http.Response, limit int64) *wholeBody {
	defer response.Body.Close()
	var data bytes.Buffer
	if expected := response.ContentLength; 0 < expected && expected <= 1<<20 {
		data.Grow(int(expected) + 2*bytes.MinRead) // MinRead more for each ReadFrom, and none of them grows it again
	}
	n, err := data.ReadFrom(io.LimitReader(response.Body, min(limit+1, recognizable)))
	failed := response.StatusCode >= 300 || !bytes.HasPrefix(bytes.TrimLeft(data.Bytes(), " \t\r\n"), []byte("{"))
	if failed {
		limit = min(limit, maxErrorBody)
	}
	if err == nil {
		var more int64
		more, err = data.ReadFrom(io.LimitReader(response.Body, limit+1-n))
		n += more
	}
	if err == nil && n > limit {
		data.Truncate(int(limit))
		if !failed {
			err = fmt.Errorf("%w than %d MiB", errTooLarge, limit>>20)
		}
	}
	whole := &wholeBody{Reader: bytes.NewReader(data.Bytes()), data: data.Bytes(), err: err}
	if err != nil {
		whole.Reader = io.MultiReader(whole.Reader, failingReader{err})
	}
	return whole
}

var errTooLarge = errors.New("the answer is larger")

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }
