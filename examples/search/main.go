// Search prints the runs of an experiment that match a filter, page by page.
//
//	MLFLOW_TRACKING_URI=http://localhost:5000 go run ./examples/search \
//		-experiment quickstart -filter "attributes.status = 'FINISHED'" -order "metrics.loss ASC"
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/tracking"
)

func main() {
	experiment := flag.String("experiment", "quickstart", "name of the experiment")
	filter := flag.String("filter", "", `filter, such as "metrics.loss < 0.1 AND params.epochs = '500'"`)
	order := flag.String("order", "attributes.start_time ASC", "field to sort by, with ASC or DESC")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *experiment, *filter, *order); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, experiment, filter, order string) error {
	client, err := mlflow.NewClient()
	if err != nil {
		return err
	}
	found, err := client.Tracking().GetExperimentByName(ctx, experiment)
	if err != nil {
		return err
	}
	options := []tracking.SearchRunsOption{
		tracking.WithRunsFilter(filter), tracking.WithRunsOrderBy(order), tracking.WithRunsMaxResults(100),
	}
	for token := ""; ; {
		page, err := client.Tracking().SearchRuns(ctx, []string{found.ID}, append(options, tracking.WithRunsPageToken(token))...)
		if err != nil {
			return err
		}
		for _, run := range page.Runs {
			printRun(run)
		}
		if token = page.NextPageToken; token == "" {
			return nil
		}
	}
}

func printRun(run tracking.Run) {
	fmt.Printf("%s  %s  %s  %s\n", run.Info.RunID, run.Info.StartTime.Format(time.DateTime), run.Info.Status, run.Info.RunName)
	for _, param := range run.Data.Params {
		fmt.Printf("    param   %s = %s\n", param.Key, param.Value)
	}
	for _, metric := range run.Data.Metrics {
		fmt.Printf("    metric  %s = %g (step %d)\n", metric.Key, metric.Value, metric.Step)
	}
}
