package tracking

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/mlflow-go/mlflow/internal/failure"
)

// How a Batcher works, from the outside in:
//
//   - An item is a metric, a param or a tag. Each run has a queue of items in the order of their hand-over. Hand-over
//     checks, stamps and appends an item, under one lock, and never waits for the network or for a disk.
//   - schedule, a goroutine that lives while anything is queued, starts a goroutine for each run whose items are due:
//     enough for a full request, old enough, or wanted by Flush. It takes the front of the queue as one batch. There is
//     one batch in flight for each run, which keeps the order, and at most maxInFlight in all.
//   - deliver sends a batch with Client.LogBatch, and divides what the server refuses until the culprit is alone. What it
//     could not send goes back to the front of the queue, and the run alone waits before its next attempt.
//   - The requests are made without the client's own retries, so that a wait never occupies one of the places in flight,
//     and Flush can end a wait. The waits here are longer, and there is no last one.
//   - The spool, if there is one, is a log of the items that were handed over and of those that are done. It is written
//     from memory twice a second, see batcher_spool.go.

// A Batcher logs in the background, so that a training never waits for the server. Its methods LogMetric, LogParam,
// SetTag and LogBatch take what those of [Client] take, check it, and return: values go out together, in batches, and
// a server that is down, slow or restarting delays nothing but their arrival. Create one with [NewBatcher], and end it
// with [Batcher.Close]. It is safe for concurrent use, for any number of runs.
//
// # Order and time
//
// A metric without a timestamp is stamped when it is handed over. The values of a run arrive in the order in which they
// were handed over, params and tags before later metrics. Of a tag that was set several times within a batch only the
// last value is sent, and an equal param once. What the server refuses arrives nowhere, and delays what follows it.
//
// # Outages
//
// A server that cannot be reached, responds with 429 or 5xx, or with something that is not MLflow's, such as a login
// page, is no failure: values stay queued, in order, and are sent again after waits that grow to 15 seconds, or as long
// as the server's Retry-After asks, at most 5 minutes. So it is with a 401 while a token source may bring another token,
// or credentials come from a request editor or the program's own HTTP client. The client's [RetryPolicy] has no part in
// it, but its time limit of an attempt counts. A run with a slow or failing request holds up no other run, as long as
// fewer than six do.
//
// Since a request may be sent again after its response was lost, a point arrives once on SQL stores, and perhaps more
// than once on file stores.
//
// # Failures
//
// What the server refuses is a [BatchFailure]: a bad key, a param that has another value already, a run that is missing
// or deleted, a permission that is lacking. A refused batch is divided until the culprit is alone; its neighbors are
// stored. A database's BAD_REQUEST and a 500 with an error code may mean either: the batch is sent again for about a
// minute, while other runs go on, and is then treated as refused. Each failure is passed to the handler, if there is
// one, and is returned by the next Flush or Close.
type Batcher struct {
	client   *Client // sends each request once
	settings batcherSettings
	context  context.Context // of all requests
	cancel   context.CancelFunc
	start    time.Time
	spool    *spool // nil for none
	wake     chan struct{}

	mu       sync.Mutex
	runs     map[string]*runQueue // those with items
	changed  chan struct{}        // closed and replaced when items have left, or something has ended
	waiters  int                  // for a change
	last     uint64               // the number of the last item
	counts   BatcherStats         // without Lag
	inFlight int                  // batches
	flying   int                  // items in them
	running  int                  // goroutines
	handling int                  // calls of the failure handler that are due or running
	closed   bool                 // nothing is taken any more
	ended    bool                 // nothing is sent any more
	gaveUp   bool                 // Close has given up what was unsent
	failures failureLog

	scheduling bool
}

// BatcherStats count the items of a [Batcher]: metrics, params and tags. What was handed over is Queued + Sent +
// Dropped + Failed, at any time; what a spool has brought counts as handed over.
type BatcherStats struct {
	// Queued items wait or are being sent.
	Queued int
	// Sent items are stored.
	Sent uint64
	// Dropped items were given up for newer ones by [FullQueueDropOldest], or were unsent when Close ended with its
	// context.
	Dropped uint64
	// Failed items were refused by the server.
	Failed uint64
	// Lag is how long ago the oldest queued item was handed over, 0 if none is queued.
	Lag time.Duration
}

