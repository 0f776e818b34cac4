// Package load measures how much a real MLflow server takes, and what that costs the client and the server. Client processes,
// each with some goroutines, log to runs of their own, as fast as they can and with the default client; Python's client
// does the same beside them.
//
//	go -C lab run ./cmd load [-small] [-servers "3.17.2 3.17.2-postgres"] [-workers "1 4"] [-metrics 1000000] [-seconds 8] [-only REGEXP]
//
// For each server and number of workers it prints a row for each load: LogMetric by 1 to 64 goroutines and 1 to 16
// processes, LogBatch of 1,000 metrics by 1 to 64 goroutines and by processes, LogBatch of 10 by 128 goroutines in all,
// Python's client, and with one worker also a single LogBatch of -metrics. -only chooses rows, such as "Go 16 x 8". -small
// does a little of it in a minute, and fails if a call fails.
//
// -env and -args are variables and arguments for the server, such as "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE=20". The clients
// inherit the variables of this program.
//
// Processor time is read from /proc, so this runs on Linux only. Server and clients share the machine.
package load

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/mlflow-go/mlflow/lab/program"
	"github.com/mlflow-go/mlflow/lab/servers"
)

// child makes the subcommand do one job, as a process of its own.
const child = "client"

// Run is the subcommand load.
func Run(ctx context.Context, args []string) error {
	if len(args) == 2 && args[0] == child {
		return client(ctx, args[1])
	}
	// Whoever reads the first rows only must not leave a server behind.
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGPIPE)
	defer stop()
	flags := program.Flags("load")
	small := flags.Bool("small", false, "a minute of it")
	names := flags.String("servers", servers.Default+" "+servers.Default+"-postgres", "which servers")
	workers := flags.String("workers", "1 4", "of the server")
	metrics := flags.Int("metrics", 1_000_000, "in the single LogBatch")
	seconds := flags.Float64("seconds", 8, "how long clients start calls for one row")
	env := flags.String("env", "", "variables for the server, as NAME=value")
	serverArgs := flags.String("args", "", "arguments for the server")
	only := flags.String("only", "", "do the loads whose client, numbers and call match")
	if err := program.Parse(flags, args); err != nil {
		return err
	}
	chosen, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	if *small {
		*names, *workers, *metrics, *seconds = servers.Default, "1", 20_000, 1
	}
	fmt.Printf("%s, %s/%s, %d cores for servers and clients, %s.\n\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), time.Now().Format(time.DateOnly))
	printHead()
	sum := newSummary()
	for name := range strings.FieldsSeq(*names) {
		for n := range strings.FieldsSeq(*workers) {
			loads := loadsOf(*seconds)
			if n == "1" {
				loads = append(loads, singleBatches(*metrics)...)
			}
			if *small {
				loads = smallLoads(*seconds, *metrics)
			}
			loads = slices.DeleteFunc(loads, func(l load) bool { return !chosen.MatchString(l.String()) })
			options := servers.Options{Args: append([]string{"--workers", n}, strings.Fields(*serverArgs)...), Env: strings.Fields(*env)}
			if err := onServer(ctx, name, options, loads, sum); err != nil {
				return fmt.Errorf("%s with %s workers: %w", name, n, err)
			}
		}
	}
	sum.print()
	if *small && sum.failed > 0 {
		return fmt.Errorf("%d calls failed", sum.failed)
	}
	return nil
}

// A load is what clients do at the same time.
type load struct {
	python    bool // by Python's client instead of ours
	processes int
	job
}

// String returns what -only is matched with.
func (l load) String() string {
	client, call := "Go", "LogMetric"
	if l.python {
		client = "Python"
	}
	if l.Size > 0 {
		call = fmt.Sprintf("LogBatch of %d", l.Size)
	}
	return fmt.Sprintf("%s | %d x %d | %s", client, l.processes, l.Goroutines, call)
}

// loadsOf returns the rows for each server: alone, up to the 8 connections of a client, and beyond.
func loadsOf(seconds float64) []load {
	var loads []load
	for _, goroutines := range []int{1, 4, 8, 16, 64} {
		loads = append(loads, load{processes: 1, job: job{Goroutines: goroutines, Seconds: seconds}})
	}
	for _, processes := range []int{4, 16} {
		for _, goroutines := range []int{1, 8} {
			loads = append(loads, load{processes: processes, job: job{Goroutines: goroutines, Seconds: seconds}})
		}
	}
	for _, goroutines := range []int{1, 8, 64} {
		loads = append(loads, load{processes: 1, job: job{Size: 1000, Goroutines: goroutines, Seconds: seconds}})
	}
	for _, processes := range []int{4, 16} {
		loads = append(loads, load{processes: processes, job: job{Size: 1000, Goroutines: 1, Seconds: seconds}})
	}
	// More writes in flight than a worker has connections to its database, with few metrics in each, so that they are many.
	loads = append(loads, load{processes: 16, job: job{Size: 10, Goroutines: 8, Seconds: seconds}})
	return append(loads,
		load{python: true, processes: 1, job: job{Goroutines: 1, Seconds: seconds}},
		load{python: true, processes: 1, job: job{Goroutines: 8, Seconds: seconds}},
	)
}

// singleBatches returns the rows of one call with very many metrics.
func singleBatches(metrics int) []load {
	return []load{
		{processes: 1, job: job{Size: metrics, Goroutines: 1, Calls: 1}},
		{python: true, processes: 1, job: job{Size: metrics / 20, Goroutines: 1, Calls: 1}},
	}
}

func smallLoads(seconds float64, metrics int) []load {
	return append([]load{
		{processes: 1, job: job{Goroutines: 1, Seconds: seconds}},
		{processes: 1, job: job{Goroutines: 8, Seconds: seconds}},
		{processes: 4, job: job{Goroutines: 1, Seconds: seconds}},
		{python: true, processes: 1, job: job{Goroutines: 1, Seconds: seconds}},
	}, singleBatches(metrics)...)
}

// onServer starts a server, and prints a row for each load.
func onServer(ctx context.Context, name string, options servers.Options, loads []load, sum *summary) error {
	server, err := servers.Start(ctx, name, options)
	if err != nil {
		return err
	}
	for _, load := range loads {
		row, err := load.measure(ctx, server)
		if err != nil {
			return errors.Join(err, server.Remove())
		}
		row.print(name, options.Args[1], load)
		sum.add(name+", "+options.Args[1]+" workers", load, row)
	}
	return server.Remove()
}
