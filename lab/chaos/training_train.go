package chaos

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/mlflow-go/mlflow/lab/servers"
	"github.com/mlflow-go/mlflow/tracking"
)

const metricKey = "loss"

// closing is how long a training process may take to send what is left.
const closing = 2 * time.Minute

// valueOf is that of a step: each 97th is NaN.
func valueOf(step int64) float64 {
	if step%97 == 0 {
		return math.NaN()
	}
	return math.Sin(float64(step))
}

// A trainer logs points at a steady rate.
type trainer struct {
	batcher *tracking.Batcher
	runID   string
	rate    int
	longest time.Duration // that a call has taken
	// pause is the longest time that it took instead to do what a call may do: to allocate twice and, once a second, to
	// start a goroutine. On a busy machine the system makes either wait for a processor.
	pause time.Duration
	kept  []byte
	// logged is told of each step, when it was handed over.
	logged func(step int64)
}

// train logs points from a step on until the context ends, and returns the step after the last one. After a pause of the
// process it catches up.
func (t *trainer) train(ctx context.Context, from int64) (int64, error) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	step := from
	for {
		select {
		case <-ctx.Done():
			return step, nil
		case <-tick.C:
		}
		due := from + int64(time.Since(began).Seconds()*float64(t.rate))
		for ; step < due; step++ {
			before := time.Now()
			t.kept = append(make([]byte, 128), make([]byte, 128)...)
			if step%int64(t.rate) == 0 {
				go func() {}()
			}
			t.pause = max(t.pause, time.Since(before))
			before = time.Now()
			err := t.batcher.LogMetric(context.WithoutCancel(ctx), t.runID, metricKey, valueOf(step), tracking.WithStep(step))
			t.longest = max(t.longest, time.Since(before))
			if err != nil {
				return step, err
			}
			if t.logged != nil {
				t.logged(step)
			}
		}
	}
}

// outages trains in this process, while the server is killed and started again.
func (p *trainingPlan) outages(ctx context.Context, server *servers.Server) error {
	client, runID, err := newRun(ctx, server)
	if err != nil {
		return err
	}
	t := trainer{batcher: tracking.NewBatcher(client.Tracking()), runID: runID, rate: p.rate}
	training, end := context.WithTimeout(ctx, p.duration)
	defer end()
	broken := make(chan error, 1)
	go func() { broken <- restart(training, server, p.restarts, p.duration, rand.New(rand.NewPCG(p.seed, 1))) }()
	var lag time.Duration
	go watchLag(training, t.batcher, &lag)
	steps, err := t.train(training, 0)
	if err := errors.Join(err, <-broken); err != nil {
		return err
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, closing)
	defer cancel()
	if err := t.batcher.Close(ctx); err != nil {
		return err
	}
	closed := time.Since(began)
	found, err := compareSteps(ctx, client.Tracking(), runID, steps, func(int64) bool { return false })
	fmt.Printf("%d points in %v, %d restarts of the server: %v; longest call %v, longest pause without a call %v, Close %v; %+v\n",
		steps, p.duration, p.restarts, found, t.longest, t.pause, closed.Round(time.Millisecond), t.batcher.Stats())
	switch {
	case err != nil:
		return err
	case t.longest > p.blocked:
		return fmt.Errorf("a call took %v", t.longest)
	}
	return found.fault()
}

// watchLag prints the greatest lag of a batcher when the context ends.
func watchLag(ctx context.Context, b *tracking.Batcher, greatest *time.Duration) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			fmt.Printf("  greatest lag %v\n", greatest.Round(100*time.Millisecond))
			return
		case <-tick.C:
			*greatest = max(*greatest, b.Stats().Lag)
		}
	}
}

// A stepsFound is how the points of a run differ from those that were handed over.
type stepsFound struct{ there, lost, excused, doubled, wrong int }

func (f stepsFound) String() string {
	return fmt.Sprintf("%d there, %d lost, %d of a killed second, %d doubled, %d wrong", f.there, f.lost, f.excused, f.doubled, f.wrong)
}

func (f stepsFound) fault() error {
	if f.lost+f.doubled+f.wrong > 0 {
		return errors.New(f.String())
	}
	return nil
}

// compareSteps compares the points of a run with the steps that were handed over. An excused one may be missing.
func compareSteps(ctx context.Context, client *tracking.Client, runID string, steps int64, excused func(int64) bool) (stepsFound, error) {
	var f stepsFound
	history, err := client.GetMetricHistory(ctx, runID, metricKey)
	if err != nil {
		return f, err
	}
	seen := make(map[int64]int)
	for _, m := range history {
		seen[m.Step]++
		want := valueOf(m.Step)
		if m.Value != want && !(math.IsNaN(m.Value) && math.IsNaN(want)) || m.Step < 0 || m.Step >= steps {
			f.wrong++
		}
	}
	for step := range steps {
		switch count := seen[step]; {
		case count == 1:
			f.there++
		case count > 1:
			f.doubled++
		case excused(step):
			f.excused++
		default:
			f.lost++
		}
	}
	return f, nil
}
