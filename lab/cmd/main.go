// Cmd is the laboratory: one program, with a subcommand for each thing that it does to the library with real servers, real
// faults and other clients. make help has the targets that run them; without arguments it lists them itself:
//
//	go -C lab run ./cmd SUBCOMMAND [-help]
//
// Servers are installed into .mlflow at the root of the library's module on first use. What each subcommand does, and what
// it is told, the package of its name says. demo, serve, integration and record are here:
//
// demo runs examples/quickstart against MLFLOW_TRACKING_URI, or against a server of its own if that is not set.
//
// serve keeps a server running. It continues with the data of the demo, and of its own earlier runs.
//
// integration runs the tests against a fresh one of each server in SERVERS, and prints a table of scenarios and servers.
// -at-once tests several at the same time, and -o also writes the table to a file, as Markdown. SERVERS=gate are a few that
// stand for all. SERVERS=all is every MLflow release since 2.9.2, each installed with the packages of its own time and removed
// again, which takes an hour and 10 GB for .mlflow/cache; servers whose results are all equal then share a column. -resume
// takes what has passed from earlier runs.
//
// record records the tests' exchanges with each server in SERVERS in testdata, in place of earlier ones. If RUN is set, those
// of other tests stay.
//
// Environment:
//
//   - SERVER: the server of demo and serve.
//   - SERVERS: those of integration and record, with spaces or commas between them. See package servers for their names.
//   - PORT: where the servers of demo and serve listen, 5000 unless it is set. If it is in use the demo takes a free port.
//   - RUN: tests to run, as in go test -run. Servers with basic auth or workspaces always run their own.
//   - MLFLOW_TRACKING_URI: the server of the demo, which then installs none.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/mlflow-go/mlflow/lab/bench"
	"github.com/mlflow-go/mlflow/lab/chaos"
	"github.com/mlflow-go/mlflow/lab/clients"
	"github.com/mlflow-go/mlflow/lab/differential"
	"github.com/mlflow-go/mlflow/lab/drift"
	"github.com/mlflow-go/mlflow/lab/load"
	"github.com/mlflow-go/mlflow/lab/program"
	"github.com/mlflow-go/mlflow/lab/schemathesis"
	"github.com/mlflow-go/mlflow/lab/tables"
	"github.com/mlflow-go/mlflow/lab/transfer"
)

var commands = []program.Command{
	{Name: "demo", Summary: "run the quickstart on a real server", Run: demo},
	{Name: "serve", Summary: "keep a server running", Run: serve},
	{Name: "integration", Summary: "run the tests against real servers", Run: integration},
	{Name: "record", Summary: "record the exchanges of the tests with real servers", Run: record},
	{Name: "tables", Summary: "write the tables of the documentation, or compare them", Run: tables.Run},
	{Name: "drift", Summary: "compare the spec with what MLflow's releases say", Run: drift.Run},
	{Name: "differential", Summary: "compare mlflowtest with a real server", Run: differential.Run},
	{Name: "schemathesis", Summary: "send made-up requests to a real server", Run: schemathesis.Run},
	{Name: "clients", Summary: "try clients that others generate from the spec", Run: clients.Run},
	{Name: "chaos", Summary: "break connections and servers while work goes on", Run: chaos.Run},
	{Name: "rivals", Summary: "let processes compete for runs with the same keys", Run: chaos.Rivals},
	{Name: "training", Summary: "kill servers, and training, while points are logged", Run: chaos.Training},
	{Name: "transfer", Summary: "move artifacts to servers and back", Run: transfer.Run},
	{Name: "load", Summary: "measure how much real servers take", Run: load.Run},
	{Name: "bench", Summary: "measure the library beside other clients", Run: bench.Run},
	{Name: "bench-server", Summary: "the server of bench; for its own use", Run: bench.Serve},
}

func main() {
	if len(os.Args) < 2 {
		usage()
	}
	i := slices.IndexFunc(commands, func(c program.Command) bool { return c.Name == os.Args[1] })
	if i < 0 {
		usage()
	}
	// A server has to be stopped whichever way we are asked to end.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err := commands[i].Run(ctx, os.Args[2:])
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[1], err)
	os.Exit(exitCode(err))
}

// usage lists the subcommands, and ends the program.
func usage() {
	fmt.Fprintln(os.Stderr, "usage: go -C lab run ./cmd SUBCOMMAND [-help]")
	for _, c := range commands {
		fmt.Fprintf(os.Stderr, "  %-14s %s\n", c.Name, c.Summary)
	}
	os.Exit(2)
}
