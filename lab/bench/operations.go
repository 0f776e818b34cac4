package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mlflow-go/mlflow/tracking"
)

// An operation is one call, as two clients make it. The third, the floor, repeats the requests of the plain client.
type operation struct {
	name  string
	head  func() string // the server's response, without its last brace
	pages int           // how often the server responds with it, each time with a token for the next page; 0 is once
	ours  func(context.Context, *tracking.Client) error
	plain func(context.Context, *plain) error
}

// operations are those of the table.
func operations() []operation {
	return []operation{
		createRun(),
		getRun(5, 5),
		getRun(1000, 0),
		searchRuns(),
		logMetric(),
		logBatch(10),
		logBatch(1000),
		logBatch(100_000),
		allRuns(20, 100, 50),
		allMetrics(100_000),
	}
}

const runID = "0123456789abcdef0123456789abcdef"

var start = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// metric returns a metric with one of two kinds of values, in turn: one has all the 17 digits of a float64, the other was
// rounded to four decimals, as many programs do with a loss.
func metric(key string, i int) plainMetric {
	value := float64(i+1) / 7
	if i%2 == 0 {
		value = math.Round(value*1e4) / 1e4
	}
	return plainMetric{key, value, start.UnixMilli() + int64(i), int64(i)}
}

// newRun returns a finished run.
func newRun(metrics, params int) plainRun {
	run := plainRun{Info: plainInfo{
		RunUUID: runID, ExperimentID: "7", RunName: "gentle-fox-12", UserID: "ada", Status: "FINISHED",
		StartTime: start.UnixMilli(), EndTime: start.UnixMilli() + 1000, ArtifactURI: "mlflow-artifacts:/7/" + runID + "/artifacts",
		LifecycleStage: "active", RunID: runID,
	}}
	for i := range metrics {
		run.Data.Metrics = append(run.Data.Metrics, metric(fmt.Sprint("metric ", i), i))
	}
	for i := range params {
		run.Data.Params = append(run.Data.Params, plainPair{fmt.Sprint("param ", i), fmt.Sprint("value ", i)})
	}
	run.Data.Tags = []plainPair{{"mlflow.runName", "gentle-fox-12"}, {"mlflow.user", "ada"}}
	return run
}

// headOf spells a response as MLflow does, with a line for each value, and leaves out its last brace. That is done on first
// use: of most operations, a process needs none.
func headOf(response func() any) func() string {
	return sync.OnceValue(func() string {
		text, err := json.MarshalIndent(response(), "", "  ")
		if err != nil {
			panic(err) // the responses are ours
		}
		return strings.TrimSuffix(strings.TrimSuffix(string(text), "}"), "\n")
	})
}

// nothing is the response to what is logged.
func nothing() any { return struct{}{} }

func createRun() operation {
	return operation{
		name: "CreateRun",
		head: headOf(func() any {
			run := newRun(0, 0)
			run.Info.Status, run.Info.EndTime = "RUNNING", 0
			return plainOneRun{run}
		}),
		ours: func(ctx context.Context, c *tracking.Client) error {
			_, err := c.CreateRun(ctx, "7", tracking.WithRunName("gentle-fox-12"), tracking.WithRunTags(map[string]string{"mlflow.user": "ada"}))
			return err
		},
		plain: func(ctx context.Context, p *plain) error {
			_, err := p.createRun(ctx, "gentle-fox-12", []plainPair{{"mlflow.user", "ada"}})
			return err
		},
	}
}

func getRun(metrics, params int) operation {
	return operation{
		name: fmt.Sprintf("GetRun, %s metrics and %d params", grouped(metrics), params),
		head: headOf(func() any { return plainOneRun{newRun(metrics, params)} }),
		ours: func(ctx context.Context, c *tracking.Client) error {
			_, err := c.GetRun(ctx, runID)
			return err
		},
		plain: func(ctx context.Context, p *plain) error {
			_, err := p.getRun(ctx)
			return err
		},
	}
}

// pageOfRuns is a page of runs with that many values each, two of five being params.
func pageOfRuns(runs, values int) func() string {
	return headOf(func() any {
		params := values * 2 / 5
		return plainRuns{Runs: slices.Repeat([]plainRun{newRun(values-params, params)}, runs)}
	})
}

