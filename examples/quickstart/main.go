// Quickstart trains a small model with several learning rates, tracks each training as a run, and then asks MLflow
// which one was best.
//
// It needs a server. `make demo` installs and starts one; to use another:
//
//	MLFLOW_TRACKING_URI=http://localhost:5000 go run ./examples/quickstart
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/tracking"
)

const experimentName = "quickstart"

// The first rates are too low to finish within the epochs. The last one is too high: the loss grows with every epoch
// until it is NaN.
var learningRates = []float64{0.0005, 0.002, 0.01, 5}

// trackingTime is the time limit for starting a run and for ending it, both of which continue when the program is
// interrupted.
const trackingTime = 10 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	client, err := mlflow.NewClient() // the server is MLFLOW_TRACKING_URI
	if err != nil {
		return err
	}
	experiment, err := client.Tracking().GetOrCreateExperiment(ctx, experimentName,
		tracking.WithExperimentTags(map[string]string{"purpose": "demo"}))
	if err != nil {
		return err
	}
	started := time.Now()
	for _, rate := range learningRates {
		if err := trackTraining(ctx, client.Tracking(), experiment.ID, rate); err != nil {
			return err
		}
	}
	if err := printBest(ctx, client.Tracking(), experiment.ID, started); err != nil {
		return err
	}
	fmt.Printf("\nLook at the curves: %s/#/experiments/%s\n", client.TrackingURI(), experiment.ID)
	return nil
}

// trackTraining trains one model and tracks it as a run. Whatever goes wrong, the run does not stay RUNNING.
func trackTraining(ctx context.Context, client *tracking.Client, experimentID string, rate float64) (err error) {
	runID, err := startRun(ctx, client, experimentID, rate)
	if err != nil {
		return err
	}
	finished := false
	defer func() { err = errors.Join(err, endRun(ctx, client, runID, finished)) }()

	const epochs = 500
	params := []tracking.Param{
		{Key: "learning_rate", Value: strconv.FormatFloat(rate, 'g', -1, 64)},
		{Key: "epochs", Value: strconv.Itoa(epochs)},
	}
	if err := client.LogBatch(ctx, runID, nil, params, nil); err != nil {
		return err
	}

	model, data := linear{}, points(200)
	history := make([]tracking.Metric, 0, epochs)
	for epoch := range int64(epochs) {
		loss := model.step(data, rate)
		history = append(history, tracking.Metric{Key: "loss", Value: loss, Timestamp: time.Now(), Step: epoch})
	}
	// One request for all epochs. A training loop whose epochs take minutes would call LogMetric after each instead.
	if err := client.LogBatch(ctx, runID, history, nil, nil); err != nil {
		return err
	}
	if math.IsNaN(history[epochs-1].Value) {
		return client.SetTag(ctx, runID, "problem", "the loss diverged")
	}
	if err := client.LogMetric(ctx, runID, "slope", model.slope, tracking.WithStep(epochs)); err != nil {
		return err
	}
	finished = true
	return nil
}

// startRun creates a run and returns its ID. If the program is interrupted meanwhile, the call still continues: the
// server would create the run in any case, and without its ID nobody could end it.
func startRun(ctx context.Context, client *tracking.Client, experimentID string, rate float64) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), trackingTime)
	defer cancel()
	run, err := client.CreateRun(ctx, experimentID,
		tracking.WithRunName(fmt.Sprintf("rate %g", rate)),
		tracking.WithRunTags(map[string]string{"model": "linear regression"}))
	if err != nil {
		return "", err
	}
	return run.Info.RunID, nil
}

// endRun sets a run's final status. It does so even when the program is interrupted: the server never ends a run by
// itself.
func endRun(ctx context.Context, client *tracking.Client, runID string, finished bool) error {
	status := tracking.RunStatusFailed
	switch {
	case finished:
		status = tracking.RunStatusFinished
	case ctx.Err() != nil:
		status = tracking.RunStatusKilled
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), trackingTime)
	defer cancel()
	return client.SetTerminated(ctx, runID, status)
}

// printBest searches for the runs started since the given time and prints them as a table, the lowest loss first.
func printBest(ctx context.Context, client *tracking.Client, experimentID string, since time.Time) error {
	found, err := client.SearchRuns(ctx, []string{experimentID},
		tracking.WithRunsFilter(fmt.Sprintf("attributes.start_time >= %d", since.UnixMilli())),
		tracking.WithRunsOrderBy("metrics.loss ASC"),
		tracking.WithRunsMaxResults(len(learningRates)))
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "RUN\tSTATUS\tLOSS\tRUN ID")
	for _, run := range found.Runs {
		loss := "-"
		if metric, ok := run.Data.Metric("loss"); ok {
			loss = fmt.Sprintf("%.4g", metric.Value)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", run.Info.RunName, run.Info.Status, loss, run.Info.RunID)
	}
	return table.Flush()
}

// linear is the model y = slope*x + offset.
type linear struct{ slope, offset float64 }

type point struct{ x, y float64 }

// points returns n noisy points near y = 3x - 1, always the same.
func points(n int) []point {
	random := rand.New(rand.NewPCG(1, 2))
	data := make([]point, n)
	for i := range data {
		x := random.Float64()*4 - 2
		data[i] = point{x, 3*x - 1 + random.NormFloat64()/10}
	}
	return data
}

// step moves the model down the gradient of the mean squared error, and returns the error from before the step.
func (m *linear) step(data []point, rate float64) (loss float64) {
	var slope, offset float64
	for _, p := range data {
		residual := m.slope*p.x + m.offset - p.y
		loss += residual * residual
		slope += 2 * residual * p.x
		offset += 2 * residual
	}
	n := float64(len(data))
	m.slope -= rate * slope / n
	m.offset -= rate * offset / n
	return loss / n
}
