package batcher

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// maxBatchesInFlight leaves two of a client's eight connections (transport.Config.MaxConnsPerHost) to the program's other
// calls.
const maxBatchesInFlight = 6

// startScheduling starts the goroutine that sends what is due.
func (b *Batcher) startScheduling() {
	b.scheduling = true
	b.goroutines++
	go b.schedule()
}

// wakeScheduler makes schedule look again.
func (b *Batcher) wakeScheduler() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// schedule starts a goroutine for each batch that is due, as long as anything is queued.
func (b *Batcher) schedule() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.counts.Queued > 0 && !b.ended {
		next := b.startDue()
		b.mu.Unlock()
		timer.Reset(next)
		select {
		case <-timer.C:
		case <-b.wake:
		}
		b.mu.Lock()
	}
	b.scheduling = false
	b.goroutines--
	b.noteChange()
}

// startDue starts what is due, the oldest items first, and returns after what time to look again.
func (b *Batcher) startDue() time.Duration {
	const never = time.Duration(math.MaxInt64)
	now, next := b.now(), never
	var due []*runQueue
	for _, q := range b.runs {
		switch at := b.dueAt(q); {
		case q.busy || q.head == len(q.items):
		case at <= now:
			due = append(due, q)
		default:
			next = min(next, at-now)
		}
	}
	slices.SortFunc(due, func(a, b *runQueue) int { return cmp.Compare(a.front().Number, b.front().Number) })
	for _, q := range due[:min(len(due), maxBatchesInFlight-b.batchesInFlight)] {
		if b.roomInFlight() <= 0 {
			break
		}
		b.batchesInFlight++
		b.goroutines++
		batch := b.takeBatch(q)
		go b.deliver(q, batch)
	}
	return next
}

// dueAt returns when the front of a queue that is not busy is to be sent.
func (b *Batcher) dueAt(q *runQueue) time.Duration {
	if q.busy || q.isEmpty() {
		return 0
	}
	due := q.front().At + b.config.Delay
	if q.front().Number <= q.wanted || b.fillsRequest(q) || b.isQueueFull() {
		due = 0
	}
	return max(due, q.notBefore)
}
