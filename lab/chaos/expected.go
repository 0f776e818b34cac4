package chaos

import (
	"sync"
	"time"
)

// A report is what a call reported of something that it was to store.
type report int

const (
	unknown report = iota // it failed: stored once or not at all
	stored                // it succeeded: stored once
)

// Expected is what the calls were asked for, and what they reported.
type expected struct {
	mu      sync.Mutex
	creates map[string]create // by idempotency key
	points  map[series][]point
	params  map[item]entry
	tags    map[item]entry
	status  map[string]entry // of runs, by ID

	calls, errors int
	slowest       time.Duration
	messages      []string // of the errors
}

type create struct {
	runID string // "" if the call failed
}

type series struct{ runID, key string }

// A point of a metric has a step that no other one of its series has. Its time is the first of these two for a
// time that was given, or else any between them.
type point struct {
	step           int64
	value          float64
	earliest, last int64
	reported       report
}

type item struct{ runID, key string }

type entry struct {
	value    string
	reported report
}

func newExpected() *expected {
	return &expected{
		creates: make(map[string]create),
		points:  make(map[series][]point),
		params:  make(map[item]entry),
		tags:    make(map[item]entry),
		status:  make(map[string]entry),
	}
}

// call makes a call, and then has it written down by write.
func (e *expected) call(do func() error, write func(report, error)) {
	began := time.Now()
	err := do()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls++
	e.slowest = max(e.slowest, time.Since(began))
	if err != nil {
		e.errors++
		e.messages = append(e.messages, err.Error())
		write(unknown, err)
		return
	}
	write(stored, nil)
}
