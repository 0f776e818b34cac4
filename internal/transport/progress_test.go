package transport_test

import (
	"net"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"github.com/mlflow-go/mlflow/internal/transport"
)

// Net/http sends a request without a body again over HTTP/2 for ever, after a GOAWAY, and before Go 1.27 after a stream's
// PROTOCOL_ERROR. Each attempt is at most two requests, or three if one was on its way when the attempt ended.
func TestHTTP2ReplaysOfGetEnd(t *testing.T) {
	t.Parallel()
	for name, react := range map[string]func(net.Conn, uint32){
		"PROTOCOL_ERROR": resetWith(protocolError), "REFUSED_STREAM": resetWith(refusedStream), "GOAWAY": goAway,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := &framer{react: react}
				tr := f.transport(t)
				call := transport.New(transport.Config{HTTPClient: client(tr), Retry: quick}).NewCall(twice)
				_, err := call.Do(newRequest(t, http.MethodGet, "http://mlflow.test/", ""))
				assert.Equal(t, transport.ConnectionLost, call.Outcome().Kind, "%v", err)
				assert.Equal(t, quick.MaxAttempts, call.Outcome().Attempts)
				assert.LessOrEqual(t, f.requests.Load(), int64(3*quick.MaxAttempts), "requests")
				closeIdle(tr)
			})
		})
	}
}
