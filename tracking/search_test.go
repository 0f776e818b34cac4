package tracking_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/tracking"
)

func TestSearchExperiments(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		var ids []string
		for _, name := range []string{"c", "a", "b"} {
			id, err := client.CreateExperiment(t.Context(), s.Name(name), tracking.WithExperimentTags(map[string]string{"letter": name, "scenario": s.Name("all")}))
			require.NoError(t, err)
			ids = append(ids, id)
		}
		ours := tracking.WithExperimentsFilter(fmt.Sprintf("tags.scenario = '%s'", s.Name("all")))

		list, err := client.SearchExperiments(t.Context(), ours, tracking.WithExperimentsOrderBy("name ASC"))
		require.NoError(t, err)
		assert.Equal(t, []string{ids[1], ids[2], ids[0]}, experimentIDs(list))
		assert.Equal(t, map[string]string{"letter": "a", "scenario": s.Name("all")}, list.Experiments[0].Tags)
		assert.Empty(t, list.NextPageToken)

		list, err = client.SearchExperiments(t.Context(), tracking.WithExperimentsFilter("tags.letter = 'no such letter'"))
		require.NoError(t, err)
		assert.Equal(t, &tracking.ExperimentList{Experiments: []tracking.Experiment{}}, list)
	})
}

func TestSearchExperimentsPages(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		for _, name := range []string{"a", "b", "c"} {
			_, err := client.CreateExperiment(t.Context(), s.Name(name), tracking.WithExperimentTags(map[string]string{"scenario": s.Name("pages")}))
			require.NoError(t, err)
		}
		options := []tracking.SearchExperimentsOption{
			tracking.WithExperimentsFilter(fmt.Sprintf("tags.scenario = '%s'", s.Name("pages"))),
			tracking.WithExperimentsOrderBy("name DESC"),
			tracking.WithExperimentsMaxResults(2),
		}
		first, err := client.SearchExperiments(t.Context(), options...)
		require.NoError(t, err)
		assert.Equal(t, []string{s.Name("c"), s.Name("b")}, experimentNames(first))
		require.NotEmpty(t, first.NextPageToken)

		second, err := client.SearchExperiments(t.Context(), append(options, tracking.WithExperimentsPageToken(first.NextPageToken))...)
		require.NoError(t, err)
		assert.Equal(t, []string{s.Name("a")}, experimentNames(second))
		assert.Empty(t, second.NextPageToken)
	})
}

func TestSearchExperimentsViewType(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		tags := tracking.WithExperimentTags(map[string]string{"scenario": s.Name("views")})
		active, err := client.CreateExperiment(t.Context(), s.Name("active"), tags)
		require.NoError(t, err)
		deleted, err := client.CreateExperiment(t.Context(), s.Name("deleted"), tags)
		require.NoError(t, err)
		require.NoError(t, client.DeleteExperiment(t.Context(), deleted))

		for _, tt := range []struct {
			view tracking.ViewType
			want []string
		}{
			{tracking.ViewTypeActiveOnly, []string{active}},
			{tracking.ViewTypeDeletedOnly, []string{deleted}},
			{tracking.ViewTypeAll, []string{active, deleted}},
		} {
			list, err := client.SearchExperiments(t.Context(),
				tracking.WithExperimentsFilter(fmt.Sprintf("tags.scenario = '%s'", s.Name("views"))),
				tracking.WithExperimentsViewType(tt.view))
			require.NoError(t, err)
			assert.ElementsMatch(t, tt.want, experimentIDs(list), "%s", tt.view)
		}
	})
}

func TestSearchExperimentsRefused(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		for _, option := range []tracking.SearchExperimentsOption{
			tracking.WithExperimentsFilter("colour = 'blue'"),
			tracking.WithExperimentsFilter("name = iris"),
			tracking.WithExperimentsOrderBy("colour"),
			tracking.WithExperimentsPageToken("no token"),
			tracking.WithExperimentsMaxResults(123456789),
			tracking.WithExperimentsMaxResults(0),
			tracking.WithExperimentsMaxResults(-1),
		} {
			_, err := client.SearchExperiments(t.Context(), option)
			requireInvalid(t, err)
		}
	})
}

