package servers

import (
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWaitForPort(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	assert.ErrorIs(t, waitForPort(t.Context(), listener.Addr().(*net.TCPAddr).Port), ErrPortInUse)

	port, err := freePort()
	require.NoError(t, err)
	assert.NoError(t, waitForPort(t.Context(), port))
}
