package tracking

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// A runQueue holds the items of one run, by number: first those in flight, then those that wait.
type runQueue struct {
	runID string
	// flying are the items that were taken and are not done, if busy.
	flying []item
	busy   bool
	// waiting are items[head:]. What is before head is room for the items in flight to come back to.
	items []item
	head  int
	// count counts the waiting items by kind.
	metrics, params, tags int
	// wanted is the number of the last item that Flush or Close wants sent at once.
	wanted uint64
	// notBefore is when the next attempt may be made, after failed ones in a row. If the server asked for the wait, Flush
	// must not end it.
	notBefore time.Duration
	byServer  bool
	failed    int
	// doubts counts the responses in a row that may be a refusal or not. While there are any, only so many items as that
	// request had are sent again: newer ones have no part in it.
	doubts   int
	doubtful int
	// nansApart tells that a NaN that is stored was refused, and may be still among the items. A refusal costs some servers
	// the reading of a key's whole history, so NaNs are not sent with others then.
	nansApart bool
}

func (q *runQueue) waiting() []item { return q.items[q.head:] }

func (q *runQueue) empty() bool { return len(q.flying) == 0 && q.head == len(q.items) }

// front returns the oldest item of a queue that is not empty.
func (q *runQueue) front() *item {
	if len(q.flying) > 0 {
		return &q.flying[0]
	}
	return &q.items[q.head]
}

// counter returns the count of waiting items of a kind.
func (q *runQueue) counter(kind itemKind) *int {
	switch kind {
	case paramItem:
		return &q.params
	case tagItem:
		return &q.tags
	}
	return &q.metrics
}

// push numbers an item, and appends it.
func (b *Batcher) push(runID string, it item) {
	b.last++
	it.number = b.last
	q := b.restore(runID, it)
	b.spool.add(runID, &it)
	switch {
	case !b.scheduling:
		b.scheduling = true
		b.running++
		go b.schedule()
	case !q.busy && (len(q.waiting()) == 1 || b.isFull(q)), b.hurries():
		b.wakeScheduler()
	}
}

// restore appends an item that has a number.
func (b *Batcher) restore(runID string, it item) *runQueue {
	q := b.runs[runID]
	if q == nil {
		q = &runQueue{runID: runID}
		b.runs[runID] = q
	}
	q.items = append(q.items, it)
	*q.counter(it.kind)++
	b.counts.Queued++
	return q
}

// isFull tells whether a request could hold no more than what waits.
func (b *Batcher) isFull(q *runQueue) bool {
	limits := &b.client.limits
	return q.metrics >= limits.Metrics || q.params >= limits.Params || q.tags >= limits.Tags || len(q.waiting()) >= limits.Items
}

// hurries tells whether all that is queued is due, because there is no more room.
func (b *Batcher) hurries() bool {
	return b.counts.Queued >= b.settings.limit && b.settings.full != FullQueueDropOldest
}

// mayFly returns how many more items may be in flight. Half of a queue that drops items waits, so that there are some.
func (b *Batcher) mayFly() int {
	if b.settings.full != FullQueueDropOldest {
		return math.MaxInt
	}
	return max(1, b.settings.limit/2) - b.flying
}

// dropOldest makes room by dropping the oldest metric that waits. It returns false if there is none.
func (b *Batcher) dropOldest() bool {
	var from *runQueue
	oldest, place := uint64(math.MaxUint64), 0
	for _, q := range b.runs {
		if q.metrics == 0 || q.waiting()[0].number > oldest {
			continue
		}
		i := slices.IndexFunc(q.waiting(), func(it item) bool { return it.kind == metricItem })
		if number := q.waiting()[i].number; number < oldest {
			from, oldest, place = q, number, q.head+i
		}
	}
	if from == nil {
		return false
	}
	from.metrics--
	copy(from.items[from.head+1:place+1], from.items[from.head:place])
	from.items[from.head] = item{}
	from.head++
	from.compact()
	b.counts.Queued--
	b.counts.Dropped++
	b.spool.remove(from.runID, oldest, oldest)
	b.forgetIfEmpty(from)
	b.noteChange()
	return true
}

// compact gives back memory, but for the room that the items in flight need.
func (q *runQueue) compact() {
	waiting, room := q.waiting(), len(q.flying)
	if q.head <= 2*len(waiting)+room+1000 {
		return
	}
	moved := make([]item, room+len(waiting), room+2*len(waiting)+16)
	copy(moved[room:], waiting)
	q.items, q.head = moved, room
}

// forgetIfEmpty forgets a queue without items.
func (b *Batcher) forgetIfEmpty(q *runQueue) {
	if q.empty() && !q.busy {
		delete(b.runs, q.runID)
	}
}

// takeBatch takes the front of the queue, as much as one call of LogBatch may hold.
func (b *Batcher) takeBatch(q *runQueue) []item {
	limits := &b.client.limits
	most := min(limits.Items, b.mayFly())
	if q.doubts > 0 {
		most = min(most, q.doubtful)
	}
	values := make(map[string]string) // of params
	metrics, params, tags := 0, 0, 0
	for _, it := range q.waiting() {
		if metrics+params+tags == most {
			break
		}
		count, limit := &metrics, limits.Metrics
		switch it.kind {
		case paramItem:
			count, limit = &params, limits.Params
			if value, ok := values[it.key]; ok && value != it.text {
				limit = 0 // servers refuse both if they come together, and the second one alone
			}
			values[it.key] = it.text
		case tagItem:
			count, limit = &tags, limits.Tags
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
	b.flying += n
	q.metrics, q.params, q.tags = q.metrics-metrics, q.params-params, q.tags-tags
	q.flying, q.busy = batch, true
	return slices.Clone(batch)
}

// putBack returns what was not sent to the front of the queue.
func (b *Batcher) putBack(q *runQueue) {
	b.flying -= len(q.flying)
	for i := range q.flying {
		*q.counter(q.flying[i].kind)++
	}
	q.doubtful = max(1, len(q.flying))
	q.head -= len(q.flying)
	copy(q.items[q.head:], q.flying)
	q.flying, q.busy = nil, false
	q.compact()
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
	b.running--
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
	slices.SortFunc(due, func(a, b *runQueue) int { return cmp.Compare(a.front().number, b.front().number) })
	for _, q := range due[:min(len(due), maxInFlight-b.inFlight)] {
		if b.mayFly() <= 0 {
			break
		}
		b.inFlight++
		b.running++
		batch := b.takeBatch(q)
		go b.deliver(q, batch)
	}
	return next
}

// dueAt returns when the front of a queue that is not busy is to be sent.
func (b *Batcher) dueAt(q *runQueue) time.Duration {
	if q.busy || q.empty() {
		return 0
	}
	due := q.front().at + b.settings.delay
	if q.front().number <= q.wanted || b.isFull(q) || b.hurries() {
		due = 0
	}
	return max(due, q.notBefore)
}
