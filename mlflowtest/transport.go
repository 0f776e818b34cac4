package mlflowtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
)

// Transport returns a RoundTripper that calls handler directly, without a network: whatever host a request is for, the
// handler gets it. Bodies are streamed in both directions. It works inside a testing/synctest bubble, where a connection
// would not.
//
// As over a network, a handler's context ends when the request's does or the response's body is closed, and a panic
// breaks the response off. A program must read or close the bodies of responses: until then the handler may wait.
func Transport(handler http.Handler) http.RoundTripper { return transport{handler} }

type transport struct {
	handler http.Handler
}

var errBroken = errors.New("mlflowtest: the handler broke the connection")

// RoundTrip implements [http.RoundTripper].
func (t transport) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(request.Context()))
	reader, writer := io.Pipe()
	w := &responseWriter{header: http.Header{}, body: writer, request: request, ready: make(chan *http.Response, 1)}
	// When the request's context ends, first the response breaks off, and then the handler's context ends too.
	stop := context.AfterFunc(request.Context(), func() {
		_ = writer.CloseWithError(context.Cause(request.Context()))
		cancel()
	})
	w.reader = &responseBody{reader, cancel}
	served := make(chan error, 1)
	go func() {
		defer cancel()
		defer stop()
		served <- t.serve(w, serverRequest(ctx, request))
	}()
	select {
	case response := <-w.ready:
		return response, nil
	case err := <-served:
		// The handler may have responded at the same time.
		select {
		case response := <-w.ready:
			return response, nil
		default:
			return nil, err
		}
	case <-request.Context().Done():
		return nil, context.Cause(request.Context())
	}
}

// serve calls the handler, and ends the response.
func (t transport) serve(w *responseWriter, request *http.Request) (err error) {
	defer func() {
		_ = request.Body.Close()
		if cause := recover(); cause != nil {
			err = errBroken
			if abort, ok := cause.(error); !ok || !errors.Is(abort, http.ErrAbortHandler) {
				err = fmt.Errorf("%w: it panicked: %v", errBroken, cause)
			}
			_ = w.body.CloseWithError(err)
			return
		}
		w.WriteHeader(http.StatusOK)
		_ = w.body.Close()
	}()
	t.handler.ServeHTTP(w, request)
	return nil
}

// serverRequest returns a request as a server gets it.
func serverRequest(ctx context.Context, request *http.Request) *http.Request {
	result := request.Clone(ctx)
	result.RequestURI = request.URL.RequestURI()
	result.RemoteAddr = "127.0.0.1:1"
	result.Proto, result.ProtoMajor, result.ProtoMinor = "HTTP/1.1", 1, 1
	if result.Host == "" {
		result.Host = request.URL.Host
	}
	switch {
	case request.Body == nil:
		result.Body = http.NoBody
	case request.ContentLength == 0 && request.Body != http.NoBody:
		result.ContentLength = -1 // of unknown length
	}
	return result
}

// A responseWriter hands on the response when its header is complete.
type responseWriter struct {
	header  http.Header
	body    *io.PipeWriter
	reader  io.ReadCloser
	request *http.Request
	ready   chan *http.Response
	once    sync.Once
}

func (w *responseWriter) Header() http.Header { return w.header }

func (w *responseWriter) WriteHeader(status int) {
	if status >= 100 && status < 200 {
		return // no response yet
	}
	w.once.Do(func() {
		response := &http.Response{
			Status:        fmt.Sprintf("%d %s", status, http.StatusText(status)),
			StatusCode:    status,
			Proto:         "HTTP/1.1",
			ProtoMajor:    1,
			ProtoMinor:    1,
			Header:        w.header.Clone(),
			Body:          w.reader,
			ContentLength: -1,
			Request:       w.request,
		}
		if length, err := strconv.ParseInt(w.header.Get("Content-Length"), 10, 64); err == nil {
			response.ContentLength = length
		}
		w.ready <- response
	})
}

func (w *responseWriter) Write(data []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.request.Method == http.MethodHead || len(data) == 0 {
		return len(data), nil
	}
	return w.body.Write(data)
}

// Flush implements [http.Flusher]: nothing is held back but the header.
func (w *responseWriter) Flush() { w.WriteHeader(http.StatusOK) }

// A responseBody ends the handler's context when it is closed.
type responseBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b *responseBody) Close() error {
	b.cancel()
	return b.ReadCloser.Close()
}
