package transport_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/transport"
)

var (
	uploads   = transport.Operation{Name: "LogArtifact", Safety: transport.MayRunTwice}
	downloads = transport.Operation{Name: "DownloadArtifact", Safety: transport.MayRunTwice, Downloads: true}
)

// text is content that can be opened again and again.
func text(content string) *transport.Content {
	return &transport.Content{
		Size: int64(len(content)), Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil },
	}
}

// put sends content.
func put(t *testing.T, c *transport.Client, content *transport.Content) transport.Outcome {
	t.Helper()
	call := c.NewCall(uploads)
	call.Content = content
	_, _ = call.Do(newRequest(t, http.MethodPut, "http://mlflow.test/file", ""))
	return call.Outcome()
}

// begin begins a download.
func begin(t *testing.T, c *transport.Client) (*transport.Call, io.ReadCloser) {
	t.Helper()
	call := c.NewCall(downloads)
	response, err := call.Do(newRequest(t, http.MethodGet, "http://mlflow.test/file", ""))
	require.NoError(t, err)
	return call, response.Body
}

// A server that fails at first gets the content again, from its beginning.
func TestUploadIsSentAgainFromTheBeginning(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var received []string
		n := newNetwork(t, func(w http.ResponseWriter, r *http.Request) {
			if len(received) == 0 {
				part := make([]byte, 3)
				_, err := io.ReadFull(r.Body, part)
				assert.NoError(t, err)
				received = append(received, string(part))
				panic(http.ErrAbortHandler)
			}
			body, err := io.ReadAll(r.Body)
			assert.NoError(t, err)
			received = append(received, string(body))
			if len(received) == 2 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		})
		c := transport.New(transport.Config{HTTPClient: client(n.transport(t)), Retry: quick})
		content := strings.Repeat("content ", 100_000)
		o := put(t, c.Streams(), text(content))
		assert.Equal(t, transport.Success, o.Kind, "%v", o.Err)
		assert.Equal(t, 3, o.Attempts)
		require.Len(t, received, 3)
		assert.Equal(t, "con", received[0])
		assert.Equal(t, content, received[1])
		assert.Equal(t, content, received[2])
	})
}

// What can be read once is sent once, whatever becomes of it.
func TestUploadThatCanBeReadOnceIsSentOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		n := newNetwork(t, func(w http.ResponseWriter, r *http.Request) {
			requests++
			assert.Equal(t, int64(-1), r.ContentLength)
			_, err := io.Copy(io.Discard, r.Body)
			assert.NoError(t, err)
			w.WriteHeader(http.StatusServiceUnavailable)
		})
		c := transport.New(transport.Config{HTTPClient: client(n.transport(t)), Retry: quick})
		content := text("once")
		content.Once, content.Size = true, -1
		assert.Equal(t, transport.Unavailable, put(t, c.Streams(), content).Kind)
		assert.Equal(t, 1, requests)
	})
}

// Once an attempt is over, nothing reads its content any more: the next one begins to read it anew.
func TestUploadIsNotReadAfterItsAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, func(w http.ResponseWriter, _ *http.Request) { // responds without reading
			w.Header().Set("Connection", "close")
			w.WriteHeader(http.StatusServiceUnavailable)
		})
		c := transport.New(transport.Config{HTTPClient: client(n.transport(t)), Retry: quick})
		var open, most atomic.Int64
		content := &transport.Content{Size: 1 << 30, Open: func() (io.ReadCloser, error) {
			most.Store(max(most.Load(), open.Add(1)))
			return &zeros{closed: func() { open.Add(-1) }}, nil
		}}
		// The last attempt may end by the closed connection rather than the response: net/http takes what comes first.
		assert.Contains(t, []transport.Kind{transport.Unavailable, transport.ConnectionLost}, put(t, c.Streams(), content).Kind)
		assert.Equal(t, int64(1), most.Load(), "open at the same time")
		assert.Zero(t, open.Load(), "open at the end")
		time.Sleep(time.Second) // the server lingers before it closes a connection
	})
}

type zeros struct{ closed func() }

func (z *zeros) Read(p []byte) (int, error) { return len(p), nil }

func (z *zeros) Close() error {
	z.closed()
	return nil
}

// An error of the content is no lost connection.
func TestUploadErrorOfContentIsFinal(t *testing.T) {
	t.Parallel()
	broken := errors.New("the disk is broken")
	for name, content := range map[string]*transport.Content{
		"opening": {Size: 1, Open: func() (io.ReadCloser, error) { return nil, broken }},
		"reading": {Size: 9, Open: func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader("abc"), iotestErrReader{broken})), nil
		}},
		"too short": {Size: 9, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("abc")), nil }},
		"too long":  {Size: 2, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("abc")), nil }},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
			c := transport.New(transport.Config{HTTPClient: client(n.transport(t)), Retry: quick})
			o := put(t, c.Streams(), content)
			assert.Equal(t, transport.NotSent, o.Kind, name)
			assert.Equal(t, 1, o.Attempts, name)
			if strings.HasPrefix(name, "too") {
				assert.ErrorContains(t, o.Err, "not as long as it said", name)
			} else {
				assert.ErrorIs(t, o.Err, broken, name)
			}
		})
	}
}

