package tracking

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/mlflow-go/mlflow/gen"
	"github.com/mlflow-go/mlflow/internal/batcher"
	"github.com/mlflow-go/mlflow/internal/failure"
	"github.com/mlflow-go/mlflow/internal/spool"
	"github.com/mlflow-go/mlflow/internal/transport"
)

// A Batcher logs in the background, so that training never waits for the server. Its methods LogMetric, LogParam,
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
// minute, while other runs continue, and is then treated as refused. Each failure is passed to the handler, if there is
// one, and is returned by the next Flush or Close.
type Batcher struct {
	client *Client
	inner  *batcher.Batcher
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
)

// A BatcherOption is an option of [NewBatcher].
type BatcherOption interface{ applyToBatcher(*batcher.Config) }

type batcherOption func(*batcher.Config)

func (o batcherOption) applyToBatcher(c *batcher.Config) { o(c) }

// WithBatchDelay sets how long an item may wait for others to share its request, 1 second by default. With 0 or less,
// items go out as soon as no other request of their run is in flight. A full batch goes out before its delay.
func WithBatchDelay(delay time.Duration) BatcherOption {
	return batcherOption(func(c *batcher.Config) { c.Delay = delay })
}

// WithQueueLimit limits the items that are queued or in flight, 100,000 by default, which also stands for 0 and less. An
// item takes about 100 bytes of memory, and its strings.
func WithQueueLimit(items int) BatcherOption {
	return batcherOption(func(c *batcher.Config) { c.Limit = max(0, items) })
}

// WithFullQueue sets what happens when the queue is full, [FullQueueWait] by default.
func WithFullQueue(policy FullQueue) BatcherOption {
	return batcherOption(func(c *batcher.Config) { c.WhenFull = batcher.FullQueue(policy) })
}

// WithFailureHandler sets a function that is called with each failure. It is called from a goroutine of the batcher or
// from Close, perhaps from several at once, and may use the batcher. Flush and Close wait for it, for at most a second. If
// it panics, the batcher logs that with the stack, and the next Flush or Close returns an error that says so.
func WithFailureHandler(handle func(BatchFailure)) BatcherOption {
	return batcherOption(func(c *batcher.Config) {
		c.Handle = nil
		if handle != nil {
			c.Handle = func(f batcher.Failure) { handle(*toBatchFailure(f)) }
		}
	})
}

// WithSpool also keeps what is not sent yet in files below a folder, which is created if need be, so that a process that
// is killed loses no more than the last second. The next batcher on that folder sends what is left, in order, before what
// it is given, each point once on SQL stores. The folder belongs to one batcher at a time, and to one server: what is
// in it goes to the server of the batcher's client. It holds run IDs, keys, values and times, and no credentials.
//
// Hand-over does not wait for the disk. The files are written twice a second in the background, and synced. The queue
// limit also limits the spool: its files take about three times what is queued, and 16 MB. What Close could not send
// stays for the next batcher, although it counts as dropped by this one.
//
// If the folder cannot be used (it cannot be written, another process has it, the system has no file locks), [OpenBatcher]
// returns the error. A batcher of [NewBatcher] takes nothing then: each hand-over, Flush and Close return that error. If the
// folder cannot be written later, as when the disk is full, logging continues without it, and the batcher tries again; the
// next Flush or Close returns the error.
func WithSpool(dir string) BatcherOption {
	return batcherOption(func(c *batcher.Config) { c.SpoolDir = dir })
}