// FullQueue says what happens to what is handed over while the queue is full.
type FullQueue int

const (
	// FullQueueWait waits for room, until the context of the call ends.
	FullQueueWait FullQueue = iota
	// FullQueueDropOldest drops the oldest metrics that wait, and lets no more than half of the limit be in flight. Params
	// and tags are never dropped: if there is no metric to drop, the call fails with [ErrQueueFull]. Flush and Close do not
	// report what was dropped; [BatcherStats] counts it.
	FullQueueDropOldest
	// FullQueueRefuse makes the call fail with [ErrQueueFull], and take nothing.
	FullQueueRefuse
)

var (
	// ErrQueueFull means that a [Batcher] has no room for what is handed over.
	ErrQueueFull = errors.New("mlflow: the batcher's queue is full")
	// ErrBatcherClosed means that a [Batcher] takes nothing more, because Close was called.
	ErrBatcherClosed = errors.New("mlflow: the batcher is closed")
)

const (
	defaultBatchDelay = time.Second
	defaultQueueLimit = 100_000
	// maxInFlight leaves two of the client's eight connections to the program's other calls.
	maxInFlight = 6
)

type batcherSettings struct {
	delay    time.Duration
	limit    int
	full     FullQueue
	handle   func(BatchFailure)
	spoolDir string
}

// A BatcherOption is an option of [NewBatcher].
type BatcherOption interface{ applyToBatcher(*batcherSettings) }

type batcherOption func(*batcherSettings)

func (o batcherOption) applyToBatcher(s *batcherSettings) { o(s) }

// WithBatchDelay sets how long an item may wait for others to share its request, 1 second by default. With 0 or less,
// items go out as soon as no other request of their run is in flight. A full batch goes out before its delay.
func WithBatchDelay(delay time.Duration) BatcherOption {
	return batcherOption(func(s *batcherSettings) { s.delay = delay })
}

// WithQueueLimit limits the items that are queued or in flight, 100,000 by default, which also stands for 0 and less. An
// item takes about 100 bytes of memory, and its strings.
func WithQueueLimit(items int) BatcherOption {
	return batcherOption(func(s *batcherSettings) { s.limit = max(0, items) })
}

// WithFullQueue sets what happens when the queue is full, [FullQueueWait] by default.
func WithFullQueue(policy FullQueue) BatcherOption {
	return batcherOption(func(s *batcherSettings) { s.full = policy })
}

// WithFailureHandler sets a function that is called for each failure. It is called from a goroutine of the batcher,
// perhaps from several at once, and may use the batcher. Flush and Close wait for it, for at most a second.
func WithFailureHandler(handle func(BatchFailure)) BatcherOption {
	return batcherOption(func(s *batcherSettings) { s.handle = handle })
}

// NewBatcher returns a batcher that logs through a client. It sends nothing and starts no goroutine before the first
// item, unless a spool has items left; see [WithSpool]. End it with [Batcher.Close].
func NewBatcher(client *Client, opts ...BatcherOption) *Batcher {
	settings := batcherSettings{delay: defaultBatchDelay}
	for _, option := range opts {
		option.applyToBatcher(&settings)
	}
	settings.limit = cmp.Or(settings.limit, defaultQueueLimit)
	once := *client
	once.transport = client.transport.WithoutRetries()
	once.leavesNaNs = true
	b := &Batcher{
		client:   &once,
		settings: settings,
		start:    time.Now(),
		wake:     make(chan struct{}, 1),
		runs:     make(map[string]*runQueue),
		changed:  make(chan struct{}),
	}
	b.context, b.cancel = context.WithCancel(context.Background())
	if settings.spoolDir != "" {
		b.openSpool()
	}
	return b
}

