package tracking

import (
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mlflow-go/mlflow/internal/transport"
)

const (
	firstWait = 500 * time.Millisecond
	// maxWait limits the wait before the next attempt, and maxServerWait that for which the server asks.
	maxWait       = 15 * time.Second
	maxServerWait = 5 * time.Minute
	// maxDoubts is how many responses in a row may say that the database, or the server's code, does not like a batch,
	// before that is taken for a refusal: after about a minute.
	maxDoubts = 10
)

// A batchVerdict says what becomes of items whose request failed.
type batchVerdict int

const (
	outOfReach   batchVerdict = iota // try again later
	doubtful                         // so it is at first, and then a refusal
	refused                          // an item is wrong: find it
	refusedWhole                     // what all items have in common is wrong
)

// judge returns the verdict on the error of a request.
func (b *Batcher) judge(err error) batchVerdict {
	var failure *Error
	if !errors.As(err, &failure) {
		return outOfReach
	}
	switch failure.classify() {
	case transport.NotFound, transport.PermissionDenied, transport.Unsupported:
		return refusedWhole
	case transport.Unauthenticated:
		if !b.client.transport.MayChangeCredentials() {
			return refusedWhole
		}
	case transport.InvalidArgument, transport.AlreadyExists:
		return refused
	case transport.DatabaseRefused:
		return doubtful
	case transport.Failed: // a 500 with a code of MLflow's, or a status that net/http has no better word for
		return doubtful
	}
	return outOfReach
}