// NewBatcher returns a batcher that logs through a client. It sends nothing and starts no goroutine before the first
// item, unless a spool has items left. End it with [Batcher.Close]. With a spool, use [OpenBatcher], which reports at once
// that the folder cannot be used.
func NewBatcher(client *Client, opts ...BatcherOption) *Batcher {
	config := batcher.Config{
		Delay:        defaultBatchDelay,
		MaxMetrics:   client.limits.Metrics,
		MaxParams:    client.limits.Params,
		MaxTags:      client.limits.Tags,
		MaxItems:     client.limits.Items,
		ErrFull:      ErrQueueFull,
		ErrClosed:    ErrBatcherClosed,
		FailureError: func(f batcher.Failure) error { return toBatchFailure(f) },
		Logger:       client.logger,
	}
	for _, option := range opts {
		option.applyToBatcher(&config)
	}
	config.Limit = cmp.Or(config.Limit, defaultQueueLimit)
	once := *client
	once.transport = client.transport.WithoutRetries()
	return &Batcher{client: &once, inner: batcher.New(batchSink{&once}, config)}
}

// OpenBatcher is [NewBatcher], but returns an error if the spool cannot be used: see [WithSpool].
func OpenBatcher(client *Client, opts ...BatcherOption) (*Batcher, error) {
	b := NewBatcher(client, opts...)
	if err := b.inner.Unusable(); err != nil {
		return nil, err
	}
	return b, nil
}

// LogMetric hands over one value of a metric, with the current time unless it has another. It checks what
// [Client.LogMetric] checks; what the server refuses later is reported as a [BatchFailure].
//
// Errors: [ErrInvalidArgument] for what the client refuses before sending; [ErrQueueFull] and the context's error, as
// [FullQueue] says; [ErrBatcherClosed]; and that of a spool that cannot be used.
func (b *Batcher) LogMetric(ctx context.Context, runID, key string, value float64, opts ...LogMetricOption) error {
	metric := Metric{Key: key, Value: value}
	if len(opts) > 0 {
		metric = withOptions(metric, opts)
	}
	if err := checkText(logMetric.name, runID, key, ""); err != nil {
		return err
	}
	if err := requireTime(logMetric.name, "timestamp", metric.Timestamp); err != nil {
		return err
	}
	return b.add(ctx, logMetric.name, runID, toMetricItem(metric, time.Now()))
}

// withOptions applies options to a metric. It is apart, so that a metric without options stays on the stack.
func withOptions(metric Metric, opts []LogMetricOption) Metric {
	for _, option := range opts {
		option.applyToLogMetric(&metric)
	}
	return metric
}

// LogParam hands over a param. It checks what [Client.LogParam] checks; what the server refuses later is reported as a
// [BatchFailure].
//
// Errors: as for [Batcher.LogMetric].
func (b *Batcher) LogParam(ctx context.Context, runID, key, value string) error {
	if err := checkText(logParam.name, runID, key, value); err != nil {
		return err
	}
	if err := b.client.checkParam(logParam.name, key, value); err != nil {
		return err
	}
	return b.add(ctx, logParam.name, runID, batcher.Item{Kind: spool.Param, Key: key, Text: value})
}

// SetTag hands over a tag. It checks what [Client.SetTag] checks; what the server refuses later is reported as a
// [BatchFailure].
//
// Errors: as for [Batcher.LogMetric].
func (b *Batcher) SetTag(ctx context.Context, runID, key, value string) error {
	if err := checkText(setTag.name, runID, key, value); err != nil {
		return err
	}
	if err := b.client.checkTag(setTag.name, key, value); err != nil {
		return err
	}
	return b.add(ctx, setTag.name, runID, batcher.Item{Kind: spool.Tag, Key: key, Text: value})
}

