package tracking_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/tracking"
)

// newRawServer returns a client that gets the same bytes in response to each request, whereupon the connection ends. The
// connections are in memory; in a synctest bubble none of them, and nothing that reads them, may outlive the test.
func newRawServer(t *testing.T, response func() []byte, opts ...mlflow.Option) *tracking.Client {
	t.Helper()
	dial := func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			request, err := http.ReadRequest(bufio.NewReader(theirs))
			if err != nil {
				return
			}
			if _, err := io.Copy(io.Discard, request.Body); err != nil {
				return
			}
			_, _ = theirs.Write(response()) // the client may have heard enough
		}()
		return ours, nil
	}
	transport := &http.Transport{DialContext: dial}
	t.Cleanup(transport.CloseIdleConnections)
	return newClient(t, append([]mlflow.Option{
		mlflow.WithTrackingURI("http://example.com"), mlflow.WithHTTPClient(&http.Client{Transport: transport}),
	}, opts...)...)
}

// framings are the ways in which HTTP tells where a response ends.
var framings = map[string]func(body string) string{
	"a length": func(body string) string {
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	},
	"chunks": func(body string) string {
		half := len(body) / 2
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n",
			half, body[:half], len(body)-half, body[half:])
	},
	"gzip": func(body string) string {
		zipped := zip(body)
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", len(zipped), zipped)
	},
	"the connection's end": func(body string) string { return "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + body },
}

func zip(body string) string {
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, err := io.WriteString(w, body)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err) // a buffer takes everything
	}
	return zipped.String()
}

// TestResponseCutAtAnyByteIsNoSuccess cuts the response to each operation after each of its bytes.
func TestResponseCutAtAnyByteIsNoSuccess(t *testing.T) {
	t.Parallel()
	for name, frame := range framings {
		for _, operation := range tracking.Operations {
			op := sample(t, operation.Name)
			synctest.Test(t, func(t *testing.T) {
				whole := frame(op.reply)
				var part string
				client := newRawServer(t, func() []byte { return []byte(part) })
				for end := range len(whole) {
					part = whole[:end]
					err := op.use(t.Context(), client)
					about := fmt.Sprintf("%s, framed by %s, cut after %q", op.name, name, part)
					require.Error(t, err, about)
					assert.Contains(t, []string{"ErrUnavailable", "ErrUnexpectedResponse"}, outcome(err), about)
				}
				part = whole
				assert.NoError(t, op.use(t.Context(), client), "%s, framed by %s", op.name, name)
			})
		}
	}
}

