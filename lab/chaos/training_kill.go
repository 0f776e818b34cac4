package chaos

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/lab/program"
	"github.com/mlflow-go/mlflow/lab/servers"
	"github.com/mlflow-go/mlflow/tracking"
)

// lifetime limits how long one training process lives.
const lifetime = 6 * time.Second

// mayLose is how long before a kill a point may have been handed over that is lost.
const mayLose = time.Second

// A childPlan is what a training process with a spool is told.
type childPlan struct {
	runID, spool string
	from         int64
	rate         int
}

// run trains until it is interrupted or killed, and prints each step that it has handed over.
func (c *childPlan) run(ctx context.Context) error {
	client, err := mlflow.NewClient()
	if err != nil {
		return err
	}
	batcher := tracking.NewBatcher(client.Tracking(), tracking.WithSpool(c.spool))
	t := trainer{batcher: batcher, runID: c.runID, rate: c.rate, logged: func(step int64) { fmt.Println(step) }}
	_, err = t.train(ctx, c.from)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
	defer cancel()
	return errors.Join(err, batcher.Close(ctx))
}

// killings has a training run as a process that is killed again and again, while the server is restarted.
func (p *trainingPlan) killings(ctx context.Context, server *servers.Server) error {
	client, runID, err := newRun(ctx, server)
	if err != nil {
		return err
	}
	spool, err := os.MkdirTemp("", "spool-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(spool) }()
	r := rand.New(rand.NewPCG(p.seed, 2))
	trouble, calm := context.WithCancel(ctx)
	defer calm()
	broken := make(chan error, 1)
	go func() { broken <- restart(trouble, server, p.restarts, time.Duration(p.kills)*lifetime/2, r) }()
	steps := int64(0)
	excused := make(map[int64]bool)
	random := rand.New(rand.NewPCG(p.seed, 3))
	for i := range p.kills + 1 {
		process, err := startTraining(ctx, server.URI, childPlan{runID, spool, steps, p.rate})
		if err != nil {
			return err
		}
		wait(ctx, time.Duration(random.Int64N(int64(lifetime))))
		if i == p.kills {
			calm()
			if err := <-broken; err != nil {
				return errors.Join(err, process.kill())
			}
			err = process.interrupt()
		} else {
			err = process.kill()
		}
		if err != nil {
			return err
		}
		for _, l := range process.logged {
			steps = l.step + 1
			if i < p.kills && process.ended.Sub(l.at) < mayLose {
				excused[l.step] = true
			}
		}
		if i < p.kills && len(process.logged) > 0 {
			// One more may have been handed over and not printed. It gets the same value from the next process, and
			// another time: skip it.
			excused[steps] = true
			steps++
		}
	}
	found, err := compareSteps(ctx, client.Tracking(), runID, steps, func(step int64) bool { return excused[step] })
	fmt.Printf("%d points, %d kills of the training, %d restarts of the server: %v\n", steps, p.kills, p.restarts, found)
	if err != nil {
		return err
	}
	return found.fault()
}

// A training is a process of childPlan.
type training struct {
	cmd    *exec.Cmd
	read   chan struct{} // closed when all of its output is in logged
	logged []handedOver
	ended  time.Time
}

// A handedOver is a step, and when the process said so.
type handedOver struct {
	step int64
	at   time.Time
}

func startTraining(ctx context.Context, uri string, c childPlan) (*training, error) {
	cmd, err := program.Self(ctx, "training", "-run", c.runID, "-spool", c.spool,
		"-from", strconv.FormatInt(c.from, 10), "-rate", strconv.Itoa(c.rate))
	if err != nil {
		return nil, err
	}
	cmd.Env = append(os.Environ(), "MLFLOW_TRACKING_URI="+uri)
	cmd.Stderr = os.Stderr
	output, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	t := &training{cmd: cmd, read: make(chan struct{})}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(t.read)
		for lines := bufio.NewScanner(output); lines.Scan(); {
			if step, err := strconv.ParseInt(lines.Text(), 10, 64); err == nil { // the last line may be cut
				t.logged = append(t.logged, handedOver{step, time.Now()})
			}
		}
	}()
	return t, nil
}

// kill ends the process with SIGKILL.
func (t *training) kill() error {
	t.ended = time.Now()
	err := t.cmd.Process.Kill()
	<-t.read
	_ = t.cmd.Wait() // it was killed
	return err
}

// interrupt has the process end by itself.
func (t *training) interrupt() error {
	if err := t.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	<-t.read
	return t.cmd.Wait()
}
