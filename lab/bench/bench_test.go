package bench

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A difference between what the clients do would make the comparison worthless.
func TestClientsSendSameRequests(t *testing.T) {
	t.Parallel()
	for i, op := range operations() {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			log := &requestLog{through: answerer(operations())}
			server := httptest.NewServer(log)
			defer server.Close()
			clients, err := newClients(t.Context(), op, place{uri: server.URL}, i)
			require.NoError(t, err)
			log.take() // what the floor was recorded from
			var requests [][]string
			for _, call := range clients {
				require.NoError(t, call())
				requests = append(requests, log.take())
			}
			assert.NotEmpty(t, requests[0])
			assert.Equal(t, requests[0], requests[1], "the plain client sends what the library does")
			assert.Equal(t, requests[1], requests[2], "the floor sends what the plain client does")
		})
	}
}

// A requestLog keeps the method, path and query of each request, and how many metrics it logs.
type requestLog struct {
	through http.Handler
	mu      sync.Mutex
	lines   []string
}

func (l *requestLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	l.mu.Lock()
	l.lines = append(l.lines, fmt.Sprint(r.Method, r.URL.Path, r.URL.Query(), bytes.Count(body, []byte(`"step":`))))
	l.mu.Unlock()
	l.through.ServeHTTP(w, r)
}

func (l *requestLog) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := l.lines
	l.lines = nil
	return lines
}
