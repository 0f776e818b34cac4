package load

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/lab/program"
	"github.com/mlflow-go/mlflow/tracking"
)

// A job is what one client process does. lab/python/load.py does the same with Python's client.
type job struct {
	Goroutines int
	Size       int     // metrics in a call of LogBatch; 0 stands for LogMetric
	Calls      int     // of each goroutine; 0 stands for as many as it starts in Seconds
	Seconds    float64 // see Calls
}

// A report is what a client process prints. Seconds and CPU are those of the calls alone.
type report struct {
	Seconds   float64
	CPU       float64
	Latencies []float64 // in seconds, of each call that succeeded
	Attempts  int       // requests; -1 if they are not counted
	Errors    []string
}

// client does a job when standard input says so, on the server that the environment names.
func client(ctx context.Context, text string) error {
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		return err
	}
	var attempts atomic.Int64
	c, err := mlflow.NewClient(mlflow.WithRequestEditor(func(context.Context, *http.Request) error {
		attempts.Add(1)
		return nil
	}))
	if err != nil {
		return err
	}
	run, err := c.Tracking().CreateRun(ctx, "0", tracking.WithRunName("load"))
	if err != nil {
		return err
	}
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	attempts.Store(0)
	r := j.do(ctx, c.Tracking(), run.Info.RunID)
	r.Attempts = int(attempts.Load())
	return json.NewEncoder(os.Stdout).Encode(r)
}

func (j job) do(ctx context.Context, c *tracking.Client, runID string) (r report) {
	var mu sync.Mutex
	var all sync.WaitGroup
	began, used := time.Now(), program.CPU()
	limit := time.Duration(j.Seconds * float64(time.Second))
	for i := range j.Goroutines {
		all.Go(func() {
			call := j.caller(c, runID, i)
			for n := 0; n < j.Calls || (j.Calls == 0 && time.Since(began) < limit); n++ {
				start := time.Now()
				err := call(ctx, n)
				latency := time.Since(start).Seconds()
				mu.Lock()
				if err == nil {
					r.Latencies = append(r.Latencies, latency)
				} else {
					r.Errors = append(r.Errors, err.Error())
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	r.Seconds = time.Since(began).Seconds()
	r.CPU = (program.CPU() - used).Seconds()
	return r
}

// caller returns the calls of a goroutine, each of which logs new points of the goroutine's own metrics.
func (j job) caller(c *tracking.Client, runID string, goroutine int) func(ctx context.Context, n int) error {
	if j.Size == 0 {
		key := fmt.Sprint("loss ", goroutine)
		return func(ctx context.Context, n int) error {
			return c.LogMetric(ctx, runID, key, 1/float64(n+3), tracking.WithStep(int64(n)))
		}
	}
	metrics := make([]tracking.Metric, j.Size)
	return func(ctx context.Context, n int) error {
		for k := range metrics {
			step := n*j.Size + k
			metrics[k] = tracking.Metric{Key: fmt.Sprintf("loss %d %d", goroutine, k%7), Value: 1 / float64(step+3), Step: int64(step)}
		}
		return c.LogBatch(ctx, runID, metrics, nil, nil)
	}
}