func TestSearchRuns(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		experimentID := newExperiment(t, s, client)
		losses := map[string]float64{"low": 0.1, "high": 0.9, "diverged": math.NaN()}
		for _, name := range []string{"low", "high", "diverged"} {
			run, err := client.CreateRun(t.Context(), experimentID, tracking.WithRunName(name), tracking.WithStartTime(s.Now()))
			require.NoError(t, err)
			metrics := []tracking.Metric{{Key: "loss", Value: losses[name], Timestamp: s.Now()}}
			require.NoError(t, client.LogBatch(t.Context(), run.Info.RunID, metrics, []tracking.Param{{Key: "opt", Value: "it's"}}, nil))
		}

		search := func(options ...tracking.SearchRunsOption) []string {
			t.Helper()
			list, err := client.SearchRuns(t.Context(), []string{experimentID}, options...)
			require.NoError(t, err)
			assert.Empty(t, list.NextPageToken)
			return runNames(list)
		}
		assert.Equal(t, []string{"diverged", "high", "low"}, search(), "the latest first")
		assert.Equal(t, []string{"high"}, search(tracking.WithRunsFilter("metrics.loss > 0.5")))
		assert.Equal(t, []string{"high", "low", "diverged"}, search(tracking.WithRunsOrderBy("metrics.loss DESC")), "NaN last")
		assert.Equal(t, []string{"low", "high", "diverged"}, search(tracking.WithRunsOrderBy("metrics.loss ASC")), "NaN last")
		assert.Len(t, search(tracking.WithRunsFilter(`params.opt = "it's"`)), 3)
		assert.Empty(t, search(tracking.WithRunsFilter("params.opt = 'sgd'")))

		list, err := client.SearchRuns(t.Context(), []string{experimentID}, tracking.WithRunsFilter("attributes.run_name = 'diverged'"))
		require.NoError(t, err)
		require.Len(t, list.Runs, 1)
		require.Len(t, list.Runs[0].Data.Metrics, 1)
		assert.True(t, math.IsNaN(list.Runs[0].Data.Metrics[0].Value), "a NaN must not make the page unreadable")
	})
}

func TestSearchRunsPages(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		experimentID := newExperiment(t, s, client)
		for range 3 {
			newRunIn(t, s, client, experimentID)
		}
		options := []tracking.SearchRunsOption{
			tracking.WithRunsOrderBy("attributes.start_time ASC"), tracking.WithRunsMaxResults(2),
		}
		first, err := client.SearchRuns(t.Context(), []string{experimentID}, options...)
		require.NoError(t, err)
		assert.Len(t, first.Runs, 2)
		require.NotEmpty(t, first.NextPageToken)

		second, err := client.SearchRuns(t.Context(), []string{experimentID}, append(options, tracking.WithRunsPageToken(first.NextPageToken))...)
		require.NoError(t, err)
		assert.Len(t, second.Runs, 1)
		assert.Empty(t, second.NextPageToken)
		assert.True(t, second.Runs[0].Info.StartTime.After(first.Runs[1].Info.StartTime))
	})
}

func TestSearchRunsViewType(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		experimentID := newExperiment(t, s, client)
		active, deleted := newRunIn(t, s, client, experimentID).RunID, newRunIn(t, s, client, experimentID).RunID
		require.NoError(t, client.DeleteRun(t.Context(), deleted))

		for _, tt := range []struct {
			view tracking.ViewType
			want []string
		}{
			{tracking.ViewTypeActiveOnly, []string{active}},
			{tracking.ViewTypeDeletedOnly, []string{deleted}},
			{tracking.ViewTypeAll, []string{active, deleted}},
		} {
			list, err := client.SearchRuns(t.Context(), []string{experimentID}, tracking.WithRunsViewType(tt.view))
			require.NoError(t, err)
			assert.ElementsMatch(t, tt.want, runIDs(list), "%s", tt.view)
		}
	})
}

func TestSearchRunsOfNothing(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		list, err := client.SearchRuns(t.Context(), nil)
		require.NoError(t, err)
		assert.Equal(t, &tracking.RunList{Runs: []tracking.Run{}}, list)

		list, err = client.SearchRuns(t.Context(), []string{missingExperiment})
		require.NoError(t, err)
		assert.Empty(t, list.Runs)
	})
}

