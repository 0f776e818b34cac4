// Rivals checks what WithIdempotencyKey promises to several processes. Two processes create a run for the same key at the
// same time, on a real MLflow server, through a proxy that loses responses, delays requests until long after they were
// given up, and refuses some; whoever gets a run logs to it. A third process asks for each key afterwards. Then the
// server is read, past the proxy: no run that a process was given may be deleted or lack what was logged to it, and no
// run without the key may be touched.
//
//	go -C lab run ./rivals [-keys 50] [-seed N]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/lab/servers"
	"github.com/mlflow-go/mlflow/tracking"
)

func main() {
	keys := flag.Int("keys", 50, "for how many keys the processes compete")
	seed := flag.Uint64("seed", 0, "of what gets lost; 0 takes one from the clock")
	rank := flag.Int("rank", -1, "run as a process of this rank; for the program's own use")
	experimentID := flag.String("experiment", "", "of the runs; for the program's own use")
	flag.Parse()
	if *seed == 0 {
		*seed = uint64(time.Now().Unix())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run := compete
	if *rank >= 0 {
		run = func(ctx context.Context, keys int, _ uint64) error { return process(ctx, *rank, *experimentID, keys) }
	}
	if err := run(ctx, *keys, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "rivals:", err)
		os.Exit(1)
	}
}

// compete starts a server and the processes, and compares.
func compete(ctx context.Context, keys int, seed uint64) error {
	server, err := servers.Start(ctx, servers.Default, servers.Options{})
	if err != nil {
		return err
	}
	if err := competeOn(ctx, server, keys, seed); err != nil {
		return errors.Join(fmt.Errorf("seed %d: %w", seed, err), server.Stop())
	}
	return server.Remove()
}

func competeOn(ctx context.Context, server *servers.Server, keys int, seed uint64) error {
	client, err := mlflow.NewClient(mlflow.WithTrackingURI(server.URI))
	if err != nil {
		return err
	}
	experimentID, err := client.Tracking().CreateExperiment(ctx, "rivals")
	if err != nil {
		return err
	}
	bystander, err := client.Tracking().CreateRun(ctx, experimentID, tracking.WithRunName("bystander"))
	if err != nil {
		return err
	}
	lossy, err := newProxy(server.URI, seed)
	if err != nil {
		return err
	}
	defer lossy.Close()
	reports, err := runProcesses(ctx, lossy.URL, experimentID, keys, 0, 1)
	if err != nil {
		return err
	}
	lossy.wait() // for the requests that were given up and run late
	later, err := runProcesses(ctx, server.URI, experimentID, keys, 2)
	if err != nil {
		return err
	}
	reports = append(reports, later...)
	found, err := compare(ctx, client.Tracking(), experimentID, bystander.Info.RunID, reports)
	fmt.Printf("seed %d: %d keys, 3 processes; requests: %v\n%v\n", seed, keys, lossy, found)
	return err
}
