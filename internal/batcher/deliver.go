package batcher

import (
	"math/rand/v2"
	"time"
)

const (
	firstWait = 500 * time.Millisecond
	// maxWait limits the wait before the next attempt, and maxServerWait that for which the server asks.
	maxWait       = 15 * time.Second
	maxServerWait = 5 * time.Minute
	// maxUnclear is how many responses in a row may be Unclear before they count as Refused: after about a minute.
	maxUnclear = 10
)

// A delivery is what happens to one batch.
type delivery struct {
	b        *Batcher
	q        *runQueue
	failures []Failure
	guessing bool // the words of refusals may name the culprit, and have not misled yet
	asked    bool // the server was asked for the run
	// convinced means that what is Unclear counts as Refused.
	convinced bool
}

// deliver sends a batch of a run, and what it is divided into. It ends when all of it is stored or refused, or the run
// has to wait.
func (b *Batcher) deliver(q *runQueue, batch []Item) {
	defer b.endGoroutine()
	d := &delivery{b: b, q: q, guessing: true}
	d.run(batch)
	b.report(d.failures)
}

func (b *Batcher) endGoroutine() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.goroutines--
	b.noteChange()
}

// run sends a batch, and settles the queue. The sink runs code of the program's, such as a token source: if that panics,
// the attempt has failed, and if it ends the goroutine, as a test's FailNow does, the queue is settled all the same.
func (d *delivery) run(batch []Item) {
	err := errGoroutineEnded
	defer func() {
		if v := recover(); v != nil {
			err = d.b.notePanic("a request", v)
		}
		d.settle(err)
	}()
	err = d.send(batch)
}

// settle puts back what was not sent.
func (d *delivery) settle(err error) {
	b, q := d.b, d.q
	b.mu.Lock()
	defer b.mu.Unlock()
	b.batchesInFlight--
	b.putBack(q)
	if err != nil && !b.ended {
		b.pause(q, err)
	}
	b.forgetIfEmpty(q)
	b.wakeScheduler()
	b.noteChange()
}

// pause makes a run wait before its next attempt, after a request that failed.
func (b *Batcher) pause(q *runQueue, err error) {
	wait := maxWait
	if q.failed < 5 {
		wait = firstWait << q.failed
	}
	q.failed++
	wait = wait/2 + rand.N(wait/2+1) // #nosec G404 -- spreads load, and keeps no secret
	asked := b.sink.Judge(err).RetryAfter
	q.waitsByServer = asked > 0
	if q.waitsByServer {
		wait = min(asked, maxServerWait)
	}
	q.notBefore = b.now() + wait
}

// attempt sends items in one request. It takes from items what is stored.
func (d *delivery) attempt(items *[]Item) error {
	err := d.b.sink.Send(d.b.context, d.q.runID, *items, func(stored []Item) {
		d.done(stored)
		*items = without(*items, stored)
	})
	if err == nil {
		d.done(*items)
		*items = nil
	}
	return err
}

// without returns the items that are not among some of them. Both are in the order of their numbers.
func without(items, some []Item) []Item {
	left := make([]Item, 0, len(items)-len(some))
	for _, it := range items {
		if len(some) > 0 && some[0].Number == it.Number {
			some = some[1:]
			continue
		}
		left = append(left, it)
	}
	return left
}

// done notes that items are stored.
func (d *delivery) done(items []Item) {
	b := d.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if d.remove(items) {
		d.q.unclear = 0
		b.counts.Sent += uint64(len(items))
	}
}

// refuse notes that items are refused.
func (d *delivery) refuse(items []Item, err error) {
	b := d.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if !d.remove(items) {
		return
	}
	b.counts.Failed += uint64(len(items))
	for i := range items {
		failure := Failure{d.q.runID, items[i : i+1], err}
		d.failures = append(d.failures, failure)
		b.failures.add(b.config.FailureError(failure))
	}
	b.handling += len(items)
}

// remove takes items out of the queue. It returns false if there is nothing to count: Close has given them up.
func (d *delivery) remove(items []Item) bool {
	b, q := d.b, d.q
	if len(items) == 0 || b.ended {
		return false
	}
	q.remove(items, func(first, last uint64) { b.log.remove(q.runID, first, last) })
	b.counts.Queued -= len(items)
	b.itemsInFlight -= len(items)
	q.failed, q.notBefore = 0, 0
	b.noteChange()
	return true
}
