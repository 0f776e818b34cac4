// Package differential compares package mlflowtest with a real MLflow server. It makes short sequences of calls at random, sends
// each to both, and compares the responses: the status, the error code, and the body, but for IDs and times that the
// server made up. Filters, orders, files, odd values and JSON that is not quite what the API asks for are among the
// calls. Where the real server responds with status 500, mlflowtest must respond with 400 and say so. Before all that,
// MLflow's own Python client works with both, and must see the same.
//
//	go -C lab run ./cmd differential [-seed N] [-count 500] [-server 3.17.2] [-servers 1] [-limit 0]
//
// What differs is printed with the number of its sequence: -seed N -only NUMBER runs that one again. -servers runs
// several servers of the release at once. -limit ends after that time, having compared what it came to.
package differential

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mlflow-go/mlflow/lab/program"
	"github.com/mlflow-go/mlflow/lab/servers"
	"github.com/mlflow-go/mlflow/mlflowtest"
)

type settings struct {
	seed    uint64
	count   int
	only    int
	server  string
	servers int
	limit   time.Duration
	most    int
}

// A tally counts what was compared.
type tally struct {
	next, sequences, calls, successes, differences atomic.Int64
}

// Run is the subcommand differential.
func Run(ctx context.Context, args []string) error {
	var s settings
	flags := program.Flags("differential")
	seed := program.SeedFlag(flags, "the calls")
	flags.IntVar(&s.count, "count", 500, "how many sequences to compare")
	flags.IntVar(&s.only, "only", -1, "compare this sequence alone")
	flags.StringVar(&s.server, "server", "3.17.2", "the release to compare with")
	flags.IntVar(&s.servers, "servers", 1, "how many servers to run at once")
	flags.DurationVar(&s.limit, "limit", 0, "when to end, whatever the count; 0 is never")
	flags.IntVar(&s.most, "most", 20, "how many differences to print before it gives up")
	if err := program.Parse(flags, args); err != nil {
		return err
	}
	s.seed = *seed
	if err := servers.Install(ctx, s.server); err != nil {
		return err
	}
	if s.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.limit)
		defer cancel()
	}
	if err := comparePython(ctx, s.server); err != nil {
		return err
	}
	began := time.Now()
	var count tally
	errs := make([]error, s.servers)
	var workers sync.WaitGroup
	for i := range errs {
		workers.Go(func() { errs[i] = work(ctx, s, &count) })
	}
	workers.Wait()
	fmt.Printf("seed %d: %d sequences, %d calls, %d of them successful, in %s; %d differences\n", s.seed, count.sequences.Load(),
		count.calls.Load(), count.successes.Load(), time.Since(began).Round(time.Second), count.differences.Load())
	err := errors.Join(errs...)
	if count.differences.Load() > 0 {
		err = errors.Join(err, fmt.Errorf("mlflowtest is not like %s", s.server))
	}
	return err
}

// work compares sequences until there are no more.
func work(ctx context.Context, s settings, count *tally) error {
	server, err := servers.Start(context.WithoutCancel(ctx), s.server, servers.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = server.Remove() }() // what is left of it lies in .mlflow
	theirs := &side{client: &http.Client{Transport: &http.Transport{IdleConnTimeout: 4 * time.Second}}, uri: server.URI, dir: server.Dir}
	ours := &side{
		client: &http.Client{Transport: mlflowtest.Transport(mlflowtest.NewHandler(mlflowtest.WithClock(ticks())))},
		uri:    "http://mlflowtest",
	}
	for ctx.Err() == nil && count.differences.Load() < int64(s.most) {
		number := int(count.next.Add(1)) - 1
		if s.only >= 0 {
			if number > 0 {
				return nil
			}
			number = s.only
		} else if number >= s.count {
			return nil
		}
		if err := compareSequence(ctx, s.seed, number, theirs, ours, count); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// ticks returns a clock of which no two readings are the same millisecond, since a real server is too slow for that.
func ticks() func() time.Time {
	last := time.Now()
	return func() time.Time {
		if now := time.Now(); now.Sub(last) >= time.Millisecond {
			last = now
		} else {
			last = last.Add(time.Millisecond)
		}
		return last
	}
}