func searchRuns() operation {
	return operation{
		name: "SearchRuns, 1,000 runs with 50 values",
		head: pageOfRuns(1000, 50),
		ours: func(ctx context.Context, c *tracking.Client) error {
			_, err := c.SearchRuns(ctx, []string{"7"})
			return err
		},
		plain: func(ctx context.Context, p *plain) error {
			_, err := p.searchRuns(ctx, 1000, "", func(plainRun) {})
			return err
		},
	}
}

func logMetric() operation {
	return operation{
		name: "LogMetric",
		head: headOf(nothing),
		ours: func(ctx context.Context, c *tracking.Client) error {
			return c.LogMetric(ctx, runID, "loss", 0.1429, tracking.WithStep(12))
		},
		plain: func(ctx context.Context, p *plain) error {
			return p.logMetric(ctx, plainMetric{"loss", 0.1429, time.Now().UnixMilli(), 12})
		},
	}
}

// logBatch logs metrics of seven names. Their values are made on first use: a server needs none.
func logBatch(n int) operation {
	var ours []tracking.Metric
	var own []plainMetric
	name := func(i int) string {
		return [...]string{"loss", "accuracy", "f1", "val_loss", "val_accuracy", "val_f1", "lr"}[i%7]
	}
	return operation{
		name: "LogBatch, " + grouped(n) + " metrics",
		head: headOf(nothing),
		ours: func(ctx context.Context, c *tracking.Client) error {
			if ours == nil {
				ours = make([]tracking.Metric, n)
				for i := range ours {
					m := metric(name(i), i)
					ours[i] = tracking.Metric{Key: m.Key, Value: m.Value, Timestamp: time.UnixMilli(m.Timestamp), Step: m.Step}
				}
			}
			return c.LogBatch(ctx, runID, ours, nil, nil)
		},
		plain: func(ctx context.Context, p *plain) error {
			if own == nil {
				own = make([]plainMetric, n)
				for i := range own {
					own[i] = metric(name(i), i)
				}
			}
			return p.logBatch(ctx, own)
		},
	}
}

func allRuns(pages, size, values int) operation {
	return operation{
		name:  fmt.Sprintf("AllRuns, %s pages of %s runs with %d values", grouped(pages), grouped(size), values),
		head:  pageOfRuns(size, values),
		pages: pages,
		ours: func(ctx context.Context, c *tracking.Client) error {
			n := 0
			for _, err := range c.AllRuns(ctx, []string{"7"}, tracking.WithRunsMaxResults(size)) {
				if err != nil {
					return err
				}
				n++
			}
			return want(pages*size, n)
		},
		plain: func(ctx context.Context, p *plain) error {
			n := 0
			err := allPages(func(token string) (string, error) {
				return p.searchRuns(ctx, size, token, func(plainRun) { n++ })
			})
			if err != nil {
				return err
			}
			return want(pages*size, n)
		},
	}
}

// allMetrics reads a history in pages of 25,000, which is what the library asks for.
func allMetrics(points int) operation {
	size := min(points, 25_000)
	return operation{
		name: "AllMetrics, " + grouped(points) + " points",
		head: headOf(func() any {
			history := make([]plainMetric, size)
			for i := range history {
				history[i] = metric("loss", i)
			}
			return plainHistory{Metrics: history}
		}),
		pages: points / size,
		ours: func(ctx context.Context, c *tracking.Client) error {
			n := 0
			for _, err := range c.AllMetrics(ctx, runID, "loss") {
				if err != nil {
					return err
				}
				n++
			}
			return want(points, n)
		},
		plain: func(ctx context.Context, p *plain) error {
			n := 0
			err := allPages(func(token string) (string, error) {
				return p.history(ctx, token, func(plainMetric) { n++ })
			})
			if err != nil {
				return err
			}
			return want(points, n)
		},
	}
}

func want(want, got int) error {
	if got != want {
		return fmt.Errorf("%d items instead of %d", got, want)
	}
	return nil
}

// grouped writes 100000 as 100,000.
func grouped(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", grouped(n/1000), n%1000)
}
