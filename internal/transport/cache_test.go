package transport_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/transport"
)

// A cache is a proxy that keeps what it may of GET requests for a minute, and asks the server again if it is told to.
type cache struct {
	server http.Handler
	kept   map[string]keptResponse
}

type keptResponse struct {
	*httptest.ResponseRecorder
	until time.Time
}

func (c *cache) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	found := c.kept[r.URL.String()]
	isFresh := found.ResponseRecorder != nil && time.Now().Before(found.until)
	if !isFresh || strings.Contains(r.Header.Get("Cache-Control"), "no-cache") {
		found = keptResponse{httptest.NewRecorder(), time.Now().Add(time.Minute)}
		c.server.ServeHTTP(found, r)
		if r.Method == http.MethodGet {
			c.kept[r.URL.String()] = found
		}
	}
	w.WriteHeader(found.Code)
	_, _ = w.Write(found.Body.Bytes())
}

// A cache on the way, such as a company's proxy, tells nothing of an earlier time.
func TestCachesOnTheWayRevalidate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		status := `{"status": "RUNNING"}`
		server := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, status) })
		n := newNetwork(t, (&cache{server, make(map[string]keptResponse)}).ServeHTTP)
		tr := n.transport(t)
		c := transport.New(transport.Config{HTTPClient: client(tr)})
		const uri = "http://mlflow.test/api/2.0/mlflow/runs/get?run_id=r1"
		_, body := get(t, c, uri)
		require.JSONEq(t, `{"status": "RUNNING"}`, body)
		status = `{"status": "FINISHED"}`
		time.Sleep(time.Second)
		_, body = get(t, c, uri)
		assert.JSONEq(t, status, body)
	})
}
