package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// ErrPortInUse is why a server with a given port cannot start.
var ErrPortInUse = errors.New("the port is in use")

// freePort returns a port that nobody listened on a moment ago.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// waitForPort returns when port is free. A killed server's processes may hold
// it for another moment.
func waitForPort(ctx context.Context, port int) error {
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for attempt := 1; ; attempt++ {
		listener, err := net.Listen("tcp", address)
		if err == nil {
			return listener.Close()
		}
		if attempt == 20 {
			return fmt.Errorf("%w: %w", ErrPortInUse, err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
