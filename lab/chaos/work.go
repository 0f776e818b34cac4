package chaos

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mlflow-go/mlflow/tracking"
)

const (
	workerCount   = 8
	runCount      = 200
	metricsPerRun = 100
	createTries   = 5 // with a new key each

	ahead = 24 // how many runs are created before there is something to log; the others follow between the logging
)

var metricKeys = []string{"loss", "accuracy", "gradient norm"}

// Workers do the work of one seed. The calls for one run are made by whoever is free, at the same time as each other.
type workers struct {
	client       *tracking.Client
	batcher      *tracking.Batcher // logs to some of the runs; nil for none
	experimentID string
	seed         uint64
	expected     *expected
	retries      *counter

	jobs chan func(context.Context)
	open sync.WaitGroup // jobs not done yet
	done atomic.Int64   // jobs done
}

// jobsPerRun is how many jobs there are for each run, its creation included.
const jobsPerRun = 8

func (w *workers) work(ctx context.Context) {
	w.jobs = make(chan func(context.Context), runCount*jobsPerRun)
	w.open.Add(runCount)
	for i := range ahead {
		w.jobs <- func(ctx context.Context) { w.createRun(ctx, i) }
	}
	go func() {
		w.open.Wait()
		close(w.jobs)
	}()
	var working sync.WaitGroup
	for range workerCount {
		working.Go(func() {
			for job := range w.jobs {
				job(ctx)
				w.done.Add(1)
				w.open.Done()
			}
		})
	}
	working.Wait()
}

// A logger is what a client and a batcher have in common.
type logger interface {
	LogMetric(ctx context.Context, runID, key string, value float64, opts ...tracking.LogMetricOption) error
	LogParam(ctx context.Context, runID, key, value string) error
	SetTag(ctx context.Context, runID, key, value string) error
	LogBatch(ctx context.Context, runID string, metrics []tracking.Metric, params []tracking.Param, tags map[string]string) error
}

// loggerOf returns what logs to a run: for one in four the batcher. What that has taken counts as stored, which is true
// when it is closed.
func (w *workers) loggerOf(runID string) logger {
	if w.batcher != nil && strings.ContainsAny(runID[:1], "048c") {
		return w.batcher
	}
	return w.client
}

// progress is the share of the work that is done.
func (w *workers) progress() float64 { return float64(w.done.Load()) / (runCount * jobsPerRun) }

