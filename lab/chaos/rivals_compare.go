package chaos

import (
	"context"
	"errors"
	"fmt"

	"github.com/mlflow-go/mlflow/tracking"
)

// A summary counts what is on the server in the end.
type summary struct {
	active, deleted map[string]int // runs by key
	failed          int            // calls
	doubles         int            // keys with more than one active run
}

func (s *summary) String() string {
	deleted := 0
	for _, n := range s.deleted {
		deleted += n
	}
	return fmt.Sprintf("  %d keys have a run, %d of them more than one; %d late duplicates were deleted; %d calls failed",
		len(s.active), s.doubles, deleted, s.failed)
}

// compareRivals holds what the processes report against what the server has.
func compareRivals(ctx context.Context, client *tracking.Client, experimentID, bystander string, reports []rivalReport) (*summary, error) {
	runs := make(map[string]tracking.Run)
	s := &summary{active: make(map[string]int), deleted: make(map[string]int)}
	for run, err := range client.AllRuns(ctx, []string{experimentID}, tracking.WithRunsViewType(tracking.ViewTypeAll)) {
		if err != nil {
			return s, err
		}
		runs[run.Info.RunID] = run
		key := run.Data.Tags["mlflow_go.idempotency_key"]
		switch {
		case key == "":
		case run.Info.LifecycleStage == tracking.LifecycleStageActive:
			s.active[key]++
		default:
			s.deleted[key]++
		}
	}
	for _, n := range s.active {
		if n > 1 {
			s.doubles++
		}
	}
	var faults []error
	if runs[bystander].Info.LifecycleStage != tracking.LifecycleStageActive {
		faults = append(faults, errors.New("a run without a key was deleted"))
	}
	for _, r := range reports {
		if r.Err != "" {
			s.failed++
		}
		if r.RunID == "" {
			continue
		}
		run, found := runs[r.RunID]
		metric := tracking.Metric{Step: -1}
		if len(run.Data.Metrics) > 0 {
			metric = run.Data.Metrics[0]
		}
		switch {
		case !found:
			faults = append(faults, fmt.Errorf("%s of rank %d: run %s is not there", r.Key, r.Rank, r.RunID))
		case run.Info.LifecycleStage != tracking.LifecycleStageActive:
			faults = append(faults, fmt.Errorf("%s of rank %d: run %s was deleted (%s)", r.Key, r.Rank, r.RunID, r.Err))
		case metric.Step < int64(r.Logged-1):
			faults = append(faults, fmt.Errorf("%s of rank %d: run %s lacks what was logged", r.Key, r.Rank, r.RunID))
		}
	}
	for id, run := range runs {
		if run.Info.LifecycleStage != tracking.LifecycleStageActive && len(run.Data.Metrics) > 0 {
			faults = append(faults, fmt.Errorf("run %s was deleted although it was logged to", id))
		}
	}
	return s, errors.Join(faults...)
}