// LogMetric hands over one value of a metric, with the current time unless it has another. It is [Client.LogMetric]
// but for what only the server can say, which becomes a [BatchFailure].
//
// Errors: [ErrInvalidArgument] for what the client refuses before sending; [ErrQueueFull] and the context's error, as
// [FullQueue] says; [ErrBatcherClosed]; and that of a spool that cannot be used.
func (b *Batcher) LogMetric(ctx context.Context, runID, key string, value float64, opts ...LogMetricOption) error {
	metric := Metric{Key: key, Value: value}
	if len(opts) > 0 {
		metric = withOptions(metric, opts)
	}
	if err := checkMetric(logMetric.name, runID, metric); err != nil {
		return err
	}
	return b.takeOne(ctx, logMetric.name, runID, b.newMetricItem(metric, time.Now()))
}

// withOptions applies options to a metric, which only then has to be on the heap.
func withOptions(metric Metric, opts []LogMetricOption) Metric {
	for _, option := range opts {
		option.applyToLogMetric(&metric)
	}
	return metric
}

// LogParam hands over a param. It is [Client.LogParam] but for what only the server can say.
//
// Errors: as for [Batcher.LogMetric].
func (b *Batcher) LogParam(ctx context.Context, runID, key, value string) error {
	if err := checkText(logParam.name, runID, key, value); err != nil {
		return err
	}
	if err := b.client.checkParam(logParam.name, key, value); err != nil {
		return err
	}
	return b.takeOne(ctx, logParam.name, runID, item{kind: paramItem, at: b.now(), key: key, text: value})
}

// SetTag hands over a tag. It is [Client.SetTag] but for what only the server can say.
//
// Errors: as for [Batcher.LogMetric].
func (b *Batcher) SetTag(ctx context.Context, runID, key, value string) error {
	if err := checkText(setTag.name, runID, key, value); err != nil {
		return err
	}
	if err := b.client.checkTag(setTag.name, key, value); err != nil {
		return err
	}
	return b.takeOne(ctx, setTag.name, runID, item{kind: tagItem, at: b.now(), key: key, text: value})
}

// LogBatch hands over metrics, params and tags: params first, then tags in the order of their keys, then metrics.
// Metrics without a timestamp all get the current time. The slices and the map are copied.
//
// Errors: as for [Batcher.LogMetric]. With [FullQueueWait] a batch that is larger than the room waits in pieces, with
// [FullQueueDropOldest] it is taken as far as there is room; if only a part was taken, the error is a [*BatchError] that
// counts it. With [FullQueueRefuse] all of it is taken or none.
func (b *Batcher) LogBatch(ctx context.Context, runID string, metrics []Metric, params []Param, tags map[string]string) error {
	op := logBatch.name
	if err := checkBatch(runID, metrics, params, tags); err != nil {
		return err
	}
	if err := b.client.checkBatchLimits(params, tags); err != nil {
		return err
	}
	if err := requireText(op, "run ID", runID); err != nil {
		return err
	}
	now := time.Now()
	items := make([]item, 0, len(metrics)+len(params)+len(tags))
	for _, p := range params {
		items = append(items, item{kind: paramItem, at: now.Sub(b.start), key: p.Key, text: p.Value})
	}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		items = append(items, item{kind: tagItem, at: now.Sub(b.start), key: key, text: tags[key]})
	}
	for _, m := range metrics {
		items = append(items, b.newMetricItem(m, now))
	}
	if len(items) == 0 {
		return nil
	}
	taken, err := b.take(ctx, op, runID, items)
	if err == nil || taken == 0 {
		return err
	}
	partial := &BatchError{Stamp: now, Err: err}
	partial.Params = min(taken, len(params))
	partial.Tags = min(taken-partial.Params, len(tags))
	partial.Metrics = taken - partial.Params - partial.Tags
	return partial
}

// Stats returns the counts of now.
func (b *Batcher) Stats() BatcherStats {
	b.mu.Lock()
	defer b.mu.Unlock()
	stats := b.counts
	now := b.now()
	for _, q := range b.runs {
		if !q.empty() {
			stats.Lag = max(stats.Lag, now-q.front().at)
		}
	}
	return stats
}

