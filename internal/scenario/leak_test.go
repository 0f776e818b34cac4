package scenario

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLeakCheckFindsGoroutines(t *testing.T) { //nolint:paralleltest // looks at the whole program
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "long enough") }))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	require.NoError(t, err)
	response, err := server.Client().Do(request)
	require.NoError(t, err)
	assert.Contains(t, goroutines(0), "net/http.(*persistConn)")

	require.NoError(t, response.Body.Close())
	server.Close()
	assert.Empty(t, goroutines(5*time.Second))
}
