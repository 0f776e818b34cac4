package chaos

import (
	"context"
	"fmt"
	"time"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/lab/program"
	"github.com/mlflow-go/mlflow/lab/servers"
	"github.com/mlflow-go/mlflow/tracking"
)

// Rivals checks what WithIdempotencyKey promises to several processes. Two processes create a run for the same key at the
// same time, on a real MLflow server, through a proxy that loses responses, delays requests until long after they were
// given up, and refuses some; whoever gets a run logs to it. A third process asks for each key afterwards. Then the
// server is read, past the proxy: no run that a process was given may be deleted or lack what was logged to it, and no
// run without the key may be touched.
//
//	go -C lab run ./cmd rivals [-keys 50] [-seed N]
func Rivals(ctx context.Context, args []string) error {
	flags := program.Flags("rivals")
	keys := flags.Int("keys", 50, "for how many keys the processes compete")
	seed := program.SeedFlag(flags, "what gets lost")
	rank := flags.Int("rank", -1, "run as a process of this rank; for the program's own use")
	experimentID := flags.String("experiment", "", "of the runs; for the program's own use")
	if err := program.Parse(flags, args); err != nil {
		return err
	}
	if *rank >= 0 {
		return runRival(ctx, *rank, *experimentID, *keys)
	}
	err := onServer(ctx, servers.Default, rivalsLimit, func(ctx context.Context, server *servers.Server) error {
		return competeOn(ctx, server, *keys, *seed)
	})
	if err != nil {
		return fmt.Errorf("seed %d: %w", *seed, err)
	}
	return nil
}

// rivalsLimit limits how long the processes may take, start and comparison included.
const rivalsLimit = 30 * time.Minute

func competeOn(ctx context.Context, server *servers.Server, keys int, seed uint64) error {
	client, err := mlflow.NewClient(mlflow.WithTrackingURI(server.URI))
	if err != nil {
		return err
	}
	experimentID, err := client.Tracking().CreateExperiment(ctx, "rivals")
	if err != nil {
		return err
	}
	bystander, err := client.Tracking().CreateRun(ctx, experimentID, tracking.WithRunName("bystander"))
	if err != nil {
		return err
	}
	lossy, err := newLossyProxy(server.URI, seed)
	if err != nil {
		return err
	}
	defer lossy.Close()
	reports, err := runRivals(ctx, lossy.URL, experimentID, keys, 0, 1)
	if err != nil {
		return err
	}
	lossy.wait() // for the requests that were given up and run late
	later, err := runRivals(ctx, server.URI, experimentID, keys, 2)
	if err != nil {
		return err
	}
	reports = append(reports, later...)
	found, err := compareRivals(ctx, client.Tracking(), experimentID, bystander.Info.RunID, reports)
	fmt.Printf("seed %d: %d keys, 3 processes; requests: %v\n%v\n", seed, keys, lossy, found)
	return err
}