// now is the time since the batcher was made.
func (b *Batcher) now() time.Duration { return time.Since(b.start) }

func (b *Batcher) newMetricItem(m Metric, now time.Time) item {
	millis := orNow(m.Timestamp, now).UnixMilli()
	return item{kind: metricItem, at: now.Sub(b.start), key: m.Key, value: m.Value, millis: millis, step: m.Step}
}

// checkMetric refuses what a client refuses of a metric.
func checkMetric(op, runID string, m Metric) error {
	if err := checkText(op, runID, m.Key, ""); err != nil {
		return err
	}
	if m.Timestamp.IsZero() {
		return nil
	}
	return requireTime(op, "timestamp", m.Timestamp)
}

// checkText refuses what a client refuses of a run ID, a key and a value.
func checkText(op, runID, key, value string) error {
	if runID == "" || key == "" {
		return require(op, "run ID", runID, "key", key)
	}
	if !utf8.ValidString(runID) || !utf8.ValidString(key) || !utf8.ValidString(value) {
		return invalid(op, "the run ID, the key %q, or its value, is not valid UTF-8", key)
	}
	return nil
}

// takeOne is take for one item.
func (b *Batcher) takeOne(ctx context.Context, op, runID string, it item) error {
	if err := ctx.Err(); err != nil {
		return canceled(op, err)
	}
	b.mu.Lock()
	if b.counts.Queued < b.settings.limit && !b.closed && b.spool.usable() {
		b.push(runID, it)
		b.mu.Unlock()
		return nil
	}
	b.mu.Unlock()
	_, err := b.take(ctx, op, runID, []item{it})
	return err
}

// take appends items to the queue of a run, as far as the policy allows, and returns how many.
func (b *Batcher) take(ctx context.Context, op, runID string, items []item) (taken int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, canceled(op, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.settings.full == FullQueueRefuse && !b.closed && b.settings.limit-b.counts.Queued < len(items) && b.spool.usable() {
		return 0, ErrQueueFull
	}
	for taken < len(items) {
		switch {
		case b.closed:
			return taken, ErrBatcherClosed
		case !b.spool.usable():
			return taken, b.spool.unusable
		case b.counts.Queued < b.settings.limit || (b.settings.full == FullQueueDropOldest && b.dropOldest()):
			b.push(runID, items[taken])
			taken++
		case b.settings.full == FullQueueDropOldest:
			return taken, ErrQueueFull
		default:
			if err := b.waitForChange(ctx); err != nil {
				return taken, canceled(op, err)
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

// noteChange wakes all who wait for a change.
func (b *Batcher) noteChange() {
	if b.waiters == 0 {
		return
	}
	close(b.changed)
	b.changed = make(chan struct{})
}

// canceled is the error of a call whose context has ended, as a client has it.
func canceled(op string, err error) error {
	return failure.Canceled(op, err)
}

// An itemKind is what an item is.
type itemKind byte

const (
	metricItem itemKind = 'm'
	paramItem  itemKind = 'p'
	tagItem    itemKind = 't'
)

// An item is what was handed over: one metric, param or tag.
type item struct {
	kind   itemKind
	number uint64        // counts items of all runs
	at     time.Duration // when it was handed over, since the batcher was made
	key    string
	text   string  // of a param or a tag
	value  float64 // this and the following of a metric
	millis int64
	step   int64
}

func (it *item) metric() Metric {
	return Metric{Key: it.key, Value: it.value, Timestamp: time.UnixMilli(it.millis).UTC(), Step: it.step}
}

// failureOf returns items of a run as a failure.
func failureOf(runID string, items []item, err error) *BatchFailure {
	failure := &BatchFailure{RunID: runID, Err: err}
	for i := range items {
		switch it := &items[i]; it.kind {
		case metricItem:
			failure.Metrics = append(failure.Metrics, it.metric())
		case paramItem:
			failure.Params = append(failure.Params, Param{Key: it.key, Value: it.text})
		case tagItem:
			if failure.Tags == nil {
				failure.Tags = make(map[string]string)
			}
			failure.Tags[it.key] = it.text
		}
	}
	return failure
}
