// Bench measures what the library costs, beside two other clients that send the same requests to the same server, which
// responds at once:
//
//   - plain: net/http and encoding/json on structs written by hand, with a time limit for each request, as the library has
//     one. It checks nothing but the status.
//   - floor: the plain client without JSON. It sends bytes that were made before, and throws the response away.
//
// Usage:
//
//	go -C lab run ./bench table [-rounds 30] [-slice 50ms] [-only REGEXP]
//	go -C lab run ./bench growth [-most 1000000] [-plot FILE.svg]
//
// table prints a table in Markdown. The three clients take turns in short rounds, so that a machine that is busy for a
// while slows all of them, and each ratio is one of the same round. First there is no network: an http.RoundTripper responds.
// Then the server is a process of its own, on the loopback interface.
//
// growth prints time and memory per item for 1,000 items, 10,000 and so on, each measured in a process of its own, and
// plots them.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// commands are those of the package comment and, for the program's own use, what it starts in other processes.
var commands = map[string]func(ctx context.Context, args []string) error{
	"table":  table,
	"growth": growth,
	"serve":  serve,
	"point":  printPoint,
}

func main() {
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: go -C lab run ./bench table | growth; see go -C lab doc ./bench")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := commands[os.Args[1]](ctx, os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
