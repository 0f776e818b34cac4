// Quickstart trains a small model with several learning rates, tracks each training as a run, and then asks MLflow
// which one was best.
//
// It needs a server: either `make demo`, which starts one, or
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
	"text/tabwriter"
	"time"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/tracking"
)

const experimentName = "quickstart"

// The last rate is too high: the loss grows with every epoch until it is no number any more.
var learningRates = []float64{0.01, 0.05, 0.2, 5}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
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
	experimentID, err := experiment(ctx, client.Tracking())
	if err != nil {
		return err
	}
	started := time.Now()
	for _, rate := range learningRates {
		if err := trackTraining(ctx, client.Tracking(), experimentID, rate); err != nil {
			return err
		}
	}
	if err := printBest(ctx, client.Tracking(), experimentID, started); err != nil {
		return err
	}
	fmt.Printf("\nLook at the curves: %s/#/experiments/%s\n", client.TrackingURI(), experimentID)
	return nil
}

// experiment returns the ID of the experiment, which an earlier start of the program may have created.
func experiment(ctx context.Context, client *tracking.Client) (string, error) {
	id, err := client.CreateExperiment(ctx, experimentName,
		tracking.WithExperimentTags(map[string]string{"purpose": "demo"}))
	if !errors.Is(err, tracking.ErrAlreadyExists) {
		return id, err
	}
	existing, err := client.GetExperimentByName(ctx, experimentName)
	if err != nil {
		return "", err
	}
	if existing.LifecycleStage == tracking.LifecycleStageDeleted {
		return "", fmt.Errorf("experiment %q is deleted; restore it, or rename it, to run this again", experimentName)
	}
	return existing.ID, nil
}

// trackTraining trains one model and tracks it as a run. Whatever goes wrong, the run does not stay RUNNING.
func trackTraining(ctx context.Context, client *tracking.Client, experimentID string, rate float64) (err error) {
	run, err := client.CreateRun(ctx, experimentID,
		tracking.WithRunName(fmt.Sprintf("rate %g", rate)),
		tracking.WithRunTags(map[string]string{"model": "linear regression"}))
	if err != nil {
		return err
	}
	runID, status := run.Info.RunID, tracking.RunStatusFailed
	defer func() {
		// Also when the program is interrupted: a context that ended would leave the run RUNNING for ever.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		_, updateErr := client.UpdateRun(ctx, runID, tracking.WithStatus(status), tracking.WithEndTime(time.Now()))
		err = errors.Join(err, updateErr)
	}()

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
	// One request for all epochs. A training whose epochs take minutes would call LogMetric after each instead.
	if err := client.LogBatch(ctx, runID, history, nil, nil); err != nil {
		return err
	}
	if math.IsNaN(history[epochs-1].Value) {
		return client.SetTag(ctx, runID, "problem", "the loss diverged")
	}
	if err := client.LogMetric(ctx, runID, "slope", model.slope, tracking.WithStep(epochs)); err != nil {
		return err
	}
	status = tracking.RunStatusFinished
	return nil
}

// printBest asks the server for the runs since a time, the best first, and prints them as a table.
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
		for _, metric := range run.Data.Metrics {
			if metric.Key == "loss" {
				loss = fmt.Sprintf("%.4g", metric.Value)
			}
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

// step moves the model along the gradient of the mean squared error, and returns that error as it was before.
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
