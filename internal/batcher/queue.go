package batcher

import (
	"math"
	"slices"
	"time"

	"github.com/mlflow-go/mlflow/internal/spool"
)

// A runQueue holds the items of one run, by number: first those in flight, then those that wait.
type runQueue struct {
	runID string
	// inFlight are the items that were taken and are not done, if busy.
	inFlight []Item
	busy     bool
	// waiting are items[head:]. What is before head is room for the items in flight to come back to.
	items []Item
	head  int
	// These count the waiting items by kind.
	metrics, params, tags int
	// wanted is the number of the last item that Flush or Close wants sent at once.
	wanted uint64
	// notBefore is when the next attempt may be made, after failed ones in a row. If the server asked for the wait, Flush
	// must not end it.
	notBefore     time.Duration
	waitsByServer bool
	failed        int
	// unclear counts the responses in a row that may be a refusal or not. While there are any, only as many items as that
	// request had, unclearItems, are sent again: newer ones have no part in it.
	unclear      int
	unclearItems int
}

func (q *runQueue) waiting() []Item { return q.items[q.head:] }

func (q *runQueue) isEmpty() bool { return len(q.inFlight) == 0 && q.head == len(q.items) }

// front returns the oldest item of a queue that is not empty.
func (q *runQueue) front() *Item {
	if len(q.inFlight) > 0 {
		return &q.inFlight[0]
	}
	return &q.items[q.head]
}

// counter returns the count of waiting items of a kind.
func (q *runQueue) counter(kind spool.Kind) *int {
	switch kind {
	case spool.Param:
		return &q.params
	case spool.Tag:
		return &q.tags
	}
	return &q.metrics
}

// remove takes done items, in the order of their numbers, from those in flight. It calls note for each stretch of
// numbers that is now free of items.
func (q *runQueue) remove(done []Item, note func(first, last uint64)) {
	left := make([]Item, 0, len(q.inFlight)-len(done))
	var first, last uint64
	for _, it := range q.inFlight {
		if len(done) > 0 && done[0].Number == it.Number {
			done = done[1:]
			if first == 0 {
				first = it.Number
			}
			last = it.Number
			continue
		}
		left = append(left, it)
		if first != 0 {
			note(first, last)
			first = 0
		}
	}
	if first != 0 {
		note(first, last)
	}
	q.inFlight = left
}

// compact gives back memory once most of the list is before the head. It leaves the room that the items in flight need,
// and a list of 1,000 alone: a list that small is not worth copying.
func (q *runQueue) compact() {
	waiting, room := q.waiting(), len(q.inFlight)
	if q.head <= 2*len(waiting)+room+1000 {
		return
	}
	moved := make([]Item, room+len(waiting), room+2*len(waiting))
	copy(moved[room:], waiting)
	q.items, q.head = moved, room
}

// push numbers an item, and appends it.
func (b *Batcher) push(runID string, it Item) {
	b.lastNumber++
	it.Number = b.lastNumber
	q := b.restore(runID, it)
	b.log.add(runID, &it)
	switch {
	case !b.scheduling:
		b.startScheduling()
	case !q.busy && (len(q.waiting()) == 1 || b.fillsRequest(q)), b.isQueueFull():
		b.wakeScheduler()
	}
}

// restore appends an item that has a number.
func (b *Batcher) restore(runID string, it Item) *runQueue {
	q := b.runs[runID]
	if q == nil {
		q = &runQueue{runID: runID}
		b.runs[runID] = q
	}
	q.items = append(q.items, it)
	*q.counter(it.Kind)++
	b.counts.Queued++
	return q
}

// fillsRequest reports whether a request could hold no more than what waits.
func (b *Batcher) fillsRequest(q *runQueue) bool {
	c := &b.config
	return q.metrics >= c.MaxMetrics || q.params >= c.MaxParams || q.tags >= c.MaxTags || len(q.waiting()) >= c.MaxItems
}

// isQueueFull reports whether callers wait for room, or are refused: then all that is queued is due.
func (b *Batcher) isQueueFull() bool {
	return b.counts.Queued >= b.config.Limit && b.config.WhenFull != DropOldest
}

// roomInFlight returns how many more items may be in flight. Half of a queue that drops items waits, so that there are
// some to drop.
func (b *Batcher) roomInFlight() int {
	if b.config.WhenFull != DropOldest {
		return math.MaxInt
	}
	return max(1, b.config.Limit/2) - b.itemsInFlight
}

// dropOldest makes room by dropping the oldest metric that waits. It returns false if there is none.
func (b *Batcher) dropOldest() bool {
	var from *runQueue
	oldest, place := uint64(math.MaxUint64), 0
	for _, q := range b.runs {
		if q.metrics == 0 || q.waiting()[0].Number > oldest {
			continue
		}
		i := slices.IndexFunc(q.waiting(), func(it Item) bool { return it.Kind == spool.Metric })
		if number := q.waiting()[i].Number; number < oldest {
			from, oldest, place = q, number, q.head+i
		}
	}
	if from == nil {
		return false
	}
	from.metrics--
	copy(from.items[from.head+1:place+1], from.items[from.head:place])
	from.items[from.head] = Item{}
	from.head++
	from.compact()
	b.counts.Queued--
	b.counts.Dropped++
	b.log.remove(from.runID, oldest, oldest)
	b.forgetIfEmpty(from)
	b.noteChange()
	return true
}

// forgetIfEmpty forgets a queue without items.
func (b *Batcher) forgetIfEmpty(q *runQueue) {
	if q.isEmpty() && !q.busy {
		delete(b.runs, q.runID)
	}
}

// takeBatch takes the front of the queue, as much as one request may hold.
func (b *Batcher) takeBatch(q *runQueue) []Item {
	most := min(b.config.MaxItems, b.roomInFlight())
	if q.unclear > 0 {
		most = min(most, q.unclearItems)
	}
	values := make(map[string]string) // of params
	metrics, params, tags := 0, 0, 0
	for _, it := range q.waiting() {
		if metrics+params+tags == most {
			break
		}
		count, limit := &metrics, b.config.MaxMetrics
		switch it.Kind {
		case spool.Param:
			count, limit = &params, b.config.MaxParams
			if value, ok := values[it.Key]; ok && value != it.Text {
				limit = 0 // servers refuse both if they come together, and the second one alone
			}
			values[it.Key] = it.Text
		case spool.Tag:
			count, limit = &tags, b.config.MaxTags
		}
		if *count >= limit {
			break
		}
		*count++
	}
	n := metrics + params + tags
	batch := slices.Clone(q.waiting()[:n])
	clear(q.waiting()[:n])
	q.head += n
	b.itemsInFlight += n
	q.metrics, q.params, q.tags = q.metrics-metrics, q.params-params, q.tags-tags
	q.inFlight, q.busy = batch, true
	return slices.Clone(batch)
}

// putBack returns what was not sent to the front of the queue.
func (b *Batcher) putBack(q *runQueue) {
	b.itemsInFlight -= len(q.inFlight)
	for i := range q.inFlight {
		*q.counter(q.inFlight[i].Kind)++
	}
	q.unclearItems = max(1, len(q.inFlight))
	q.head -= len(q.inFlight)
	copy(q.items[q.head:], q.inFlight)
	q.inFlight, q.busy = nil, false
	q.compact()
}
