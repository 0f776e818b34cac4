package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/lab/program"
	"github.com/mlflow-go/mlflow/lab/servers"
)

// A trainingPlan is what the program is asked to do.
type trainingPlan struct {
	duration time.Duration
	rate     int // points a second
	restarts int // of the server
	kills    int // of the training
	blocked  time.Duration
	seed     uint64
}

// Training checks that training never waits for its server, and loses nothing. It logs points at a steady rate with a
// tracking.Batcher to a real MLflow server, which is killed and started again meanwhile. First training is this
// process: no call may block for longer than the limit, and every point must be on the server in the end, once. Then it is
// a process of its own with a spool, which is killed again and again and continues where it stopped: every point that was
// handed over more than a second before a kill must be there, once.
//
//	go -C lab run ./cmd training [-for 10m] [-restarts 5] [-kills 50] [-server 3.17.2] [-seed N]
func Training(ctx context.Context, args []string) error {
	var p trainingPlan
	var child childPlan
	flags := program.Flags("training")
	server := flags.String("server", servers.Default, "the name of the server")
	flags.DurationVar(&p.duration, "for", 10*time.Minute, "how long training takes")
	flags.IntVar(&p.rate, "rate", 100, "points a second")
	flags.IntVar(&p.restarts, "restarts", 5, "how often the server is killed and started again, in each part")
	flags.IntVar(&p.kills, "kills", 50, "how often the training process with a spool is killed; 0 leaves it out")
	flags.DurationVar(&p.blocked, "blocked", 10*time.Millisecond, "how long a call may block")
	seed := program.SeedFlag(flags, "the times of kills")
	flags.StringVar(&child.runID, "run", "", "be the process that trains for this run; for the program's own use")
	flags.StringVar(&child.spool, "spool", "", "of that process")
	flags.Int64Var(&child.from, "from", 0, "the first step of that process")
	if err := program.Parse(flags, args); err != nil {
		return err
	}
	if child.runID != "" {
		child.rate = p.rate
		return child.run(ctx)
	}
	p.seed = *seed
	fmt.Printf("MLflow %s, seed %d\n", *server, p.seed)
	limit := 2*p.duration + time.Duration(p.kills)*lifetime + 10*time.Minute
	return onServer(ctx, *server, limit, func(ctx context.Context, server *servers.Server) error {
		err := p.outages(ctx, server)
		if p.kills > 0 {
			err = errors.Join(err, p.killings(ctx, server))
		}
		return err
	})
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