// LogBatch hands over metrics, params and tags: params first, then tags in the order of their keys, then metrics.
// Metrics without a timestamp all get the current time. The slices and the map are copied.
//
// Errors: as for [Batcher.LogMetric]. With [FullQueueWait] a batch that is larger than the room waits in pieces, with
// [FullQueueDropOldest] it is taken as far as there is room; if only a part was taken, the error is a [*BatchError] that
// counts it. With [FullQueueRefuse] all of it is taken or none.
func (b *Batcher) LogBatch(ctx context.Context, runID string, metrics []Metric, params []Param, tags map[string]string) error {
	if err := checkBatch(runID, metrics, params, tags); err != nil {
		return err
	}
	if err := b.client.checkBatchLimits(params, tags); err != nil {
		return err
	}
	if err := requireText(logBatch.name, "run ID", runID); err != nil {
		return err
	}
	now := time.Now()
	items := make([]batcher.Item, 0, len(metrics)+len(params)+len(tags))
	for _, p := range params {
		items = append(items, batcher.Item{Kind: spool.Param, Key: p.Key, Text: p.Value})
	}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		items = append(items, batcher.Item{Kind: spool.Tag, Key: key, Text: tags[key]})
	}
	for _, m := range metrics {
		items = append(items, toMetricItem(m, now))
	}
	if len(items) == 0 {
		return nil
	}
	taken, err := b.inner.Add(ctx, runID, items)
	err = handOverError(logBatch.name, err)
	if err == nil || taken == 0 {
		return err
	}
	partial := &BatchError{Stamp: now, Err: err}
	partial.Params = min(taken, len(params))
	partial.Tags = min(taken-partial.Params, len(tags))
	partial.Metrics = taken - partial.Params - partial.Tags
	return partial
}

// Flush sends at once what was handed over before, without waiting for others, and returns when all of it is stored or
// refused, or when the context ends. What the server is not able to take for now is tried again until then.
//
// Errors: those of all that was refused since the last Flush, each a [*BatchFailure], the first 100 and the number of
// the rest; the context's, with the number of items that are not sent yet and stay queued; what is wrong with the
// spool; a panic of the program's code on a goroutine of the batcher; [ErrBatcherClosed] if a Close gave up what this call
// waited for.
func (b *Batcher) Flush(ctx context.Context) error { return b.inner.Flush(ctx) }

// Close takes nothing more, sends what is queued, as Flush does, and ends the batcher's goroutines. If the context ends
// before all is sent, what is left is given up and counts as dropped. With a spool it stays there, for the next batcher.
//
// Errors: as for [Batcher.Flush], and for each run with unsent items, but 100 at most, a [*BatchFailure] that holds all of
// them and matches the context's error. The failure handler gets these as well, of all runs. Closing again returns nil.
func (b *Batcher) Close(ctx context.Context) error { return b.inner.Close(ctx) }

// Stats returns the current counts.
func (b *Batcher) Stats() BatcherStats { return BatcherStats(b.inner.Stats()) }

func (b *Batcher) add(ctx context.Context, op, runID string, it batcher.Item) error {
	return handOverError(op, b.inner.AddOne(ctx, runID, it))
}

// handOverError returns the error of a hand-over. If the context has ended, it is the one that a client returns.
func handOverError(op string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return failure.Canceled(op, err)
	}
	return err
}

// checkText refuses what a client refuses of a run ID, a key and a value.
func checkText(op, runID, key, value string) error {
	if err := requireText(op, "run ID", runID); err != nil {
		return err
	}
	return requireText(op, "key", key, value)
}

// A BatchFailure is what a [Batcher] could not log, and why. It holds one metric, param or tag that the server refused,
// or, from a Close whose context ended, all that was unsent of a run. (A [BatchError] is another thing: how far a LogBatch
// came that was not finished.)
type BatchFailure struct { //nolint:errname // the handler is called with it as what failed, and it is an error as well
	RunID   string
	Metrics []Metric
	Params  []Param
	Tags    map[string]string
	// Err is the [*Error] of the request that was refused, or the error of Close's context.
	Err error
}