type iotestErrReader struct{ err error }

func (r iotestErrReader) Read([]byte) (int, error) { return 0, r.err }

// slow is content of which a byte comes each so often.
func slow(n int, each time.Duration) *transport.Content {
	return &transport.Content{Size: int64(n), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(io.LimitReader(slowReader(each), int64(n))), nil
	}}
}

type slowReader time.Duration

func (r slowReader) Read(p []byte) (int, error) {
	time.Sleep(time.Duration(r))
	p[0] = 'x'
	return 1, nil
}

// A transfer may take longer than the time limit, as long as it moves. Time that the caller takes is not the server's.
func TestStreamTimeLimitIsForIdleTime(t *testing.T) {
	t.Parallel()
	const limit = 10 * time.Second
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut {
				_, err := io.Copy(io.Discard, r.Body)
				assert.NoError(t, err)
				time.Sleep(limit - time.Second)
				return
			}
			for range 20 {
				io.WriteString(w, "x")
				assert.NoError(t, http.NewResponseController(w).Flush())
				time.Sleep(limit - time.Second)
			}
		})
		c := transport.New(transport.Config{HTTPClient: client(n.transport(t)), Timeout: limit}).Streams()
		start := time.Now()
		o := put(t, c, slow(5, 2*limit))
		assert.Equal(t, transport.Success, o.Kind, "%v", o.Err)
		assert.Greater(t, time.Since(start), 10*limit)

		_, body := begin(t, c)
		time.Sleep(2 * limit)
		content, err := io.ReadAll(body)
		require.NoError(t, err)
		assert.Len(t, content, 20)
		assert.NoError(t, body.Close())
	})
}

func TestStreamThatStandsStillEnds(t *testing.T) {
	t.Parallel()
	const limit = 10 * time.Second
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				io.WriteString(w, "begun")
				assert.NoError(t, http.NewResponseController(w).Flush())
			}
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		})
		c := transport.New(transport.Config{HTTPClient: client(n.transport(t)), Timeout: limit}).Streams()
		start := time.Now()
		o := put(t, c, text("content"))
		assert.Equal(t, transport.Timeout, o.Kind)
		assert.NotErrorIs(t, o.Err, context.DeadlineExceeded, "that is what the caller's own context would say")
		assert.Equal(t, limit, time.Since(start))

		call, body := begin(t, c)
		start = time.Now()
		content, err := io.ReadAll(body)
		assert.Equal(t, "begun", string(content))
		assert.Equal(t, transport.Timeout, call.Broken(err).Kind, "%v", err)
		assert.Equal(t, limit, time.Since(start))
		assert.NoError(t, body.Close())
	})
}

func TestStreamEndsWithTheCallersContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, func(w http.ResponseWriter, r *http.Request) {
			assert.NoError(t, http.NewResponseController(w).Flush())
			<-r.Context().Done()
		})
		c := transport.New(transport.Config{HTTPClient: client(n.transport(t)), Retry: quick}).Streams()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		call := c.NewCall(downloads)
		response, err := call.Do(newRequest(t, http.MethodGet, "http://mlflow.test/", "").WithContext(ctx))
		require.NoError(t, err)
		_, err = io.ReadAll(response.Body)
		assert.Equal(t, transport.Canceled, call.Broken(err).Kind)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.NoError(t, response.Body.Close())
	})
}

// cuts is a handler that serves content in pieces: each response is cut after the given number of bytes.
func cuts(t *testing.T, content string, each int, change func(w http.ResponseWriter, request int)) (http.HandlerFunc, *[]string) {
	t.Helper()
	ranges := new([]string)
	return func(w http.ResponseWriter, r *http.Request) {
		*ranges = append(*ranges, r.Header.Get("Range"))
		offset := 0
		w.Header().Set("Etag", `"tag"`)
		w.Header().Set("Accept-Ranges", "bytes")
		status := http.StatusOK
		if from, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok {
			assert.Equal(t, `"tag"`, r.Header.Get("If-Range"))
			var err error
			offset, err = strconv.Atoi(strings.TrimSuffix(from, "-"))
			assert.NoError(t, err)
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", offset, len(content)-1, len(content)))
			status = http.StatusPartialContent
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(content)-offset))
		if change != nil {
			change(w, len(*ranges))
		}
		w.WriteHeader(status)
		rest := content[offset:]
		io.WriteString(w, rest[:min(each, len(rest))])
		if each < len(rest) {
			assert.NoError(t, http.NewResponseController(w).Flush())
			panic(http.ErrAbortHandler)
		}
	}, ranges
}

