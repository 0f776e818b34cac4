// Package chaos has three programs in which real parts break: chaos, rivals and training.
//
// Chaos tests the library on real parts that break. Between a client and an MLflow server on SQLite stands toxiproxy,
// which cuts, stalls and slows connections at random while 8 workers create 200 runs and log 20,000 metrics, params
// and tags; meanwhile the server is killed and started again. Then the server is read, past the proxy, and compared with
// what the calls had reported. See docs/chaos.md.
//
//	go -C lab run ./cmd chaos [-seed N] [-count N] [-limit 4m] [-load]
//
// -count continues with the seeds that follow. -load first checks that 64 goroutines at once neither stall the server nor
// fail, that a lost CreateRun which runs late leaves one run, and that requests around the keep-alive limit are not lost.
package chaos

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mlflow-go/mlflow/lab/program"
	"github.com/mlflow-go/mlflow/lab/servers"
)

// Run is the subcommand chaos.
func Run(ctx context.Context, args []string) error {
	flags := program.Flags("chaos")
	seed := program.SeedFlag(flags, "the faults and the work")
	count := flags.Int("count", 1, "how many seeds to run, one after another")
	limit := flags.Duration("limit", 4*time.Minute, "how long one seed may take, start and comparison included")
	withLoad := flags.Bool("load", false, "check load, late requests and keep-alive first")
	if err := program.Parse(flags, args); err != nil {
		return err
	}
	if err := servers.Install(ctx, servers.Default); err != nil {
		return err
	}
	if *withLoad {
		if err := onServer(ctx, servers.Default, *limit, checkLoad); err != nil {
			return fmt.Errorf("load: %w", err)
		}
	}
	var failures []error
	for i := range uint64(*count) {
		seed := *seed + i
		fmt.Printf("seed %d\n", seed)
		err := onServer(ctx, servers.Default, *limit, func(ctx context.Context, server *servers.Server) error {
			return chaosRun(ctx, server, seed)
		})
		if err != nil {
			failures = append(failures, fmt.Errorf("seed %d: %w", seed, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(failures...)
}

// onServer runs a check on a fresh server within a time limit. The data of a check that failed stays.
func onServer(ctx context.Context, name string, limit time.Duration, check func(context.Context, *servers.Server) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("took longer than %s", limit))
	defer cancel()
	server, err := servers.Start(ctx, name, servers.Options{})
	if err != nil {
		return err
	}
	err = check(ctx, server)
	if ctx.Err() != nil {
		err = errors.Join(context.Cause(ctx), err)
	}
	if err != nil {
		return errors.Join(err, fmt.Errorf("the server's data is in %s", server.Dir), server.Stop())
	}
	return server.Remove()
}
