package transport_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/transport"
)

const maxErrorBody = 64 << 10

// exchange sends one request to a handler, and returns the response, its body and the error of reading that.
func exchange(t *testing.T, config transport.Config, handler http.HandlerFunc) (*http.Response, []byte, error) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	config.HTTPClient = server.Client()
	response, err := transport.New(config).Do(newRequest(t, http.MethodGet, server.URL, ""))
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	return response, body, err
}

// endless writes until the reader is gone.
func endless(w io.Writer) {
	block := bytes.Repeat([]byte("x"), 4096)
	for {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

func TestBodyIsReadInFullWithinLimit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, answer, want string
		fails              bool
	}{
		{name: "empty"},
		{name: "shorter", answer: "{23456789", want: "{23456789"},
		{name: "as long", answer: "{234567890", want: "{234567890"},
		{name: "longer", answer: "{2345678901", want: "{234567890", fails: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			response, body, err := exchange(t, transport.Config{MaxBody: 10}, func(w http.ResponseWriter, _ *http.Request) {
				io.WriteString(w, tt.answer)
			})
			assert.Equal(t, 200, response.StatusCode)
			assert.Equal(t, tt.want, string(body))
			if tt.fails {
				require.ErrorContains(t, err, "larger than")
			} else {
				require.NoError(t, err)
			}
		})
	}
}

func TestBodyEndsWhenResponseIsEndless(t *testing.T) {
	t.Parallel()
	_, body, err := exchange(t, transport.Config{MaxBody: 100_000}, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "\r\n {")
		endless(w)
	})
	require.ErrorContains(t, err, "larger than")
	assert.Len(t, body, 100_000)
}

func TestBodyOfNonObjectIsReadInPart(t *testing.T) {
	t.Parallel()
	_, body, err := exchange(t, transport.Config{}, func(w http.ResponseWriter, _ *http.Request) { endless(w) })
	require.NoError(t, err, "who reads it will see what it is")
	assert.Len(t, body, maxErrorBody)
}

func TestBodyOfErrorIsReadUpTo64KiB(t *testing.T) {
	t.Parallel()
	for _, status := range []int{300, 302, 404, 500, 503} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			response, body, err := exchange(t, transport.Config{}, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				endless(w)
			})
			require.NoError(t, err, "the beginning of an error is enough")
			assert.Equal(t, status, response.StatusCode)
			assert.Len(t, body, maxErrorBody)
		})
	}
}

func TestBodyOfErrorKeepsLimitOfResponses(t *testing.T) {
	t.Parallel()
	_, body, err := exchange(t, transport.Config{MaxBody: 10}, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(500)
		io.WriteString(w, "12345678901")
	})
	require.NoError(t, err)
	assert.Equal(t, "1234567890", string(body))
}

// compressed responds with gzip, as a server does that is asked for it.
func compressed(t *testing.T, answer string) http.HandlerFunc {
	t.Helper()
	return func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "gzip", r.Header.Get("Accept-Encoding"))
		w.Header().Set("Content-Encoding", "gzip")
		var zipped bytes.Buffer
		z := gzip.NewWriter(&zipped)
		io.WriteString(z, answer)
		assert.NoError(t, z.Close())
		io.Copy(w, &zipped) // who reads it may have had enough
	}
}

func TestBodyIsDecompressed(t *testing.T) {
	t.Parallel()
	answer := strings.Repeat(`{"run": {}}`, 1000)
	_, body, err := exchange(t, transport.Config{}, compressed(t, answer))
	require.NoError(t, err)
	assert.Equal(t, answer, string(body))
}

func TestBodyLimitHoldsAfterDecompression(t *testing.T) {
	t.Parallel()
	_, body, err := exchange(t, transport.Config{MaxBody: 5000}, compressed(t, "{"+strings.Repeat("0", 1<<20)))
	require.ErrorContains(t, err, "larger than")
	assert.Len(t, body, 5000)
}

