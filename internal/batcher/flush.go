package batcher

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// handlerTime limits how long Flush and Close wait for the failure handler, which may be the one that calls them.
const handlerTime = time.Second

// Flush sends at once what was handed over before, and returns when all of it is stored or refused, or the context ends.
// Its error joins the failures that were not returned yet, what is wrong with the spool, and the context's error.
func (b *Batcher) Flush(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	unsent := b.flush(ctx)
	b.waitUntil(ctx, func() bool { return b.handling == 0 })
	return errors.Join(b.failures.take(), b.log.takeError(), unsent)
}

// flush waits until all that is queued now is gone.
func (b *Batcher) flush(ctx context.Context) error {
	last := b.lastNumber
	for _, q := range b.runs {
		q.wanted = last
		if !q.waitsByServer {
			q.notBefore = 0
		}
	}
	b.wakeScheduler()
	for b.hasUpTo(last) {
		err := b.waitForChange(ctx)
		switch {
		case b.gaveUp:
			return b.config.ErrClosed
		case err != nil && b.hasUpTo(last):
			return fmt.Errorf("mlflow: %d items are not sent yet: %w", b.counts.Queued, err)
		}
	}
	return nil
}

// hasUpTo reports whether an item is queued whose number is at most last.
func (b *Batcher) hasUpTo(last uint64) bool {
	for _, q := range b.runs {
		if !q.isEmpty() && q.front().Number <= last {
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

// Close takes nothing more, sends what is queued as Flush does, and ends the goroutines. What is unsent when the context
// ends is given up: its failures are part of the error.
func (b *Batcher) Close(ctx context.Context) error {
	left, unsent := b.end(ctx)
	b.report(left)
	b.awaitGoroutines(ctx)
	b.closeLog()
	var given failureLog
	for _, failure := range left {
		given.add(b.config.FailureError(failure))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return errors.Join(b.failures.take(), b.log.takeError(), unsent, given.take())
}

// end sends what is queued, or gives it up, after which no request is made.
func (b *Batcher) end(ctx context.Context) (left []Failure, unsent error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.noteChange()
	unsent = b.flush(ctx)
	if unsent != nil && !b.ended {
		left = b.giveUp(ctx.Err())
		b.handling += len(left)
	}
	b.ended = true
	b.cancel()
	b.wakeScheduler()
	b.noteChange()
	return left, unsent
}

func (b *Batcher) awaitGoroutines(ctx context.Context) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waitUntil(context.WithoutCancel(ctx), func() bool { return b.goroutines == 0 })
}

// giveUp empties all queues, and returns what was in them.
func (b *Batcher) giveUp(reason error) []Failure {
	b.gaveUp = true
	if b.log != nil {
		b.log.keep = true
		reason = fmt.Errorf("%w; it stays in the spool", reason)
	}
	left := make([]Failure, 0, len(b.runs))
	for _, q := range b.runs {
		items := slices.Concat(q.inFlight, q.waiting())
		q.inFlight, q.items, q.head = nil, nil, 0
		left = append(left, Failure{q.runID, items, reason})
		b.counts.Dropped += uint64(len(items))
	}
	b.counts.Queued = 0
	clear(b.runs)
	return left
}
