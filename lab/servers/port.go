package servers

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"time"
)

// ErrPortInUse is why a server with a given port cannot start.
var ErrPortInUse = errors.New("the port is in use")

// freePort returns a port that nobody listened on a moment ago. It is not one of
// those that systems hand out for port 0: in the half minute until a server
// listens, somebody's test could get it, and respond in the server's place.
func freePort() (int, error) {
	const first, last = 20000, 29999
	for attempt := 1; ; attempt++ {
		port := first + rand.IntN(last-first+1) //nolint:gosec // a port is no secret
		listener, err := net.Listen("tcp", address(port))
		if err == nil {
			return port, listener.Close()
		}
		if attempt == 20 {
			return 0, fmt.Errorf("no free port: %w", err)
		}
	}
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// waitForPort returns when port is free. A killed server's processes may hold
// it for another moment.
func waitForPort(ctx context.Context, port int) error {
	for attempt := 1; ; attempt++ {
		listener, err := net.Listen("tcp", address(port))
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