// createRun creates a run and, when it is there, hands out what is to be logged to it.
func (w *workers) createRun(ctx context.Context, number int) {
	defer func() {
		if next := number + ahead; next < runCount {
			w.jobs <- func(ctx context.Context) { w.createRun(ctx, next) }
		}
	}()
	for try := range createTries {
		key := fmt.Sprintf("seed %d, run %d, try %d", w.seed, number, try)
		run := w.create(ctx, key,
			tracking.WithRunName("run "+strconv.Itoa(number)),
			tracking.WithRunTags(map[string]string{"number": strconv.Itoa(number)}))
		if run != nil {
			w.expected.mu.Lock()
			w.expected.tags[item{run.Info.RunID, "number"}] = entry{strconv.Itoa(number), stored}
			w.expected.mu.Unlock()
			w.plan(run.Info.RunID, rand.New(rand.NewPCG(w.seed, uint64(number))))
			return
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// plan hands out the jobs for a run.
func (w *workers) plan(runID string, r *rand.Rand) {
	metrics := make([]tracking.Metric, metricsPerRun)
	began := time.Now().Add(-time.Hour)
	for i := range metrics {
		m := tracking.Metric{Key: metricKeys[r.IntN(len(metricKeys))], Value: r.NormFloat64(), Step: int64(i)}
		switch r.IntN(20) {
		case 0:
			m.Value = math.NaN()
		case 1:
			m.Value = 0
		}
		if r.IntN(3) == 0 { // the others are stamped by the library
			m.Timestamp = began.Add(time.Duration(i) * time.Second)
		}
		metrics[i] = m
	}
	second := 40 + r.IntN(20)
	jobs := []func(context.Context){
		func(ctx context.Context) { w.logMetric(ctx, runID, metrics[0]) },
		func(ctx context.Context) { w.logMetric(ctx, runID, metrics[1]) },
		func(ctx context.Context) {
			params := []tracking.Param{{Key: "rate", Value: fmt.Sprint(r.Float64())}, {Key: "depth", Value: "7"}}
			w.logBatch(ctx, runID, metrics[2:second], params, map[string]string{"stage": "first"})
		},
		func(ctx context.Context) { w.logBatch(ctx, runID, metrics[second:], nil, nil) },
		func(ctx context.Context) { w.logParam(ctx, runID, "optimizer", "adam") },
		func(ctx context.Context) { w.setTag(ctx, runID, "note", "résumé of "+runID) },
		func(ctx context.Context) { w.finish(ctx, runID) },
	}
	w.open.Add(len(jobs))
	for _, job := range jobs {
		w.jobs <- job
	}
}

func (w *workers) logMetric(ctx context.Context, runID string, m tracking.Metric) {
	opts := []tracking.LogMetricOption{tracking.WithStep(m.Step)}
	if !m.Timestamp.IsZero() {
		opts = append(opts, tracking.WithTimestamp(m.Timestamp))
	}
	began := time.Now()
	w.expected.call(func() error {
		return w.loggerOf(runID).LogMetric(ctx, runID, m.Key, m.Value, opts...)
	}, func(reported report, _ error) { w.expected.addPoint(runID, m, began, reported) })
}

func (w *workers) logBatch(
	ctx context.Context, runID string, metrics []tracking.Metric, params []tracking.Param, tags map[string]string,
) {
	began := time.Now()
	w.expected.call(func() error {
		return w.loggerOf(runID).LogBatch(ctx, runID, metrics, params, tags)
	}, func(all report, err error) {
		// What a part of a batch reported counts for that part.
		var partial *tracking.BatchError
		errors.As(err, &partial)
		known := func(i int, count func(*tracking.BatchError) int) report {
			if partial != nil && i < count(partial) {
				return stored
			}
			return all
		}
		for i, m := range metrics {
			w.expected.addPoint(runID, m, began, known(i, func(e *tracking.BatchError) int { return e.Metrics }))
		}
		for i, p := range params {
			reported := known(i, func(e *tracking.BatchError) int { return e.Params })
			w.expected.params[item{runID, p.Key}] = entry{p.Value, reported}
		}
		for i, key := range slices.Sorted(maps.Keys(tags)) {
			reported := known(i, func(e *tracking.BatchError) int { return e.Tags })
			w.expected.tags[item{runID, key}] = entry{tags[key], reported}
		}
	})
}

// addPoint notes a metric that was logged from the given time on until now.
func (e *expected) addPoint(runID string, m tracking.Metric, began time.Time, reported report) {
	p := point{step: m.Step, value: m.Value, earliest: m.Timestamp.UnixMilli(), last: m.Timestamp.UnixMilli(), reported: reported}
	if m.Timestamp.IsZero() {
		p.earliest, p.last = began.UnixMilli(), time.Now().UnixMilli()
	}
	in := series{runID, m.Key}
	e.points[in] = append(e.points[in], p)
}

func (w *workers) logParam(ctx context.Context, runID, key, value string) {
	w.expected.call(func() error {
		return w.loggerOf(runID).LogParam(ctx, runID, key, value)
	}, func(reported report, _ error) { w.expected.params[item{runID, key}] = entry{value, reported} })
}

func (w *workers) setTag(ctx context.Context, runID, key, value string) {
	w.expected.call(func() error {
		return w.loggerOf(runID).SetTag(ctx, runID, key, value)
	}, func(reported report, _ error) { w.expected.tags[item{runID, key}] = entry{value, reported} })
}

func (w *workers) finish(ctx context.Context, runID string) {
	w.expected.call(func() error {
		_, err := w.client.UpdateRun(ctx, runID,
			tracking.WithStatus(tracking.RunStatusFinished), tracking.WithEndTime(time.Now()))
		return err
	}, func(reported report, _ error) {
		w.expected.status[runID] = entry{string(tracking.RunStatusFinished), reported}
	})
}