// deliver sends a batch of a run, and what it is divided into. It ends when all of it is stored or refused, or the run
// has to wait.
func (b *Batcher) deliver(q *runQueue, batch []item) {
	d := delivery{b: b, q: q, guessing: true}
	send := d.send
	if q.nansApart {
		send = d.sendNaNsApart
	}
	err := send(batch)
	q.nansApart = q.nansApart && err != nil
	failures := d.failures
	b.mu.Lock()
	b.inFlight--
	b.putBack(q)
	if err != nil && !b.ended {
		b.pause(q, err)
	}
	b.forgetIfEmpty(q)
	b.wakeScheduler()
	b.noteChange()
	b.mu.Unlock()
	for _, failure := range failures {
		if b.settings.handle != nil {
			b.settings.handle(*failure)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.handling -= len(failures)
	b.running--
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
	var failure *Error
	q.byServer = errors.As(err, &failure) && failure.RetryAfter > 0
	if q.byServer {
		wait = min(failure.RetryAfter, maxServerWait)
	}
	q.notBefore = b.now() + wait
}

// A delivery is what happens to one batch.
type delivery struct {
	b        *Batcher
	q        *runQueue
	failures []*BatchFailure
	guessing bool // the words of refusals may name the culprit, and have not misled yet
	asked    bool // the server was asked for the run
	// convinced tells that what is doubtful counts as refused.
	convinced bool
}

// send sends items, and divides them until each is stored or refused. It returns an error if the run has to wait.
func (d *delivery) send(items []item) error {
	for len(items) > 0 {
		err := d.attempt(&items)
		if err == nil {
			return nil
		}
		if isStored(err) && slices.ContainsFunc(items, isNaNItem) {
			d.q.nansApart = true
			return d.sendNaNsApart(items)
		}
		verdict := d.verdict(err)
		if verdict == outOfReach {
			return err
		}
		if verdict == refusedWhole || len(items) == 1 {
			d.done(items, err)
			return nil
		}
		if suspect := d.suspect(items, err); suspect >= 0 {
			return d.sendApart(items, suspect)
		}
		if d.runIsDeleted() {
			d.done(items, err)
			return nil
		}
		half := len(items) / 2
		if err := d.send(items[:half]); err != nil {
			return err
		}
		items = items[half:]
	}
	return nil
}

// verdict judges an error. What is doubtful is out of reach until it has been so too often, and refused from then on:
// each part of the batch has been sent several times.
func (d *delivery) verdict(err error) batchVerdict {
	verdict := d.b.judge(err)
	if verdict != doubtful {
		return verdict
	}
	if !d.convinced {
		d.q.doubts++
		d.convinced = d.q.doubts >= maxDoubts
	}
	if d.convinced {
		return refused
	}
	return outOfReach
}

// attempt makes one call of LogBatch. It takes from items what is stored.
func (d *delivery) attempt(items *[]item) error {
	metrics, params, tags := arguments(*items)
	err := d.b.client.LogBatch(d.b.context, d.q.runID, metrics, params, tags)
	stored := BatchError{Metrics: len(metrics), Params: len(params), Tags: len(tags)}
	var partial *BatchError
	if errors.As(err, &partial) {
		stored = *partial
	} else if err != nil {
		return err
	}
	var sent []item
	sent, *items = divide(*items, params[:stored.Params], tags, stored)
	d.done(sent, nil)
	return err
}

// arguments returns items as arguments of LogBatch. Of the tags with a key only the last one counts, and params with a
// key have the same value.
func arguments(items []item) (metrics []Metric, params []Param, tags map[string]string) {
	tags = make(map[string]string)
	for i := range items {
		switch it := &items[i]; it.kind {
		case metricItem:
			metrics = append(metrics, it.metric())
		case paramItem:
			p := Param{Key: it.key, Value: it.text}
			if !slices.Contains(params, p) {
				params = append(params, p)
			}
		case tagItem:
			tags[it.key] = it.text
		}
	}
	return metrics, params, tags
}

// divide divides items into those that are stored and those that are not known to be.
func divide(items []item, params []Param, tags map[string]string, stored BatchError) (sent, rest []item) {
	keys := slices.Sorted(maps.Keys(tags))[:stored.Tags]
	metrics := 0
	for _, it := range items {
		known := false
		switch it.kind {
		case metricItem:
			known = metrics < stored.Metrics
			metrics++
		case paramItem:
			known = slices.Contains(params, Param{Key: it.key, Value: it.text})
		case tagItem:
			_, known = slices.BinarySearch(keys, it.key)
		}
		if known {
			sent = append(sent, it)
		} else {
			rest = append(rest, it)
		}
	}
	return sent, rest
}

// runIsDeleted tells whether the run is deleted, which may be why a batch was refused. Each delivery asks once.
func (d *delivery) runIsDeleted() bool {
	if d.asked {
		return false
	}
	d.asked = true
	run, err := d.b.client.GetRun(d.b.context, d.q.runID)
	return err == nil && run.Info.LifecycleStage == LifecycleStageDeleted
}

// placeOfCulprit matches where MLflow 2.15 and later say that the culprit is.
var placeOfCulprit = regexp.MustCompile(`'(metrics|params|tags)\[(\d+)\]`)

// suspect returns the index of an item that a refusal seems to name, or -1. It is a guess: the item is sent alone before
// it counts as refused.
func (d *delivery) suspect(items []item, refusal error) int {
	var failure *Error
	if !d.guessing || !errors.As(refusal, &failure) {
		return -1
	}
	if place := placeOfCulprit.FindStringSubmatch(failure.Message); place != nil {
		if i, err := strconv.Atoi(place[2]); err == nil {
			return indexInRequest(items, place[1], i)
		}
	}
	named := func(it item) bool { return quotes(failure.Message, it.key) }
	timed := func(it item) bool {
		return named(it) && strings.Contains(failure.Message, strconv.FormatInt(it.millis, 10))
	}
	if i := slices.IndexFunc(items, timed); i >= 0 {
		return i
	}
	return slices.IndexFunc(items, named)
}

// indexInRequest returns the index of the item that the request had at place i of the list with the given name, or -1.
func indexInRequest(items []item, list string, i int) int {
	_, params, tags := arguments(items)
	keys := slices.Sorted(maps.Keys(tags))
	metrics := 0
	return slices.IndexFunc(items, func(it item) bool {
		switch {
		case list == "metrics" && it.kind == metricItem:
			metrics++
			return metrics == i+1
		case list == "params" && it.kind == paramItem:
			return i < len(params) && it.key == params[i].Key
		case list == "tags" && it.kind == tagItem:
			return i < len(keys) && it.key == keys[i]
		}
		return false
	})
}

// quotes tells whether a message has a key in quotes.
func quotes(message, key string) bool {
	return strings.Contains(message, "'"+key+"'") || strings.Contains(message, `"`+key+`"`)
}

// sendApart sends items of which one is suspected: first those that do not have its key, then the suspect alone, then
// the others of its key.
func (d *delivery) sendApart(items []item, suspect int) error {
	var others, same []item
	alone := items[suspect]
	for i, it := range items {
		switch {
		case i == suspect:
		case it.kind == alone.kind && it.key == alone.key:
			same = append(same, it)
		default:
			others = append(others, it)
		}
	}
	if err := d.send(others); err != nil {
		return err
	}
	failures := len(d.failures)
	if err := d.send([]item{alone}); err != nil {
		return err
	}
	if len(d.failures) == failures { // it was not the culprit
		d.guessing = false
		return d.send(same)
	}
	return d.sendAlike(same, alone, d.failures[failures].Err)
}

// sendAlike sends the other items with the key of one that was refused. If a refusal of all of them is that of the one,
// word for word, and names the key and not the timestamp, it is about the key, and no further request is needed.
func (d *delivery) sendAlike(items []item, alone item, refusal error) error {
	var first, second *Error
	if len(items) < 2 || !errors.As(refusal, &first) {
		return d.send(items)
	}
	aboutKey := quotes(first.Message, alone.key) && !strings.Contains(first.Message, strconv.FormatInt(alone.millis, 10))
	if !aboutKey || alone.kind != metricItem {
		return d.send(items)
	}
	err := d.attempt(&items)
	switch {
	case err == nil:
		return nil
	case d.b.judge(err) == refused && errors.As(err, &second) && second.Message == first.Message:
		d.done(items, err)
		return nil
	case d.b.judge(err) == refused:
		return d.send(items)
	}
	return err
}

func isNaNItem(it item) bool { return it.kind == metricItem && math.IsNaN(it.value) }

// sendNaNsApart sends items that were refused because a NaN among them is stored already, as [Client.LogBatch] does: the
// others first, and then groups of NaNs, which grow as long as none is refused. But what is stored counts at once, so that
// a connection that is often lost does not keep it from ending.
func (d *delivery) sendNaNsApart(items []item) error {
	var nans, others []item
	for _, it := range items {
		if isNaNItem(it) {
			nans = append(nans, it)
		} else {
			others = append(others, it)
		}
	}
	if err := d.send(others); err != nil {
		return err
	}
	for size := 1; len(nans) > 0; {
		group := nans[:min(size, len(nans))]
		left := group
		err := d.attempt(&left)
		switch {
		case err == nil:
			size *= 2
		case isStored(err) && len(group) > 1:
			size = 1
			continue
		case isStored(err):
			d.done(group, nil)
		case d.verdict(err) == outOfReach:
			return err
		default:
			if err := d.send(left); err != nil {
				return err
			}
		}
		nans = nans[len(group):]
	}
	return nil
}

// done notes that items are stored, or refused with an error.
func (d *delivery) done(items []item, err error) {
	if len(items) == 0 {
		return
	}
	b, q := d.b, d.q
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return // Close has counted them
	}
	q.remove(items, func(first, last uint64) { b.spool.remove(q.runID, first, last) })
	b.counts.Queued -= len(items)
	b.flying -= len(items)
	q.failed, q.notBefore = 0, 0
	if err == nil {
		q.doubts = 0
		b.counts.Sent += uint64(len(items))
		b.noteChange()
		return
	}
	b.counts.Failed += uint64(len(items))
	for i := range items {
		failure := failureOf(q.runID, items[i:i+1], refusalOf(err))
		d.failures = append(d.failures, failure)
		b.failures.add(failure)
	}
	b.handling += len(items)
	b.noteChange()
}

// refusalOf returns the error of the request that was refused, without how far LogBatch came.
func refusalOf(err error) error {
	var failure *Error
	if errors.As(err, &failure) {
		return failure
	}
	return err
}

// remove takes done items, in the order of their numbers, from those in flight. It calls note for each stretch of
// numbers that has become free of items.
func (q *runQueue) remove(done []item, note func(first, last uint64)) {
	left := make([]item, 0, len(q.flying)-len(done))
	var first, last uint64
	for _, it := range q.flying {
		if len(done) > 0 && done[0].number == it.number {
			done = done[1:]
			if first == 0 {
				first = it.number
			}
			last = it.number
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
	q.flying = left
}
