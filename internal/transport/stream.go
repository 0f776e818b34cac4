package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// attemptStream sends a request once whose body is a stream, or whose response is to be one. The time limit is not that
// of the attempt: it is how long nothing may move.
func (c *Call) attemptStream(request *http.Request) Outcome {
	caller := request.Context()
	ctx, watch := watchIdle(caller, c.client.config.Timeout)
	handedOver := false
	defer func() {
		if !handedOver {
			watch.end()
		}
	}()
	a := new(attempt)
	request, err := c.begin(ctx, watch.end, request, a)
	if err != nil {
		return notSent(caller, reason(caller, ctx, err))
	}
	if c.client.config.SecretQueries {
		c.query = request.URL.Query()
	}
	if c.operation.Downloads { // bytes are wanted as they are stored
		request.Header.Set("Accept", "*/*")
		request.Header.Set("Accept-Encoding", "identity")
	}
	upload := &upload{content: c.Content, watch: watch}
	defer upload.close()
	if c.Content != nil {
		if err := upload.attach(request); err != nil {
			return notSent(caller, err)
		}
	}
	response, err := c.exchange(request, a)
	if failed := upload.failure(); failed != nil {
		if err == nil {
			response.Body.Close()
		}
		return notSent(caller, failed)
	}
	if err != nil {
		return failed(reasonOf(caller, ctx, err), &a.progress)
	}
	if c.operation.Downloads && isSuccess(response.StatusCode) {
		handedOver = true
		watch.stop()
		o := c.received(response, nil, nil)
		o.stream = &download{ReadCloser: response.Body, watch: watch, reason: func(err error) error {
			return reasonOf(caller, ctx, newURLError(request, err))
		}}
		return o
	}
	return c.read(caller, request, response, &a.progress, true)
}

// Broken returns the outcome of a download whose body ended with an error.
func (c *Call) Broken(err error) Outcome {
	o := c.outcome
	o.stream = nil
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		o.Kind = Canceled
	case isTimeout(err):
		o.Kind = Timeout
	default:
		o.Kind = Truncated
	}
	o.Err = err
	return c.redacted(o)
}

// An idleWatch ends a context when nothing has moved for too long.
type idleWatch struct {
	limit  time.Duration
	timer  *time.Timer
	cancel context.CancelCauseFunc
}

// watchIdle returns a context that ends when its watch is not restarted within the limit; 0 means no limit.
func watchIdle(parent context.Context, limit time.Duration) (context.Context, *idleWatch) {
	ctx, cancel := context.WithCancelCause(parent)
	w := &idleWatch{limit: limit, cancel: cancel}
	if limit > 0 {
		w.timer = time.AfterFunc(limit, func() { cancel(timeoutError("nothing moved for " + limit.String())) })
	}
	return ctx, w
}

// restart begins the time anew.
func (w *idleWatch) restart() {
	if w.timer != nil {
		w.timer.Reset(w.limit)
	}
}

// stop stops the time, while it is the caller who takes it.
func (w *idleWatch) stop() {
	if w.timer != nil {
		w.timer.Stop()
	}
}

func (w *idleWatch) end() {
	w.stop()
	w.cancel(nil)
}

// An upload gives the body of one attempt to net/http. Net/http may still read it while the response is there already,
// and after it has failed: once an upload is closed, its content is not touched again.
type upload struct {
	content *Content
	watch   *idleWatch

	mu       sync.Mutex
	body     *uploadBody // the one that net/http was given last
	err      error       // of the content, rather than of the connection
	panicked any         // what the content panicked with, which net/http reads and closes on goroutines of its own
}

// attach makes the content the body of the request.
func (u *upload) attach(request *http.Request) error {
	body, err := u.open()
	if err != nil {
		return err
	}
	request.Body, request.ContentLength = body, u.content.Size
	if u.content.Size == 0 {
		request.Body = http.NoBody
	}
	if u.content.Size < 0 || u.content.Size >= expectContinueSize {
		request.Header.Set("Expect", "100-continue")
	}
	request.GetBody = nil
	if !u.content.Once {
		request.GetBody = u.open
	}
	return nil
}

// expectContinueSize is from which size on a request is sent with Expect: 100-continue. A server that refuses the request
// may otherwise close the connection while the body is on its way, and the response is lost.
const expectContinueSize = 1 << 20

// open opens the content, after closing what was opened before.
func (u *upload) open() (io.ReadCloser, error) {
	u.close()
	content, err := u.content.Open()
	u.mu.Lock()
	defer u.mu.Unlock()
	if err != nil {
		u.err = err
		return nil, err
	}
	u.body = &uploadBody{upload: u, content: content}
	return u.body, nil
}

func (u *upload) close() {
	u.mu.Lock()
	body := u.body
	u.mu.Unlock()
	if body != nil {
		_ = body.Close() // it was read
	}
	u.rethrow()
}

