package batcher

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/mlflow-go/mlflow/internal/spool"
)

// An Item is one metric, param or tag. Number and At are the batcher's.
type Item = spool.Item

// A Sink is where items go.
type Sink interface {
	// Send sends items of one run, which fit one request, and calls stored with those that the server has stored, as soon as
	// that is known. It does not retry. If it returns nil, all are stored.
	Send(ctx context.Context, runID string, items []Item, stored func([]Item)) error
	// Judge says what an error of Send means.
	Judge(err error) Judgment
	// IsDeleted reports whether the server says that a run is deleted.
	IsDeleted(ctx context.Context, runID string) bool
}

// A Judgment is what the error of a request means.
type Judgment struct {
	Verdict Verdict
	// Message is the server's, which may name the culprit.
	Message string
	// RetryAfter is how long the server asks to wait, 0 if it does not.
	RetryAfter time.Duration
	// Err is the error to report.
	Err error
}

// A Verdict says what becomes of items whose request failed.
type Verdict int

// The verdicts.
const (
	OutOfReach Verdict = iota // retry later
	Unclear                   // retry up to maxUnclear times, then treat as Refused
	Refused                   // an item is wrong: find it
	RunRefused                // what all items have in common is wrong
)

// A FullQueue says what happens to items that find the queue full.
type FullQueue int

// What happens to items that find the queue full.
const (
	Wait FullQueue = iota
	DropOldest
	Refuse
)

// A Config says how a [Batcher] works.
type Config struct {
	// Delay is how long an item may wait for others to share its request.
	Delay time.Duration
	// Limit limits the items that are queued or in flight, and WhenFull says what happens at the limit.
	Limit    int
	WhenFull FullQueue
	// MaxMetrics, MaxParams, MaxTags and MaxItems limit one request.
	MaxMetrics, MaxParams, MaxTags, MaxItems int
	// ErrFull and ErrClosed are the errors for items that were not taken.
	ErrFull, ErrClosed error
	// FailureError returns the error that Flush and Close return for a failure.
	FailureError func(Failure) error
	// Handle, if set, is called with each failure.
	Handle func(Failure)
	// SpoolDir is the folder of the spool, "" for none.
	SpoolDir string
	Logger   *slog.Logger
}

// Stats count items.
type Stats struct {
	Queued                int
	Sent, Dropped, Failed uint64
	// Lag is how long ago the oldest queued item was handed over.
	Lag time.Duration
}

// A Batcher sends items to a [Sink] in the background.
type Batcher struct {
	sink    Sink
	config  Config
	context context.Context // of all requests
	cancel  context.CancelFunc
	start   time.Time
	log     *log // nil for no spool
	wake    chan struct{}

	mu              sync.Mutex
	runs            map[string]*runQueue // those with items
	changed         chan struct{}        // closed and replaced when items have left, or something has ended
	waiters         int                  // for a change
	lastNumber      uint64
	counts          Stats // without Lag
	batchesInFlight int
	itemsInFlight   int
	goroutines      int
	handling        int  // calls of the failure handler that are due or running
	closed          bool // nothing is taken any more
	ended           bool // nothing is sent any more
	gaveUp          bool // Close has given up what was unsent
	failures        failureLog

	scheduling bool
}

// New returns a batcher. If its spool cannot be used, Unusable says why, and it takes nothing.
func New(sink Sink, config Config) *Batcher {
	b := &Batcher{
		sink:    sink,
		config:  config,
		start:   time.Now(),
		wake:    make(chan struct{}, 1),
		runs:    make(map[string]*runQueue),
		changed: make(chan struct{}),
	}
	b.context, b.cancel = context.WithCancel(context.Background())
	if config.SpoolDir != "" {
		b.openLog()
	}
	return b
}

// Unusable returns why the spool cannot be used, or nil.
func (b *Batcher) Unusable() error {
	if b.log == nil {
		return nil
	}
	return b.log.unusable
}

// Stats returns the current counts.
func (b *Batcher) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	stats := b.counts
	now := b.now()
	for _, q := range b.runs {
		if !q.isEmpty() {
			stats.Lag = max(stats.Lag, now-q.front().At)
		}
	}
	return stats
}

// now is the time since the batcher was made.
func (b *Batcher) now() time.Duration { return time.Since(b.start) }

// AddOne takes one item, and is otherwise Add.
func (b *Batcher) AddOne(ctx context.Context, runID string, it Item) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	it.At = b.now()
	if b.pushIfRoom(runID, it) {
		return nil
	}
	_, err := b.enqueue(ctx, runID, []Item{it})
	return err
}

func (b *Batcher) pushIfRoom(runID string, it Item) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.counts.Queued >= b.config.Limit || b.closed || b.Unusable() != nil {
		return false
	}
	b.push(runID, it)
	return true
}

// Add appends items to the queue of a run, as far as the policy for a full queue allows, and returns how many. An error of
// ctx is returned as it is.
func (b *Batcher) Add(ctx context.Context, runID string, items []Item) (taken int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	now := b.now()
	for i := range items {
		items[i].At = now
	}
	return b.enqueue(ctx, runID, items)
}

func (b *Batcher) enqueue(ctx context.Context, runID string, items []Item) (taken int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	room := b.config.Limit - b.counts.Queued
	if b.config.WhenFull == Refuse && room < len(items) && !b.closed && b.Unusable() == nil {
		return 0, b.config.ErrFull
	}
	for taken < len(items) {
		switch {
		case b.closed:
			return taken, b.config.ErrClosed
		case b.Unusable() != nil:
			return taken, b.Unusable()
		case b.counts.Queued < b.config.Limit || (b.config.WhenFull == DropOldest && b.dropOldest()):
			b.push(runID, items[taken])
			taken++
		case b.config.WhenFull == DropOldest:
			return taken, b.config.ErrFull
		default:
			if err := b.waitForChange(ctx); err != nil {
				return taken, err
			}
		}
	}
	return taken, nil
}

// waitForChange waits until something has changed, or the context ends. The lock is held before and after.
func (b *Batcher) waitForChange(ctx context.Context) error {
	changed := b.changed
	b.waiters++
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		b.waiters--
	}()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// noteChange wakes all that wait for a change.
func (b *Batcher) noteChange() {
	if b.waiters == 0 {
		return
	}
	close(b.changed)
	b.changed = make(chan struct{})
}
