package batcher

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mlflow-go/mlflow/internal/spool"
)

// send sends items, and divides them until each is stored or refused. It returns an error if the run has to wait.
func (d *delivery) send(items []Item) error {
	for len(items) > 0 {
		err := d.attempt(&items)
		if err == nil {
			return nil
		}
		judgment := d.judge(err)
		switch {
		case judgment.Verdict == OutOfReach:
			return err
		case judgment.Verdict == RunRefused, len(items) == 1:
			d.refuse(items, judgment.Err)
			return nil
		}
		if suspect := d.suspect(items, judgment.Message); suspect >= 0 {
			return d.sendApart(items, suspect)
		}
		if d.isRunDeleted() {
			d.refuse(items, judgment.Err)
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

// judge judges an error. What is Unclear is OutOfReach until it has been so too often, and Refused from then on: each part
// of the batch has been sent several times.
func (d *delivery) judge(err error) Judgment {
	judgment := d.b.sink.Judge(err)
	if judgment.Verdict != Unclear {
		return judgment
	}
	if !d.convinced {
		d.q.unclear++
		d.convinced = d.q.unclear >= maxUnclear
	}
	judgment.Verdict = OutOfReach
	if d.convinced {
		judgment.Verdict = Refused
	}
	return judgment
}

// isRunDeleted reports whether the run is deleted, which may be why a batch was refused. Each delivery asks once.
func (d *delivery) isRunDeleted() bool {
	if d.asked {
		return false
	}
	d.asked = true
	return d.b.sink.IsDeleted(d.b.context, d.q.runID)
}

// placeOfCulprit matches where MLflow 2.15 and later say that the culprit is.
var placeOfCulprit = regexp.MustCompile(`'(metrics|params|tags)\[(\d+)\]`)

// suspect returns the index of an item that the message of a refusal seems to name, or -1. It is a guess: the item is
// sent alone before it counts as refused.
func (d *delivery) suspect(items []Item, message string) int {
	if !d.guessing {
		return -1
	}
	if place := placeOfCulprit.FindStringSubmatch(message); place != nil {
		if i, err := strconv.Atoi(place[2]); err == nil {
			return indexInRequest(items, place[1], i)
		}
	}
	named := func(it Item) bool { return quotes(message, it.Key) }
	timed := func(it Item) bool {
		return named(it) && strings.Contains(message, strconv.FormatInt(it.Millis, 10))
	}
	if i := slices.IndexFunc(items, timed); i >= 0 {
		return i
	}
	return slices.IndexFunc(items, named)
}

// indexInRequest returns the index of the item that a request has at place i of the list with the given name, or -1.
func indexInRequest(items []Item, list string, i int) int {
	metrics, params, tags := Arrange(items)
	arranged := map[string][]Item{"metrics": metrics, "params": params, "tags": tags}[list]
	if i >= len(arranged) {
		return -1
	}
	culprit := arranged[i]
	return slices.IndexFunc(items, func(it Item) bool {
		return it.Kind == culprit.Kind && it.Key == culprit.Key && (it.Kind != spool.Metric || it.Number == culprit.Number)
	})
}

// Arrange returns items in the order of a request, by kind. Of equal params the first one counts, and of the tags with a
// key the last one. Tags are sorted by key.
func Arrange(items []Item) (metrics, params, tags []Item) {
	for _, it := range items {
		same := func(other Item) bool { return other.Key == it.Key && (it.Kind == spool.Tag || other.Text == it.Text) }
		switch it.Kind {
		case spool.Metric:
			metrics = append(metrics, it)
		case spool.Param:
			if !slices.ContainsFunc(params, same) {
				params = append(params, it)
			}
		case spool.Tag:
			tags = append(slices.DeleteFunc(tags, same), it)
		}
	}
	slices.SortFunc(tags, func(a, b Item) int { return strings.Compare(a.Key, b.Key) })
	return metrics, params, tags
}

// quotes reports whether a message has a key in quotes.
func quotes(message, key string) bool {
	return strings.Contains(message, "'"+key+"'") || strings.Contains(message, `"`+key+`"`)
}

// sendApart sends items of which one is suspected: first those that do not have its key, then the suspect alone, then
// the others of its key.
func (d *delivery) sendApart(items []Item, suspect int) error {
	var others, same []Item
	alone := items[suspect]
	for i, it := range items {
		switch {
		case i == suspect:
		case it.Kind == alone.Kind && it.Key == alone.Key:
			same = append(same, it)
		default:
			others = append(others, it)
		}
	}
	if err := d.send(others); err != nil {
		return err
	}
	failures := len(d.failures)
	if err := d.send([]Item{alone}); err != nil {
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
func (d *delivery) sendAlike(items []Item, alone Item, refusal error) error {
	message := d.b.sink.Judge(refusal).Message
	aboutKey := quotes(message, alone.Key) && !strings.Contains(message, strconv.FormatInt(alone.Millis, 10))
	if len(items) < 2 || !aboutKey || alone.Kind != spool.Metric {
		return d.send(items)
	}
	err := d.attempt(&items)
	if err == nil {
		return nil
	}
	switch judgment := d.b.sink.Judge(err); {
	case judgment.Verdict == Refused && judgment.Message == message:
		d.refuse(items, judgment.Err)
		return nil
	case judgment.Verdict == Refused:
		return d.send(items)
	}
	return err
}