func TestSearchRunsRefused(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		experimentIDs := []string{newExperiment(t, s, client)}
		for _, option := range []tracking.SearchRunsOption{
			tracking.WithRunsFilter("metrics.loss < 1 OR metrics.loss > 2"),
			tracking.WithRunsFilter("metrics.loss < '1'"),
			tracking.WithRunsOrderBy("colour"),
			tracking.WithRunsPageToken("no token"),
			tracking.WithRunsMaxResults(123456789),
		} {
			_, err := client.SearchRuns(t.Context(), experimentIDs, option)
			requireInvalid(t, err)
		}
	})
}

// SQLite joins at most 64 tables, and a run's tags are joined once for each condition. That the server calls it temporary
// is one of its mistakes.
func TestSearchRunsForTooManyConditions(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		experimentIDs := []string{newExperiment(t, s, client)}
		conditions := make([]string, 80)
		for i := range conditions {
			conditions[i] = fmt.Sprintf("tags.t%d = 'x'", i)
		}
		_, err := client.SearchRuns(t.Context(), experimentIDs, tracking.WithRunsFilter(strings.Join(conditions, " AND ")))
		if s.Server.Store != scenario.StoreSQLite {
			require.NoError(t, err)
			return
		}
		requireRefused(t, err, 503, tracking.ErrorCodeTemporarilyUnavailable, tracking.ErrUnavailable)
	})
}

func TestSearchRunsForTooFew(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		experimentIDs := []string{newExperiment(t, s, client)}
		for _, n := range []int{0, -1} {
			list, err := client.SearchRuns(t.Context(), experimentIDs, tracking.WithRunsMaxResults(n))
			if s.Server.Before("2.13") || s.Server.Store == "file" {
				// They take any number, and response 0 with a token for the same page again.
				require.NoError(t, err)
				assert.Empty(t, list.Runs)
				continue
			}
			requireInvalid(t, err)
		}
	})
}

func experimentIDs(list *tracking.ExperimentList) []string {
	var ids []string
	for _, e := range list.Experiments {
		ids = append(ids, e.ID)
	}
	return ids
}

func experimentNames(list *tracking.ExperimentList) []string {
	var names []string
	for _, e := range list.Experiments {
		names = append(names, e.Name)
	}
	return names
}

func runIDs(list *tracking.RunList) []string {
	var ids []string
	for _, r := range list.Runs {
		ids = append(ids, r.Info.RunID)
	}
	return ids
}

func runNames(list *tracking.RunList) []string {
	var names []string
	for _, r := range list.Runs {
		names = append(names, r.Info.RunName)
	}
	return names
}

func TestAllExperiments(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		for _, name := range []string{"a", "b", "c"} {
			_, err := client.CreateExperiment(t.Context(), s.Name(name), tracking.WithExperimentTags(map[string]string{"scenario": s.Name("all")}))
			require.NoError(t, err)
		}
		var names []string
		for experiment, err := range client.AllExperiments(t.Context(),
			tracking.WithExperimentsFilter(fmt.Sprintf("tags.scenario = '%s'", s.Name("all"))),
			tracking.WithExperimentsOrderBy("name ASC"),
			tracking.WithExperimentsMaxResults(2)) {
			require.NoError(t, err)
			names = append(names, experiment.Name)
		}
		assert.Equal(t, []string{s.Name("a"), s.Name("b"), s.Name("c")}, names)
	})
}

func TestAllRuns(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		experimentID := newExperiment(t, s, client)
		var want []string
		for range 4 {
			want = append(want, newRunIn(t, s, client, experimentID).RunID)
		}
		// Pages of 2 are full to the last. Servers before MLflow 3.10 send an empty one after them.
		for _, size := range []int{1, 2, 3, 4, 5} {
			var got []string
			for run, err := range client.AllRuns(t.Context(), []string{experimentID},
				tracking.WithRunsOrderBy("attributes.start_time ASC"), tracking.WithRunsMaxResults(size)) {
				require.NoError(t, err)
				got = append(got, run.Info.RunID)
			}
			assert.Equal(t, want, got, "pages of %d", size)
		}
	})
}

func TestAllRunsRefused(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		yields := 0
		for run, err := range newScenarioClient(t, s).AllRuns(t.Context(), []string{"0"}, tracking.WithRunsFilter("what?")) {
			yields++
			assert.Zero(t, run)
			requireInvalid(t, err)
		}
		assert.Equal(t, 1, yields)
	})
}