func TestHostileResponses(t *testing.T) {
	t.Parallel()
	const unavailable, unexpected = "ErrUnavailable", "ErrUnexpectedResponse"
	ok := "HTTP/1.1 200 OK\r\n"
	length := fmt.Sprintf("Content-Length: %d\r\n", len(runJSON))
	for name, test := range map[string]struct{ response, outcome string }{
		"nothing":                          {"", unavailable},
		"not HTTP":                         {"220 mail.example.com ESMTP\r\n", unavailable},
		"TLS":                              {"\x15\x03\x01\x00\x02\x02\x46", unavailable},
		"HTTP/2 out of the blue":           {"\x00\x00\x12\x04\x00\x00\x00\x00\x00", unavailable},
		"no status":                        {"HTTP/1.1\r\n\r\n", unavailable},
		"a status that is no number":       {"HTTP/1.1 OK 200\r\n\r\n", unavailable},
		"status 0":                         {"HTTP/1.1 000 Zero\r\n\r\n", unavailable},
		"a version of the future":          {"HTTP/9.9 200 OK\r\n" + length + "\r\n" + runJSON, "ok"},
		"HTTP/1.0":                         {"HTTP/1.0 200 OK\r\n" + length + "\r\n" + runJSON, "ok"},
		"a header without a colon":         {ok + "Content-Length\r\n\r\n" + runJSON, unavailable},
		"a header with a space":            {ok + "Content Length: 1\r\n\r\n" + runJSON, "ok"}, // passed over
		"a header without a name":          {ok + ": 1\r\n\r\n" + runJSON, unavailable},
		"headers without end":              {ok + strings.Repeat("X-Header: 0123456789\r\n", 1<<20), unavailable},
		"a header without end":             {ok + "X-Header: " + strings.Repeat("x", 20<<20), unavailable},
		"interim responses without end":    {strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 1<<20), unavailable},
		"an interim response":              {"HTTP/1.1 103 Early Hints\r\n\r\n" + ok + length + "\r\n" + runJSON, "ok"},
		"a change of protocol":             {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", unexpected},
		"no content":                       {"HTTP/1.1 204 No Content\r\n\r\n", unexpected},
		"not modified":                     {"HTTP/1.1 304 Not Modified\r\n\r\n", unexpected},
		"a length that is too small":       {ok + "Content-Length: 9\r\n\r\n" + runJSON, unexpected},
		"a length that is too large":       {ok + "Content-Length: 999\r\n\r\n" + runJSON, unexpected},
		"a length of 0":                    {ok + "Content-Length: 0\r\n\r\n" + runJSON, unexpected},
		"a negative length":                {ok + "Content-Length: -1\r\n\r\n" + runJSON, unavailable},
		"a length that is no number":       {ok + "Content-Length: ten\r\n\r\n" + runJSON, unavailable},
		"a length beyond numbers":          {ok + "Content-Length: 99999999999999999999\r\n\r\n" + runJSON, unavailable},
		"two lengths":                      {ok + length + "Content-Length: 9\r\n\r\n" + runJSON, unavailable},
		"chunks that are none":             {ok + "Transfer-Encoding: chunked\r\n\r\n" + runJSON, unexpected},
		"a chunk beyond numbers":           {ok + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n" + runJSON, unexpected},
		"an unknown transfer encoding":     {ok + "Transfer-Encoding: rot13\r\n\r\n" + runJSON, unavailable},
		"gzip that is none":                {ok + "Content-Encoding: gzip\r\n" + length + "\r\n" + runJSON, unexpected},
		"gzip with a wrong checksum":       {framings["gzip"](runJSON)[:len(framings["gzip"](runJSON))-8] + "checksum", unexpected},
		"an encoding nobody asked for":     {ok + "Content-Encoding: br\r\nContent-Length: 4\r\n\r\n\x0b\x02\x80{", unexpected},
		"more after the object":            {framings["a length"](runJSON + "}"), unexpected},
		"two objects":                      {framings["a length"](runJSON + runJSON), unexpected},
		"an object in a list":              {framings["a length"]("[" + runJSON + "]"), unexpected},
		"an object in a string":            {framings["a length"](`"{}"`), unexpected},
		"a mark before the object":         {framings["a length"]("\ufeff" + runJSON), unexpected},
		"an object within endless objects": {framings["a length"](strings.Repeat(`{"run":`, 1<<20)), unexpected},
		"more than was asked for":          {framings["a length"](runJSON) + framings["a length"](runJSON), "ok"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client := newRawServer(t, func() []byte { return []byte(test.response) })
				for range 2 { // what was left over from the first must not reach the second
					_, err := client.GetRun(t.Context(), "r1")
					assert.Equal(t, test.outcome, outcome(err), "%v", err)
					if err != nil {
						assert.Less(t, len(err.Error()), 2000)
					}
				}
			})
		})
	}
}

// A little that expands to much is refused as soon as its beginning is seen to be no JSON object.
func TestResponseGzipBombIsCheap(t *testing.T) { //nolint:paralleltest // measures what the whole program allocates
	zipped := strings.Repeat(zip(strings.Repeat("\x00", 1<<20)), 200) // files of gzip can be strung together
	header := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n", len(zipped))
	client := newRawServer(t, func() []byte { return []byte(header + zipped) })
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := client.GetRun(t.Context(), "r1")
	runtime.ReadMemStats(&after)
	require.ErrorIs(t, err, tracking.ErrUnexpectedResponse)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(2<<20))
}

// A connection that is closed after each response, as HTTP/1.0 does, is no trouble for those that come after it.
func TestResponseOnePerConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newRawServer(t, func() []byte { return []byte("HTTP/1.0 200 OK\r\n\r\n{}") })
		for range 20 {
			require.NoError(t, client.LogMetric(t.Context(), "r1", "loss", 1))
			time.Sleep(time.Second)
		}
	})
}
