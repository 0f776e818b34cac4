package tracking_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"maps"
	"math"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/mlflow-go/mlflow/mlflowtest"
	"github.com/mlflow-go/mlflow/tracking"
)

func ExampleClient_CreateRun() {
	client := exampleClient() // in a program: mlflow.NewClient, then its method Tracking
	ctx := context.Background()

	// The server creates the run even if the program is interrupted meanwhile. So the call gets a time limit of its own,
	// and the run an end whatever happens.
	createCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	run, err := client.CreateRun(createCtx, "1",
		tracking.WithRunName("first try"),
		tracking.WithRunTags(map[string]string{"team": "vision"}))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(run.Info.RunName, run.Info.Status)

	if err := client.SetTerminated(ctx, run.Info.RunID, tracking.RunStatusFinished); err != nil {
		log.Fatal(err)
	}
	run, err = client.GetRun(ctx, run.Info.RunID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(run.Info.RunName, run.Info.Status)
	// Output:
	// first try RUNNING
	// first try FINISHED
}

// A search for the best rate is a run, and each trial a child of it. MLflow shows the children below the parent. Each run
// is ended by itself: ending the parent does not end its children.
func ExampleWithParentRun() {
	client := exampleClient()
	ctx := context.Background()

	parent, err := client.CreateRun(ctx, "1", tracking.WithRunName("search for the best rate"))
	if err != nil {
		log.Fatal(err)
	}
	for _, rate := range []string{"0.01", "0.1"} {
		child, err := client.CreateRun(ctx, "1",
			tracking.WithRunName("rate "+rate), tracking.WithParentRun(parent.Info.RunID))
		if err != nil {
			log.Fatal(err)
		}
		if err := client.SetTerminated(ctx, child.Info.RunID, tracking.RunStatusFinished); err != nil {
			log.Fatal(err)
		}
	}
	if err := client.SetTerminated(ctx, parent.Info.RunID, tracking.RunStatusFinished); err != nil {
		log.Fatal(err)
	}

	children, err := client.SearchRuns(ctx, []string{"1"},
		tracking.WithRunsFilter(fmt.Sprintf("tags.%s = '%s'", tracking.TagParentRunID, parent.Info.RunID)),
		tracking.WithRunsOrderBy("attributes.run_name ASC"))
	if err != nil {
		log.Fatal(err)
	}
	for _, run := range children.Runs {
		fmt.Println(run.Info.RunName, run.Info.Status)
	}
	// Output:
	// rate 0.01 FINISHED
	// rate 0.1 FINISHED
}

func ExampleClient_LogMetric() {
	client := exampleClient()
	ctx := context.Background()
	run, err := client.CreateRun(ctx, "1")
	if err != nil {
		log.Fatal(err)
	}

	for epoch, loss := range []float64{0.9, 0.4, math.NaN()} {
		if err := client.LogMetric(ctx, run.Info.RunID, "loss", loss, tracking.WithStep(int64(epoch))); err != nil {
			log.Fatal(err)
		}
	}

	run, err = client.GetRun(ctx, run.Info.RunID)
	if err != nil {
		log.Fatal(err)
	}
	if loss, ok := run.Data.Metric("loss"); ok { // the latest value
		fmt.Println(loss.Key, loss.Value, "at step", loss.Step)
	}
	// Output: loss NaN at step 2
}

// LogBatch splits what is too large for one request. If a request fails, the error says what is stored already, so that
// a program can log the rest.
func ExampleClient_LogBatch() {
	client := exampleClient()
	ctx := context.Background()
	run, err := client.CreateRun(ctx, "1")
	if err != nil {
		log.Fatal(err)
	}

	metrics := make([]tracking.Metric, 2500) // three requests
	for step := range metrics {
		metrics[step] = tracking.Metric{Key: "loss", Value: 1 / float64(step+1), Step: int64(step)}
	}
	params := []tracking.Param{{Key: "learning_rate", Value: "0.1"}}
	tags := map[string]string{"stage": "trial"}

	for range 3 {
		err = client.LogBatch(ctx, run.Info.RunID, metrics, params, tags)
		var partial *tracking.BatchError
		if !errors.As(err, &partial) || !errors.Is(err, tracking.ErrUnavailable) {
			break
		}
		fmt.Println("stored before the failure:", partial.Metrics, "metrics,", partial.Params, "params,", partial.Tags, "tags")
		metrics, params = metrics[partial.Metrics:], params[partial.Params:]
		for i := range metrics { // the same points again, in case the request that failed was stored
			if metrics[i].Timestamp.IsZero() {
				metrics[i].Timestamp = partial.Stamp
			}
		}
		for _, key := range slices.Sorted(maps.Keys(tags))[:partial.Tags] {
			delete(tags, key)
		}
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("all stored")
	// Output:
	// stored before the failure: 998 metrics, 1 params, 1 tags
	// all stored
}

// What the server refuses sinks nothing else, and Flush and Close say what it was.
func ExampleNewBatcher() {
	client := exampleClient()
	ctx := context.Background()
	run, err := client.CreateRun(ctx, "1")
	if err != nil {
		log.Fatal(err)
	}

	batcher := tracking.NewBatcher(client, tracking.WithFailureHandler(func(failure tracking.BatchFailure) {
		log.Print(failure.Err)
	}))
	for step := range int64(100) {
		if err := batcher.LogMetric(ctx, run.Info.RunID, "loss", 0.5, tracking.WithStep(step)); err != nil {
			log.Fatal(err) // the arguments, or the context
		}
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	if err := batcher.Close(closing); err != nil {
		log.Print(err)
	}
	stats := batcher.Stats()
	fmt.Println(stats.Sent, "stored,", stats.Failed, "refused,", stats.Dropped, "unsent")
	// Output: 100 stored, 0 refused, 0 unsent
}

// A process that is killed and started again continues with what it had not sent. The server is unavailable for the second
// request to log-batch.
func ExampleWithSpool() {
	client := exampleClient()
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "spool-") // in a program: a folder that outlasts it
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	run, err := client.CreateRun(ctx, "1")
	if err != nil {
		log.Fatal(err)
	}
	if err := client.LogBatch(ctx, run.Info.RunID, nil, []tracking.Param{{Key: "seed", Value: "1"}}, nil); err != nil {
		log.Fatal(err)
	}
	batcher, err := tracking.OpenBatcher(client, tracking.WithSpool(dir))
	if err != nil {
		log.Fatal(err)
	}
	if err := batcher.LogParam(ctx, run.Info.RunID, "rate", "0.1"); err != nil {
		log.Fatal(err)
	}
	giveUp, cancel := context.WithCancel(ctx)
	cancel()
	fmt.Println(errors.Is(batcher.Close(giveUp), context.Canceled))

	batcher, err = tracking.OpenBatcher(client, tracking.WithSpool(dir))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(batcher.Close(ctx), batcher.Stats().Sent)
	// Output:
	// true
	// <nil> 1
}

func ExampleClient_SearchRuns() {
	client := exampleClient()
	ctx := context.Background()
	started := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	for day, name := range []string{"a", "b", "c"} {
		if _, err := client.CreateRun(ctx, "1", tracking.WithRunName(name), tracking.WithStartTime(started.AddDate(0, 0, day))); err != nil {
			log.Fatal(err)
		}
	}

	// SearchRuns returns one page. AllRuns fetches all of them.
	page, err := client.SearchRuns(ctx, []string{"1"},
		tracking.WithRunsFilter("attributes.status = 'RUNNING'"),
		tracking.WithRunsOrderBy("attributes.start_time ASC"),
		tracking.WithRunsMaxResults(2))
	if err != nil {
		log.Fatal(err)
	}
	for _, run := range page.Runs {
		fmt.Println(run.Info.RunName)
	}
	fmt.Println("there are more:", page.NextPageToken != "")
	// Output:
	// a
	// b
	// there are more: true
}

func ExampleClient_AllRuns() {
	client := exampleClient()
	ctx := context.Background()
	started := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	for day, name := range []string{"a", "b", "c"} {
		if _, err := client.CreateRun(ctx, "1", tracking.WithRunName(name), tracking.WithStartTime(started.AddDate(0, 0, day))); err != nil {
			log.Fatal(err)
		}
	}

	// Two runs in each request. Runs that start meanwhile come last in this order, and move no others to another page.
	runs := client.AllRuns(ctx, []string{"1"},
		tracking.WithRunsOrderBy("attributes.start_time ASC"),
		tracking.WithRunsMaxResults(2))
	for run, err := range runs {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(run.Info.RunName)
	}
	// Output:
	// a
	// b
	// c
}

// A loop over AllRuns that deletes runs as it goes skips others: a page begins where the ones before it end, and what
// was on it has moved up. So collect the runs first.
func ExampleClient_AllRuns_delete() {
	client := exampleClient()
	ctx := context.Background()
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		if _, err := client.CreateRun(ctx, "1", tracking.WithRunName(name)); err != nil {
			log.Fatal(err)
		}
	}

	var found []string
	for run, err := range client.AllRuns(ctx, []string{"1"}, tracking.WithRunsMaxResults(2)) {
		if err != nil {
			log.Fatal(err)
		}
		found = append(found, run.Info.RunID)
	}
	for _, runID := range found {
		if err := client.DeleteRun(ctx, runID); err != nil {
			log.Fatal(err)
		}
	}

	left, err := client.SearchRuns(ctx, []string{"1"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(found), "deleted,", len(left.Runs), "left")
	// Output: 5 deleted, 0 left
}

// Use errors.Is to ask what went wrong, and errors.As for the server's own words.
func ExampleError() {
	client := exampleClient()

	_, err := client.GetRun(context.Background(), "0123456789abcdef")
	if errors.Is(err, tracking.ErrNotFound) {
		fmt.Println("there is no such run")
	}
	var failure *tracking.Error
	if errors.As(err, &failure) {
		fmt.Println(failure.Op, failure.StatusCode, failure.Code)
	}
	// Output:
	// there is no such run
	// GetRun 404 RESOURCE_DOES_NOT_EXIST
}

// An Error made by hand matches the same sentinels as one from a server. So code behind an interface of your own can be
// tested without HTTP.
func ExampleError_byHand() {
	getRun := func(context.Context, string) (*tracking.Run, error) { // the fake
		return nil, &tracking.Error{StatusCode: http.StatusNotFound, Code: tracking.ErrorCodeResourceDoesNotExist}
	}

	_, err := getRun(context.Background(), "r1")
	fmt.Println(errors.Is(err, tracking.ErrNotFound))
	fmt.Println(errors.Is(err, tracking.ErrUnavailable))
	// Output:
	// true
	// false
}

// exampleClient returns a client for a server in memory, with an experiment whose ID is 1. The server is unavailable for
// the second request to log-batch.
func exampleClient() *tracking.Client {
	var batches atomic.Int64
	handler := mlflowtest.NewHandler(mlflowtest.WithMiddleware(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/log-batch") && batches.Add(1) == 2 {
				http.Error(w, "down for a moment", http.StatusServiceUnavailable)
				return
			}
			next.ServeHTTP(w, r)
		})
	}))
	doer := &http.Client{Transport: mlflowtest.Transport(handler)}
	client := tracking.NewClient(&url.URL{Scheme: "http", Host: "mlflow.test"}, doer, tracking.Config{})
	if _, err := client.CreateExperiment(context.Background(), "examples"); err != nil {
		log.Fatal(err)
	}
	return client
}