// A megabyte of gzip could otherwise cost gigabytes once it is read.
func TestBodyThatExpandsTooMuchIsRefused(t *testing.T) {
	t.Parallel()
	much := "{" + strings.Repeat(" ", 100<<20)
	_, body, err := exchange(t, transport.Config{}, compressed(t, much))
	require.ErrorContains(t, err, "larger than 200 times")
	assert.Less(t, len(body), 20<<20)

	little := "{" + strings.Repeat(" ", 10<<20)
	_, body, err = exchange(t, transport.Config{}, compressed(t, little))
	require.NoError(t, err, "it is small in any case")
	assert.Len(t, body, len(little))
}

func TestBodyThatIsCutGivesStatusAndError(t *testing.T) {
	t.Parallel()
	cuts := map[string]func(http.ResponseWriter){
		"with a length": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "100")
		},
		"in chunks": func(http.ResponseWriter) {},
		"compressed": func(w http.ResponseWriter) {
			w.Header().Set("Content-Encoding", "gzip")
		},
	}
	for name, prepare := range cuts {
		for _, status := range []int{200, 404} {
			t.Run(fmt.Sprint(name, " ", status), func(t *testing.T) {
				t.Parallel()
				response, body, err := exchange(t, transport.Config{}, func(w http.ResponseWriter, _ *http.Request) {
					prepare(w)
					w.WriteHeader(status)
					if w.Header().Get("Content-Encoding") == "gzip" {
						z := gzip.NewWriter(w)
						io.WriteString(z, `{"run": `)
						assert.NoError(t, z.Flush())
					} else {
						io.WriteString(w, `{"run": `)
					}
					assert.NoError(t, http.NewResponseController(w).Flush())
					panic(http.ErrAbortHandler)
				})
				assert.Equal(t, status, response.StatusCode)
				assert.Equal(t, `{"run": `, string(body), "what came")
				require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			})
		}
	}
}

// countedBody knows whether it was closed.
type countedBody struct {
	io.Reader
	open *atomic.Int64
}

func (b countedBody) Close() error { b.open.Add(-1); return nil }

func TestBodyIsAlwaysClosed(t *testing.T) {
	t.Parallel()
	var open atomic.Int64
	statuses := []int{200, 204, 302, 307, 404, 500}
	client := transport.New(transport.Config{MaxBody: 5, HTTPClient: client(roundTripper(func(r *http.Request) (*http.Response, error) {
		open.Add(1)
		r.Body.Close()
		response := &http.Response{
			StatusCode: statuses[0],
			Header:     make(http.Header),
			Body:       countedBody{strings.NewReader("longer than the limit"), &open},
			Request:    r,
		}
		if response.StatusCode == 307 && r.URL.Path == "/" {
			response.Header.Set("Location", "/again")
		}
		return response, nil
	}))})
	for len(statuses) > 0 {
		response, err := client.Do(newRequest(t, http.MethodPost, "http://mlflow.test/", "{}"))
		require.NoError(t, err)
		assert.Equal(t, statuses[0], response.StatusCode)
		assert.Zero(t, open.Load(), "bodies left open after a %d", statuses[0])
		statuses = statuses[1:]
	}
}

func TestConnectionsAreReusedAndNotLeaked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/moved":
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(http.StatusFound)
			case "/missing":
				http.Error(w, strings.Repeat("x", 5000), http.StatusNotFound)
			case "/nothing":
				w.WriteHeader(http.StatusNoContent)
			case "/endless":
				endless(w)
			default:
				io.WriteString(w, strings.Repeat("x", 50_000))
			}
		})
		tr := n.transport(t)
		client := transport.New(transport.Config{HTTPClient: client(tr), MaxBody: 100_000})

		for _, path := range []string{"/", "/moved", "/missing", "/nothing", "/", "/moved", "/missing", "/nothing"} {
			_, err := client.Do(newRequest(t, http.MethodPost, "http://mlflow.test"+path, "{}"))
			require.NoError(t, err)
			synctest.Wait()
		}
		opened, open := n.connections()
		assert.Equal(t, 1, opened, "connections opened")
		assert.Equal(t, 1, open, "connections open")

		_, err := client.Do(newRequest(t, http.MethodPost, "http://mlflow.test/endless", "{}"))
		require.NoError(t, err)
		synctest.Wait()
		_, open = n.connections()
		assert.Zero(t, open, "connections open after an answer that was not read to its end")
	})
}