func TestDownloadThatIsCutContinues(t *testing.T) {
	t.Parallel()
	content := strings.Repeat("0123456789", 7) + "."
	for each := 1; each <= len(content); each++ {
		synctest.Test(t, func(t *testing.T) {
			handler, ranges := cuts(t, content, each, nil)
			n := newNetwork(t, handler)
			c := transport.New(transport.Config{HTTPClient: client(n.transport(t)), Retry: quick}).Streams()
			_, body := begin(t, c)
			got, err := io.ReadAll(body)
			require.NoError(t, err)
			assert.Equal(t, content, string(got), "cut after %d bytes each", each)
			assert.Len(t, *ranges, (len(content)+each-1)/each)
			assert.NoError(t, body.Close())
		})
	}
}

func TestDownloadDoesNotContinueWithAnotherFile(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(w http.ResponseWriter, request int){
		"no ranges":     func(w http.ResponseWriter, _ int) { w.Header().Del("Accept-Ranges") },
		"no entity tag": func(w http.ResponseWriter, _ int) { w.Header().Del("Etag") },
		"another file": func(w http.ResponseWriter, request int) {
			if request > 1 {
				w.Header().Set("Content-Range", "bytes 0-69/70")
			}
		},
		"another length": func(w http.ResponseWriter, request int) {
			if request > 1 {
				w.Header().Set("Content-Range", "bytes 30-79/80")
			}
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			handler, _ := cuts(t, strings.Repeat("0123456789", 7), 30, change)
			n := newNetwork(t, handler)
			c := transport.New(transport.Config{HTTPClient: client(n.transport(t)), Retry: quick}).Streams()
			call, body := begin(t, c)
			got, err := io.ReadAll(body)
			require.Error(t, err, name)
			assert.Equal(t, transport.Truncated, call.Broken(err).Kind, name)
			assert.Len(t, got, 30, name)
			assert.NoError(t, body.Close())
		})
	}
}

// A server that cuts a download without sending anything is asked only as often as any other.
func TestDownloadThatDoesNotMoveEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		handler, ranges := cuts(t, "content", 0, nil)
		n := newNetwork(t, handler)
		c := transport.New(transport.Config{HTTPClient: client(n.transport(t)), Retry: quick}).Streams()
		_, body := begin(t, c)
		_, err := io.ReadAll(body)
		require.Error(t, err)
		assert.Len(t, *ranges, quick.MaxAttempts)
		assert.NoError(t, body.Close())
	})
}

// The storage is another host: it gets nothing that was meant for the server.
func TestStorageIsSentNoSecrets(t *testing.T) {
	t.Parallel()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	server := &url.URL{Scheme: "http", Host: "mlflow.test"}
	jar.SetCookies(server, []*http.Cookie{{Name: "session", Value: "s3cret"}})
	f := &fake{respond: inTurn(response{status: 200}, response{status: 403, body: `<Error>the signature SIGNATURE-123 is wrong</Error>`})}
	c := transport.New(transport.Config{
		HTTPClient:    &http.Client{Transport: f, Jar: jar},
		Authorization: func(context.Context) (string, error) { return "Bearer s3cret", nil },
		Header:        func() http.Header { return http.Header{"X-Secret": {"s3cret"}, "Host": {"mlflow.internal"}} },
		Edit: func(_ context.Context, r *http.Request) error {
			r.Header.Set("X-Signature", "s3cret")
			return nil
		},
		Server: server, Workspace: "team",
	}).Storage()
	assert.Equal(t, transport.Success, put(t, c, text("content")).Kind)
	require.Len(t, f.visits, 1)
	for name, values := range f.visits[0].header {
		assert.Contains(t, []string{"Accept", "Accept-Encoding", "Content-Type", "User-Agent"}, name, "%v", values)
	}
	assert.Equal(t, "mlflow.test", f.visits[0].host)

	call := c.NewCall(downloads)
	_, _ = call.Do(newRequest(t, http.MethodGet, "http://storage.test/key?X-Amz-Signature=SIGNATURE-123", ""))
	assert.Equal(t, transport.PermissionDenied, call.Outcome().Kind)
	assert.NotContains(t, fmt.Sprintf("%+v", call.Outcome().Message), "SIGNATURE-123")
}

// More streams may be open than other requests may be in flight, and neither waits for the other.
func TestStreamsDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		n := newNetwork(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				io.WriteString(w, "begun")
				assert.NoError(t, http.NewResponseController(w).Flush())
				<-release
				return
			}
			io.WriteString(w, "{}")
		})
		c := transport.New(transport.Config{Timeout: time.Minute})
		c.HTTPTransport().DialContext, c.Streams().HTTPTransport().DialContext = n.dial, n.dial
		var open []io.Closer
		for range 20 {
			_, body := begin(t, c.Streams())
			open = append(open, body)
		}
		assert.Equal(t, transport.Success, post(t, c, once, "http://mlflow.test/").Kind)
		close(release)
		for _, body := range open {
			assert.NoError(t, body.Close())
		}
		c.HTTPTransport().CloseIdleConnections()
		c.Streams().HTTPTransport().CloseIdleConnections()
	})
}
