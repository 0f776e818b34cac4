// Training checks that a training never waits for its server, and loses nothing. It logs points at a steady rate with a
// tracking.Batcher to a real MLflow server, which is killed and started again meanwhile. First the training is this
// process: no call may block for longer than the limit, and every point must be on the server in the end, once. Then it is
// a process of its own with a spool, which is killed again and again and goes on where it stopped: every point that was
// handed over more than a second before a kill must be there, once.
//
//	go -C lab run ./training [-for 10m] [-restarts 5] [-kills 50] [-server 3.17.2] [-seed N]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/lab/servers"
)

// A plan is what the program is asked to do.
type plan struct {
	server   string
	duration time.Duration
	rate     int // points a second
	restarts int // of the server
	kills    int // of the training
	blocked  time.Duration
	seed     uint64
}

func main() {
	var p plan
	var child childPlan
	flag.StringVar(&p.server, "server", servers.Default, "the name of the server")
	flag.DurationVar(&p.duration, "for", 10*time.Minute, "how long the training takes")
	flag.IntVar(&p.rate, "rate", 100, "points a second")
	flag.IntVar(&p.restarts, "restarts", 5, "how often the server is killed and started again, in each part")
	flag.IntVar(&p.kills, "kills", 50, "how often the training with a spool is killed; 0 leaves it out")
	flag.DurationVar(&p.blocked, "blocked", 10*time.Millisecond, "how long a call may block")
	flag.Uint64Var(&p.seed, "seed", 0, "of the times of kills; 0 takes one from the clock")
	flag.StringVar(&child.runID, "run", "", "be the training of this run; for the program's own use")
	flag.StringVar(&child.spool, "spool", "", "of that training")
	flag.Int64Var(&child.from, "from", 0, "the first step of that training")
	flag.Parse()
	if p.seed == 0 {
		p.seed = uint64(time.Now().Unix())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run := p.run
	if child.runID != "" {
		child.rate = p.rate
		run = child.run
	}
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "training:", err)
		os.Exit(1)
	}
}

// run runs both parts on a fresh server.
func (p *plan) run(ctx context.Context) error {
	server, err := servers.Start(ctx, p.server, servers.Options{})
	if err != nil {
		return err
	}
	fmt.Printf("MLflow %s, seed %d\n", p.server, p.seed)
	err = p.outages(ctx, server)
	if p.kills > 0 {
		err = errors.Join(err, p.killings(ctx, server))
	}
	if err != nil {
		return errors.Join(err, fmt.Errorf("the server's data is in %s", server.Dir), server.Stop())
	}
	return server.Remove()
}

// newRun returns a client, and a run of its own.
func newRun(ctx context.Context, server *servers.Server) (*mlflow.Client, string, error) {
	client, err := mlflow.NewClient(mlflow.WithTrackingURI(server.URI))
	if err != nil {
		return nil, "", err
	}
	run, err := client.Tracking().CreateRun(ctx, "0")
	if err != nil {
		return nil, "", err
	}
	return client, run.Info.RunID, nil
}

// restart kills the server and starts it again, some times within a duration, and leaves it running.
func restart(ctx context.Context, server *servers.Server, times int, within time.Duration, r *rand.Rand) error {
	slot := within / time.Duration(max(1, times))
	for range times {
		began := time.Now()
		wait(ctx, time.Duration(r.Int64N(int64(slot/2))))
		server.Kill()
		killed := time.Now()
		wait(ctx, time.Duration(r.Int64N(int64(min(slot/3, 15*time.Second)))))
		if err := server.Restart(context.WithoutCancel(ctx)); err != nil {
			return err
		}
		fmt.Printf("  the server was away for %.1f s\n", time.Since(killed).Seconds())
		wait(ctx, slot-time.Since(began))
	}
	return nil
}

func wait(ctx context.Context, duration time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(duration):
	}
}
