package chaos

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/lab/program"
	"github.com/mlflow-go/mlflow/tracking"
)

// A rivalReport is what a process reports of one key.
type rivalReport struct {
	Rank   int
	Key    string
	RunID  string // "" if the call failed
	Logged int    // metrics
	Err    string
}

// stepsPerRival is how many metrics a process logs to each run.
const stepsPerRival = 5

// runRival competes for all keys, some at a time, and prints a report for each.
func runRival(ctx context.Context, rank int, experimentID string, keys int) error {
	client, err := mlflow.NewClient(
		mlflow.WithTimeout(4*time.Second),
		mlflow.WithRetry(mlflow.RetryPolicy{MaxAttempts: 8, MinBackoff: 100 * time.Millisecond, MaxBackoff: time.Second}),
	)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	var failed error
	places := make(chan struct{}, 8)
	for i := range keys {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			r := competeFor(ctx, client.Tracking(), experimentID, "key-"+strconv.Itoa(i))
			r.Rank = rank
			line, err := json.Marshal(r)
			mu.Lock()
			defer mu.Unlock()
			fmt.Println(string(line))
			failed = errors.Join(failed, err)
		})
	}
	all.Wait()
	return failed
}

// competeFor creates the run for a key, and logs to it.
func competeFor(ctx context.Context, client *tracking.Client, experimentID, key string) rivalReport {
	r := rivalReport{Key: key}
	run, err := client.CreateRun(ctx, experimentID, tracking.WithIdempotencyKey(key))
	if err != nil {
		r.Err = err.Error()
		return r
	}
	r.RunID = run.Info.RunID
	for step := range int64(stepsPerRival) {
		if err := client.LogMetric(ctx, r.RunID, "loss", float64(step), tracking.WithStep(step)); err != nil {
			r.Err = err.Error()
			return r
		}
		r.Logged++
		select {
		case <-ctx.Done():
			return r
		case <-time.After(300 * time.Millisecond):
		}
	}
	return r
}

// runRivals runs processes of the given ranks at the same time, and returns what they report.
func runRivals(ctx context.Context, uri, experimentID string, keys int, ranks ...int) ([]rivalReport, error) {
	outputs := make([]bytes.Buffer, len(ranks))
	failures := make([]error, len(ranks))
	var all sync.WaitGroup
	for i, rank := range ranks {
		all.Go(func() {
			cmd, err := program.Self(ctx, "rivals", "-rank", strconv.Itoa(rank), "-experiment", experimentID, "-keys", strconv.Itoa(keys))
			if err != nil {
				failures[i] = err
				return
			}
			cmd.Env = append(os.Environ(), "MLFLOW_TRACKING_URI="+uri)
			cmd.Stdout, cmd.Stderr = &outputs[i], os.Stderr
			failures[i] = cmd.Run()
		})
	}
	all.Wait()
	if err := errors.Join(failures...); err != nil {
		return nil, err
	}
	var reports []rivalReport
	for i := range outputs {
		for lines := bufio.NewScanner(&outputs[i]); lines.Scan(); {
			var r rivalReport
			if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
				return nil, err
			}
			reports = append(reports, r)
		}
	}
	if want := keys * len(ranks); len(reports) != want {
		return nil, fmt.Errorf("%d reports instead of %d", len(reports), want)
	}
	return reports, nil
}
