package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mlflow-go/mlflow/tracking"
)

const (
	workers       = 8
	runCount      = 200
	metricsPerRun = 100
	createTries   = 5 // with a new key each

	ahead = 24 // how many runs are created before there is something to log; the others follow between the logging
)

var metricKeys = []string{"loss", "accuracy", "gradient norm"}

// A crew does the work of one seed. The calls for one run are made by whoever is free, at the same time as each other.
type crew struct {
	client       *tracking.Client
	experimentID string
	seed         uint64
	ledger       *ledger
	repeats      *counter

	jobs chan func(context.Context)
	open sync.WaitGroup // jobs not done yet
	done atomic.Int64   // jobs done
}

// jobsPerRun is how many jobs there are for each run, its creation included.
const jobsPerRun = 8

func (c *crew) work(ctx context.Context) {
	c.jobs = make(chan func(context.Context), runCount*jobsPerRun)
	c.open.Add(runCount)
	for i := range ahead {
		c.jobs <- func(ctx context.Context) { c.createRun(ctx, i) }
	}
	go func() {
		c.open.Wait()
		close(c.jobs)
	}()
	var working sync.WaitGroup
	for range workers {
		working.Go(func() {
			for job := range c.jobs {
				job(ctx)
				c.done.Add(1)
				c.open.Done()
			}
		})
	}
	working.Wait()
}

// progress is the share of the work that is done.
func (c *crew) progress() float64 { return float64(c.done.Load()) / (runCount * jobsPerRun) }

// createRun creates a run and, when it is there, hands out what is to be logged to it.
func (c *crew) createRun(ctx context.Context, number int) {
	defer func() {
		if next := number + ahead; next < runCount {
			c.jobs <- func(ctx context.Context) { c.createRun(ctx, next) }
		}
	}()
	for try := range createTries {
		key := fmt.Sprintf("seed %d, run %d, try %d", c.seed, number, try)
		run := c.create(ctx, key,
			tracking.WithRunName("run "+strconv.Itoa(number)),
			tracking.WithRunTags(map[string]string{"number": strconv.Itoa(number)}))
		if run != nil {
			c.ledger.mu.Lock()
			c.ledger.tags[item{run.Info.RunID, "number"}] = entry{strconv.Itoa(number), stored}
			c.ledger.mu.Unlock()
			c.plan(run.Info.RunID, rand.New(rand.NewPCG(c.seed, uint64(number))))
			return
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// plan hands out the jobs for a run.
func (c *crew) plan(runID string, r *rand.Rand) {
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
		func(ctx context.Context) { c.logMetric(ctx, runID, metrics[0]) },
		func(ctx context.Context) { c.logMetric(ctx, runID, metrics[1]) },
		func(ctx context.Context) {
			params := []tracking.Param{{Key: "rate", Value: fmt.Sprint(r.Float64())}, {Key: "depth", Value: "7"}}
			c.logBatch(ctx, runID, metrics[2:second], params, map[string]string{"stage": "first"})
		},
		func(ctx context.Context) { c.logBatch(ctx, runID, metrics[second:], nil, nil) },
		func(ctx context.Context) { c.logParam(ctx, runID, "optimizer", "adam") },
		func(ctx context.Context) { c.setTag(ctx, runID, "note", "résumé of "+runID) },
		func(ctx context.Context) { c.finish(ctx, runID) },
	}
	c.open.Add(len(jobs))
	for _, job := range jobs {
		c.jobs <- job
	}
}

func (c *crew) logMetric(ctx context.Context, runID string, m tracking.Metric) {
	opts := []tracking.LogMetricOption{tracking.WithStep(m.Step)}
	if !m.Timestamp.IsZero() {
		opts = append(opts, tracking.WithTimestamp(m.Timestamp))
	}
	began := time.Now()
	c.ledger.call(func() error {
		return c.client.LogMetric(ctx, runID, m.Key, m.Value, opts...)
	}, func(fate fate, _ error) { c.ledger.addPoint(runID, m, began, fate) })
}

func (c *crew) logBatch(
	ctx context.Context, runID string, metrics []tracking.Metric, params []tracking.Param, tags map[string]string,
) {
	began := time.Now()
	c.ledger.call(func() error {
		return c.client.LogBatch(ctx, runID, metrics, params, tags)
	}, func(all fate, err error) {
		// What a part of a batch reported counts for that part.
		var partial *tracking.BatchError
		errors.As(err, &partial)
		known := func(i int, count func(*tracking.BatchError) int) fate {
			if partial != nil && i < count(partial) {
				return stored
			}
			return all
		}
		for i, m := range metrics {
			c.ledger.addPoint(runID, m, began, known(i, func(e *tracking.BatchError) int { return e.Metrics }))
		}
		for i, p := range params {
			fate := known(i, func(e *tracking.BatchError) int { return e.Params })
			c.ledger.params[item{runID, p.Key}] = entry{p.Value, fate}
		}
		for i, key := range slices.Sorted(maps.Keys(tags)) {
			fate := known(i, func(e *tracking.BatchError) int { return e.Tags })
			c.ledger.tags[item{runID, key}] = entry{tags[key], fate}
		}
	})
}

// addPoint notes a metric that was logged from the given time on until now.
func (l *ledger) addPoint(runID string, m tracking.Metric, began time.Time, fate fate) {
	p := point{step: m.Step, value: m.Value, earliest: m.Timestamp.UnixMilli(), last: m.Timestamp.UnixMilli(), fate: fate}
	if m.Timestamp.IsZero() {
		p.earliest, p.last = began.UnixMilli(), time.Now().UnixMilli()
	}
	in := series{runID, m.Key}
	l.points[in] = append(l.points[in], p)
}

func (c *crew) logParam(ctx context.Context, runID, key, value string) {
	c.ledger.call(func() error {
		return c.client.LogParam(ctx, runID, key, value)
	}, func(fate fate, _ error) { c.ledger.params[item{runID, key}] = entry{value, fate} })
}

func (c *crew) setTag(ctx context.Context, runID, key, value string) {
	c.ledger.call(func() error {
		return c.client.SetTag(ctx, runID, key, value)
	}, func(fate fate, _ error) { c.ledger.tags[item{runID, key}] = entry{value, fate} })
}

func (c *crew) finish(ctx context.Context, runID string) {
	c.ledger.call(func() error {
		_, err := c.client.UpdateRun(ctx, runID,
			tracking.WithStatus(tracking.RunStatusFinished), tracking.WithEndTime(time.Now()))
		return err
	}, func(fate fate, _ error) { c.ledger.status[runID] = entry{string(tracking.RunStatusFinished), fate} })
}
