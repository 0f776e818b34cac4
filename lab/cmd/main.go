// Cmd runs real tracking servers, which it installs into .mlflow at the root of the library's module on first use. It is
// behind make demo, server, integration and record:
//
//	go -C lab run ./cmd demo
//	go -C lab run ./cmd serve
//	go -C lab run ./cmd integration [-o FILE] [-resume]
//	go -C lab run ./cmd record
//	go -C lab run ./cmd tables [-check]
//
// demo runs examples/quickstart against MLFLOW_TRACKING_URI, or against a server
// of its own if that is not set.
//
// serve keeps a server running. It continues with the data of the demo, and of its own earlier runs.
//
// integration runs the tests against a fresh one of each server in SERVERS, and
// prints a table of scenarios and servers; -o also writes it to a file, as
// Markdown. SERVERS=all is every MLflow release since 2.9.2, each installed with the packages of
// its own time and removed again, which takes an hour and 10 GB for .mlflow/cache.
// Servers whose results are all equal then share a column. -resume takes what has passed
// from earlier runs.
//
// record records the tests' exchanges with each server in SERVERS in testdata,
// in place of earlier ones. If RUN is set, those of other tests stay.
//
// tables writes the tables of the documentation, and whatever else tests hold against files; -check only compares the
// tables. See package tables.
//
// Environment:
//
//   - SERVER: the server of demo and serve.
//   - SERVERS: those of integration and record, with spaces or commas between
//     them. See package servers for their names.
//   - PORT: where the servers of demo and serve listen, 5000 unless it is set. If it is in use the demo takes a free port.
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

	"github.com/mlflow-go/mlflow/lab/tables"
)

var commands = map[string]func(ctx context.Context, args []string) error{
	"demo":        demo,
	"serve":       serve,
	"integration": integration,
	"record":      record,
	"tables":      tables.Run,
}

func main() {
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: go -C lab run ./cmd demo | serve | integration [-o FILE] [-resume] | record | tables [-check]")
		os.Exit(2)
	}
	// A server has to be stopped whichever way we are asked to end.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err := commands[os.Args[1]](ctx, os.Args[2:])
	if err == nil {
		return
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[1], err)
	os.Exit(exitCode(err))
}

// parseFlags parses the flags of a command that takes no arguments.
func parseFlags(flags *flag.FlagSet, args []string) error {
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: settings are environment variables, see go -C lab doc ./cmd", flags.Arg(0))
	}
	return nil
}
