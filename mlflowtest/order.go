package mlflowtest

import (
	"cmp"
	"regexp"
	"strings"
)

// An order is one of the fields that results are sorted by.
type order struct {
	entity, key string
	descending  bool
}

var spaceBeforeDot = regexp.MustCompile(`\s\.`)

// parseOrder reads fields such as "metrics.loss DESC".
func (l language) parseOrder(clauses []string) ([]order, error) {
	orders := make([]order, 0, len(clauses))
	for _, clause := range clauses {
		tokens := joinKey(tokenize(clause))
		direction := ""
		if len(tokens) == 2 {
			direction = strings.ToUpper(tokens[1].text)
		}
		if len(tokens) == 0 || len(tokens) > 2 || tokens[0].kind != tokenIdentifier || !strings.HasPrefix(clause, tokens[0].text) ||
			len(tokens) == 2 && direction != "ASC" && direction != "DESC" {
			return nil, invalid("Invalid order_by clause '%s'. Could not be parsed.", clause)
		}
		if spaceBeforeDot.MatchString(tokens[0].text) { // a filter may have some
			return nil, invalid("Invalid order_by clause '%s'. Could not be parsed.", clause)
		}
		entity, key, err := l.parseIdentifier(tokens[0].text)
		if err != nil {
			return nil, err
		}
		orders = append(orders, order{entity, key, direction == "DESC"})
	}
	return orders, nil
}

// joinKey makes one key of what stands together: of params.p-1, which needs no quotes if a direction follows, and of
// params.`p`DESC.
func joinKey(tokens []token) []token {
	if len(tokens) < 2 || tokens[0].kind != tokenIdentifier || tokens[1].space != "" {
		return tokens
	}
	number := len(tokens) == 3 && tokens[1].kind == tokenInteger
	direction := len(tokens) == 2 && tokens[1].kind == tokenWord
	if !number && !direction {
		return tokens
	}
	joined := token{kind: tokenIdentifier, text: tokens[0].text + tokens[1].text}
	return append([]token{joined}, tokens[2:]...)
}

// checkRunOrder refuses what runs cannot be sorted by.
func checkRunOrder(orders []order) error {
	seen := map[order]bool{}
	for _, o := range orders {
		if o.entity == entityDataset {
			return invalid("Invalid identifier type '%s'", o.entity)
		}
		field := order{entity: o.entity, key: o.key}
		if seen[field] {
			return accident("`order_by` contains the field '%s' of %s twice", o.key, o.entity)
		}
		seen[field] = true
	}
	return nil
}

// compareRuns says which of two runs comes first: by the fields, then the one that started last, then by ID.
func compareRuns(a, b *run, orders []order) int {
	byStart := false
	for _, o := range orders {
		byStart = byStart || o.entity == entityAttribute && o.key == "start_time"
		if result := a.sortKey(o).compare(b.sortKey(o), o.descending); result != 0 {
			return result
		}
	}
	if byStart {
		return cmp.Compare(a.id, b.id)
	}
	return cmp.Or(cmp.Compare(b.start, a.start), cmp.Compare(a.id, b.id))
}

// A sortKey is what a run is sorted by.
type sortKey struct {
	class  int // 0 comes before what is NaN, and that before what is missing, in both directions
	number float64
	time   int64
	text   string
}

func (k sortKey) compare(other sortKey, descending bool) int {
	if k.class != other.class {
		return cmp.Compare(k.class, other.class)
	}
	result := cmp.Or(cmp.Compare(k.number, other.number), cmp.Compare(k.time, other.time), strings.Compare(k.text, other.text))
	if descending {
		return -result
	}
	return result
}

const (
	classNaN     = 1
	classMissing = 2
)

func (r *run) sortKey(o order) sortKey {
	switch o.entity {
	case entityMetric:
		h, ok := r.metrics.get(o.key)
		switch {
		case !ok:
			return sortKey{class: classMissing}
		case h.latest.nan:
			return sortKey{class: classNaN}
		}
		return sortKey{number: h.latest.value}
	case entityParam:
		value, ok := r.params.get(o.key)
		return textKey(value, ok)
	case entityTag:
		value, ok := r.tags.get(o.key)
		return textKey(value, ok)
	}
	switch o.key {
	case "start_time":
		return sortKey{time: r.start}
	case "end_time":
		if !r.hasEnd {
			return sortKey{class: classMissing}
		}
		return sortKey{time: r.end}
	case "run_name":
		return textKey(r.name, true)
	case "run_id":
		return textKey(r.id, true)
	case "status":
		return textKey(r.status, true)
	case "user_id":
		return textKey(r.user, true)
	default:
		return textKey(r.uri, true)
	}
}

func textKey(text string, ok bool) sortKey {
	if !ok {
		return sortKey{class: classMissing}
	}
	return sortKey{text: text}
}

// compareExperiments says which of two experiments comes first: by the fields, then the newest.
func compareExperiments(a, b *experiment, orders []order) int {
	for _, o := range orders {
		var result int
		switch o.key {
		case "name":
			result = strings.Compare(a.name, b.name)
		case "creation_time":
			result = cmp.Compare(a.created, b.created)
		case "last_update_time":
			result = cmp.Compare(a.updated, b.updated)
		default:
			result = cmp.Compare(a.id, b.id)
		}
		if o.descending {
			result = -result
		}
		if result != 0 {
			return result
		}
	}
	return cmp.Compare(b.id, a.id)
}