// panicError returns err, or an error for the value that the content panicked with, which rethrow continues: nobody could
// recover it on net/http's goroutine.
func (u *upload) panicError(value any, err error) error {
	if value == nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.panicked = value
	return errPanicked
}

var errPanicked = errors.New("the content panicked")

// rethrow continues a panic of the content on the caller's goroutine.
func (u *upload) rethrow() {
	u.mu.Lock()
	value := u.panicked
	u.panicked = nil
	u.mu.Unlock()
	if value != nil {
		panic(value)
	}
}

// failure returns the error that the content ended with, if there was one.
func (u *upload) failure() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.err
}

type uploadBody struct {
	upload *upload

	mu      sync.Mutex // held while the content is read
	content io.ReadCloser
	closed  bool
	n       int64
}

var errBodyClosed = errors.New("the body of the request is closed")

// Read reads the content. The time that this takes is not the server's.
func (b *uploadBody) Read(p []byte) (n int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, errBodyClosed
	}
	u := b.upload
	defer func() { err = u.panicError(recover(), err) }()
	u.watch.stop()
	n, err = b.content.Read(p)
	u.watch.restart()
	b.n += int64(n)
	if size := u.content.Size; size >= 0 && (b.n > size || errors.Is(err, io.EOF) && b.n < size) {
		err = fmt.Errorf("the content is not as long as it said: %d bytes", size)
	}
	if u.content.OnSent != nil {
		u.content.OnSent(b.n)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		u.mu.Lock()
		u.err = err
		u.mu.Unlock()
	}
	return n, err
}

// Close waits for the content to be read no more, and closes it.
func (b *uploadBody) Close() (err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil
	}
	b.closed = true
	defer func() { err = b.upload.panicError(recover(), err) }()
	return b.content.Close()
}

// A download is the body of a response that is read as it comes.
type download struct {
	io.ReadCloser

	watch  *idleWatch
	reason func(error) error
}

func (d *download) Read(p []byte) (int, error) {
	d.watch.restart()
	n, err := d.ReadCloser.Read(p)
	d.watch.stop()
	if err == io.EOF { //nolint:errorlint // a reader's own end is never wrapped
		d.watch.end()
	} else if err != nil {
		err = d.reason(err)
	}
	return n, err
}

func (d *download) Close() error {
	err := d.ReadCloser.Close()
	d.watch.end()
	return err
}

// A resumedDownload continues where its body was cut, with requests for the rest, if the server says what that is the
// rest of.
type resumedDownload struct {
	call    *Call
	request *http.Request
	tag     string // "" if the download cannot be resumed
	size    int64
	offset  int64
	resumed int64 // the offset at which it was last resumed

	body io.ReadCloser
	err  error // to be returned before anything else is read
}

// resumable returns the body of a download that resumes by itself.
func (c *Call) resumable(request *http.Request, o Outcome) io.ReadCloser {
	c.operation.Safety = MayRunTwice // there is no fallback once it has begun
	d := &resumedDownload{call: c, request: request, size: o.response.ContentLength, body: o.stream}
	header := o.response.Header
	if tag := header.Get("ETag"); o.Status == http.StatusOK && header.Get("Accept-Ranges") == "bytes" && !strings.HasPrefix(tag, "W/") {
		d.tag = tag
	}
	return d
}

func (d *resumedDownload) Read(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	for {
		n, err := d.body.Read(p)
		d.offset += int64(n)
		if err == nil || err == io.EOF {
			return n, err
		}
		if d.err = d.resume(err); d.err != nil || n > 0 {
			return n, d.err
		}
	}
}

func (d *resumedDownload) Close() error { return d.body.Close() }

// resume asks for the rest after an error. It returns the error if the rest cannot be had.
func (d *resumedDownload) resume(broken error) error {
	d.body.Close()
	ctx := d.request.Context()
	wait, retry := d.call.resumeDelay(ctx, broken, d.offset > d.resumed)
	d.resumed = max(d.resumed, d.offset)
	if d.tag == "" || ctx.Err() != nil || !retry || sleep(ctx, wait) != nil {
		return broken
	}
	request := d.request.Clone(ctx)
	if d.call.Renew != nil {
		var err error
		if request, err = d.call.Renew(); err != nil {
			return broken
		}
	}
	request.Header.Set("Range", fmt.Sprintf("bytes=%d-", d.offset))
	request.Header.Set("If-Range", d.tag)
	o := d.call.run(request)
	if o.stream == nil {
		return broken
	}
	var first, last, size int64
	_, err := fmt.Sscanf(o.response.Header.Get("Content-Range"), "bytes %d-%d/%d", &first, &last, &size)
	if o.Status != http.StatusPartialContent || err != nil || first != d.offset || (d.size >= 0 && (size != d.size || last != size-1)) {
		o.stream.Close()
		return broken
	}
	d.body = o.stream
	return nil
}
