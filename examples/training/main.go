// Training trains a small model and logs every step with a Batcher, so that it never waits for the server: it continues at
// the same pace while the server is slow, restarts or is away. On Ctrl-C, or SIGTERM, it sends what is left and ends the
// run as KILLED. On a terminal it shows how far the values have come.
//
//	MLFLOW_TRACKING_URI=http://localhost:5000 go run ./examples/training [-steps 2000] [-spool DIR]
//
// With -spool, what is not sent yet survives even if the program is killed: start it again with the same folder.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/tracking"
)

// closingTime limits how long the program takes to end: for what is not sent yet, and for the end of the run. Clusters
// often kill a process 30 s after SIGTERM.
const closingTime = 20 * time.Second

func main() {
	steps := flag.Int("steps", 2000, "how many steps to train")
	spool := flag.String("spool", "", "a folder for what is not sent yet")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *steps, *spool); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, steps int, spool string) error {
	client, err := mlflow.NewClient() // the server is MLFLOW_TRACKING_URI
	if err != nil {
		return err
	}
	runs := client.Tracking()
	experiment, err := runs.GetOrCreateExperiment(ctx, "training")
	if err != nil {
		return err
	}
	runID, err := startRun(ctx, runs, experiment.ID)
	if err != nil {
		return err
	}
	var options []tracking.BatcherOption
	if spool != "" {
		options = append(options, tracking.WithSpool(spool))
	}
	batcher := tracking.NewBatcher(runs, options...)
	stopProgress := showProgress(os.Stderr, batcher)
	trainErr := train(ctx, batcher, runID, steps)
	stopProgress()
	err = errors.Join(trainErr, end(ctx, runs, batcher, runID, trainErr))
	if err == nil {
		fmt.Printf("%s/#/experiments/%s/runs/%s\n", client.TrackingURI(), experiment.ID, runID)
	}
	return err
}

// startRun creates a run. If the program is interrupted meanwhile, the call still continues: the server would create the run
// in any case, and without its ID nobody could end it.
func startRun(ctx context.Context, runs *tracking.Client, experimentID string) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closingTime)
	defer cancel()
	run, err := runs.CreateRun(ctx, experimentID)
	if err != nil {
		return "", err
	}
	return run.Info.RunID, nil
}

// train minimizes a noisy parabola. The batcher takes what a client would take, but no call waits for the server.
func train(ctx context.Context, batcher *tracking.Batcher, runID string, steps int) error {
	const rate = 0.01
	if err := batcher.LogParam(ctx, runID, "rate", strconv.FormatFloat(rate, 'g', -1, 64)); err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(1, 2))
	pace := time.NewTicker(2 * time.Millisecond) // stands for the work of a step
	defer pace.Stop()
	x := 10.0
	for step := range int64(steps) {
		gradient := 2*x + random.NormFloat64()
		x -= rate * gradient
		metrics := []tracking.Metric{
			{Key: "loss", Value: x * x, Step: step},
			{Key: "gradient", Value: math.Abs(gradient), Step: step},
		}
		if err := batcher.LogBatch(ctx, runID, metrics, nil, nil); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-pace.C:
		}
	}
	return nil
}

// end sends what is left, and then sets the run's final status, even if the program is interrupted: the server never ends
// a run by itself. The status comes last, so that whoever sees a finished run sees all of its values.
func end(ctx context.Context, runs *tracking.Client, batcher *tracking.Batcher, runID string, trainErr error) error {
	status := tracking.RunStatusFinished
	switch {
	case ctx.Err() != nil:
		status = tracking.RunStatusKilled
	case trainErr != nil:
		status = tracking.RunStatusFailed
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closingTime)
	defer cancel()
	sending, cancel := context.WithTimeout(ctx, closingTime*3/4) // the rest is for the status
	defer cancel()
	return errors.Join(batcher.Close(sending), runs.SetTerminated(ctx, runID, status))
}
