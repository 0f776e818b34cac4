package tracking

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A BatchFailure tells what a [Batcher] could not log, and why. It holds one metric, param or tag that the server
// refused, or, from a Close whose context ended, all that was unsent of a run.
type BatchFailure struct { //nolint:errname // it is handed to a handler as what failed, and is an error as well
	RunID   string
	Metrics []Metric
	Params  []Param
	Tags    map[string]string
	// Err is the [*Error] of the request that was refused, or the error of Close's context.
	Err error
}

// Error returns one line that says what was not logged, and why.
func (f *BatchFailure) Error() string {
	what := fmt.Sprintf("%d metrics, %d params and %d tags", len(f.Metrics), len(f.Params), len(f.Tags))
	if len(f.Metrics)+len(f.Params)+len(f.Tags) == 1 {
		for _, m := range f.Metrics {
			what = fmt.Sprintf("the metric %q, step %d,", m.Key, m.Step)
		}
		for _, p := range f.Params {
			what = fmt.Sprintf("the param %q", p.Key)
		}
		for key := range f.Tags {
			what = fmt.Sprintf("the tag %q", key)
		}
	}
	return oneLine(fmt.Sprintf("mlflow: %s of run %s not logged: %v", what, f.RunID, f.Err))
}

// Unwrap returns why.
func (f *BatchFailure) Unwrap() error { return f.Err }

// maxFailures limits the failures that Flush and Close return.
const maxFailures = 100

// A failureLog holds failures that were not returned yet.
type failureLog struct {
	first []error
	more  int
}

func (l *failureLog) add(failure error) {
	if len(l.first) == maxFailures {
		l.more++
		return
	}
	l.first = append(l.first, failure)
}

// take returns the failures, and forgets them.
func (l *failureLog) take() error {
	errs := l.first
	if l.more > 0 {
		errs = append(errs, fmt.Errorf("mlflow: %d more failures", l.more))
	}
	*l = failureLog{}
	return errors.Join(errs...)
}

// handlerTime limits how long Flush and Close wait for the failure handler, which may be the one that calls them.
const handlerTime = time.Second

// Flush sends at once what was handed over before, without waiting for company, and returns when all of it is stored or
// refused, or when the context ends. What the server is not able to take for now is tried again until then.
//
// Errors: those of all that was refused since the last Flush, each a [*BatchFailure], the first 100 and the number of
// the rest; the context's, with the number of items that are not sent yet and stay queued; what is wrong with the
// spool; [ErrBatcherClosed] if a Close gave up what this call waited for.
func (b *Batcher) Flush(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	unsent := b.flush(ctx)
	b.waitUntil(ctx, func() bool { return b.handling == 0 })
	return errors.Join(b.failures.take(), b.spool.takeError(), unsent)
}

// flush waits until all that is queued now is gone.
func (b *Batcher) flush(ctx context.Context) error {
	last := b.last
	for _, q := range b.runs {
		q.wanted = last
		if !q.byServer {
			q.notBefore = 0
		}
	}
	b.wakeScheduler()
	for b.hasUpTo(last) {
		err := b.waitForChange(ctx)
		switch {
		case b.gaveUp:
			return ErrBatcherClosed
		case err != nil && b.hasUpTo(last):
			return fmt.Errorf("mlflow: %d items are not sent yet: %w", b.counts.Queued, err)
		}
	}
	return nil
}

// hasUpTo tells whether an item is queued whose number is at most last.
func (b *Batcher) hasUpTo(last uint64) bool {
	for _, q := range b.runs {
		if !q.empty() && q.front().number <= last {
			return true
		}
	}
	return false
}

// waitUntil waits until something holds, the context ends, or the failure handler has had its time.
func (b *Batcher) waitUntil(ctx context.Context, holds func() bool) {
	ctx, cancel := context.WithTimeout(ctx, handlerTime)
	defer cancel()
	for !holds() && b.waitForChange(ctx) == nil {
	}
}

// Close takes nothing more, sends what is queued, as Flush does, and ends the batcher's goroutines. If the context ends
// before all is sent, what is left is given up and counts as dropped. With a spool it stays there, for the next batcher.
//
// Errors: as for [Batcher.Flush], and for each run with unsent items, but 100 at most, a [*BatchFailure] that holds all of
// them and matches the context's error. The failure handler gets these as well, of all runs. Closing again returns nil.
func (b *Batcher) Close(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.noteChange()
	unsent := b.flush(ctx)
	var left []*BatchFailure
	if unsent != nil && !b.ended {
		left = b.giveUp(ctx.Err())
	}
	b.ended = true
	b.cancel()
	b.wakeScheduler()
	b.noteChange()
	b.mu.Unlock()
	var given failureLog
	for _, failure := range left {
		given.add(failure)
		if b.settings.handle != nil {
			b.settings.handle(*failure)
		}
	}
	b.mu.Lock()
	b.waitUntil(context.WithoutCancel(ctx), func() bool { return b.running == 0 })
	b.mu.Unlock()
	b.closeSpool()
	b.mu.Lock()
	return errors.Join(b.failures.take(), b.spool.takeError(), unsent, given.take())
}

// giveUp empties all queues, and returns what was in them.
func (b *Batcher) giveUp(reason error) []*BatchFailure {
	b.gaveUp = true
	if b.spool != nil {
		b.spool.keep = true
		reason = fmt.Errorf("%w; it stays in the spool", reason)
	}
	left := make([]*BatchFailure, 0, len(b.runs))
	for _, q := range b.runs {
		items := slices.Concat(q.flying, q.waiting())
		q.flying, q.items, q.head = nil, nil, 0
		left = append(left, failureOf(q.runID, items, reason))
		b.counts.Dropped += uint64(len(items))
	}
	b.counts.Queued = 0
	clear(b.runs)
	return left
}
