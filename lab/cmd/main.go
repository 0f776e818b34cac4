// Servers runs real tracking servers, which it installs into .mlflow at the
// module root on first use. It is behind make demo, server, integration and
// record:
//
//	go run ./internal/cmd/servers demo
//	go run ./internal/cmd/servers serve
//	go run ./internal/cmd/servers integration [-o FILE] [-resume]
//	go run ./internal/cmd/servers record
//
// demo runs examples/quickstart against MLFLOW_TRACKING_URI, or against a server
// of its own if that is not set.
//
// serve keeps a server running, on port PORT (5000). It continues with the data
// of the demo, and of its own earlier runs.
//
// integration runs the tests against a fresh one of each server in SERVERS, and
// prints a table of scenarios and servers; -o also writes it to a file, as
// Markdown. SERVERS=all is every MLflow release since 2.9.2, each installed as of
// its own days and removed again, which takes an hour and 10 GB for .mlflow/cache.
// Servers that agree in all then share a column. -resume takes what has passed
// from earlier runs.
//
// record records the tests' exchanges with each server in SERVERS in testdata,
// in place of earlier ones. If RUN is set, those of other tests stay.
//
// Environment:
//
//   - SERVER: the server of demo and serve.
//   - SERVERS: those of integration and record, with spaces or commas between
//     them. See package servers for their names.
//   - PORT: where serve listens.
//   - RUN: tests to run, as in go test -run. Servers with basic auth or workspaces
//     always run their own.
//   - MLFLOW_TRACKING_URI: the server of the demo, which then installs none.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

var commands = map[string]func(ctx context.Context, args []string) error{
	"demo":        demo,
	"serve":       serve,
	"integration": integration,
	"record":      record,
}

func main() {
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: servers demo | serve | integration [-o FILE] [-resume] | record")
		os.Exit(2)
	}
	// A server has to be stopped whichever way we are asked to end.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err := commands[os.Args[1]](ctx, os.Args[2:])
	if err == nil {
		return
	}
	fmt.Fprintf(os.Stderr, "servers: %s: %v\n", os.Args[1], err)
	os.Exit(exitCode(err))
}

// parseFlags parses the flags of a command that takes no arguments.
func parseFlags(flags *flag.FlagSet, args []string) error {
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: settings are environment variables, see go doc ./internal/cmd/servers", flags.Arg(0))
	}
	return nil
}