// Error returns one line that says what was not logged, and why.
func (f BatchFailure) Error() string {
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
func (f BatchFailure) Unwrap() error { return f.Err }

func toBatchFailure(f batcher.Failure) *BatchFailure {
	failure := &BatchFailure{RunID: f.RunID, Err: f.Err}
	for _, it := range f.Items {
		switch it.Kind {
		case spool.Metric:
			failure.Metrics = append(failure.Metrics, fromMetricItem(it))
		case spool.Param:
			failure.Params = append(failure.Params, Param{Key: it.Key, Value: it.Text})
		case spool.Tag:
			if failure.Tags == nil {
				failure.Tags = make(map[string]string)
			}
			failure.Tags[it.Key] = it.Text
		}
	}
	return failure
}

func toMetricItem(m Metric, now time.Time) batcher.Item {
	millis := orNow(m.Timestamp, now).UnixMilli()
	return batcher.Item{Kind: spool.Metric, Key: m.Key, Value: m.Value, Millis: millis, Step: m.Step}
}

func fromMetricItem(it batcher.Item) Metric {
	return Metric{Key: it.Key, Value: it.Value, Timestamp: time.UnixMilli(it.Millis).UTC(), Step: it.Step}
}

// A batchSink sends the items of a [Batcher] through a client that does not retry.
type batchSink struct{ client *Client }

func (s batchSink) Send(ctx context.Context, runID string, items []batcher.Item, stored func([]batcher.Item)) error {
	metrics, params, tags := batcher.Arrange(items)
	rest := batch{runID: runID, tags: make([]gen.RunTag, 0, len(tags))}
	for _, it := range metrics {
		rest.metrics = append(rest.metrics, fromMetricItem(it))
	}
	for _, it := range params {
		rest.params = append(rest.params, Param{Key: it.Key, Value: it.Text})
	}
	for _, it := range tags {
		rest.tags = append(rest.tags, gen.RunTag{Key: it.Key, Value: it.Text})
	}
	for rest.len() > 0 {
		var part batch
		part, rest = rest.cut(s.client.limits)
		err := s.client.logPart(ctx, part, func(part batch) {
			var done []batcher.Item
			done, items = splitStored(items, part)
			stored(done)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// splitStored splits items into those that a stored part of their batch holds, and the others. Equal items stand for each
// other: whichever comes first is taken for the one that is stored.
func splitStored(items []batcher.Item, part batch) (stored, others []batcher.Item) {
	for _, it := range items {
		known := false
		switch it.Kind {
		case spool.Metric:
			known = len(part.metrics) > 0 && isSameMetric(part.metrics[0], it)
			if known {
				part.metrics = part.metrics[1:]
			}
		case spool.Param:
			known = slices.Contains(part.params, Param{Key: it.Key, Value: it.Text})
		case spool.Tag: // only the last value with a key was sent
			known = slices.ContainsFunc(part.tags, func(tag gen.RunTag) bool { return tag.Key == it.Key })
		}
		if known {
			stored = append(stored, it)
		} else {
			others = append(others, it)
		}
	}
	return stored, others
}

func isSameMetric(m Metric, it batcher.Item) bool {
	return m.Key == it.Key && m.Step == it.Step && m.Timestamp.UnixMilli() == it.Millis &&
		math.Float64bits(m.Value) == math.Float64bits(it.Value)
}

func (s batchSink) Judge(err error) batcher.Judgment {
	var failure *Error
	if !errors.As(err, &failure) {
		return batcher.Judgment{Err: err}
	}
	return batcher.Judgment{
		Verdict: s.verdict(failure), Message: failure.Message, RetryAfter: failure.RetryAfter, Err: failure,
	}
}

func (s batchSink) verdict(failure *Error) batcher.Verdict {
	switch failure.classify() {
	case transport.NotFound, transport.PermissionDenied, transport.Unsupported:
		return batcher.RunRefused
	case transport.Unauthenticated:
		if !s.client.transport.MayChangeCredentials() {
			return batcher.RunRefused
		}
	case transport.InvalidArgument, transport.AlreadyExists:
		return batcher.Refused
	case transport.DatabaseRefused:
		return batcher.Unclear
	case transport.Failed: // a 500 with a code of MLflow's, or a status that net/http has no better word for
		return batcher.Unclear
	}
	return batcher.OutOfReach
}

func (s batchSink) IsDeleted(ctx context.Context, runID string) bool {
	run, err := s.client.GetRun(ctx, runID)
	return err == nil && run.Info.LifecycleStage == LifecycleStageDeleted
}
