package mlflowtest

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

func contains(list []string, text string) bool { return slices.Contains(list, text) }

// matches reports whether a run meets a condition. What a run does not have meets none but IS NULL.
func (r *run) matches(c condition) bool {
	switch c.entity {
	case entityMetric:
		h, ok := r.metrics.get(c.key)
		if ok && h.latest.nan {
			return c.operator == "!="
		}
		return ok && compareNumber(h.latest.value, c)
	case entityParam:
		value, ok := r.params.get(c.key)
		return compareText(value, ok, c)
	case entityTag:
		value, ok := r.tags.get(c.key)
		return compareText(value, ok, c)
	case entityDataset:
		return slices.ContainsFunc(r.inputs, func(in *input) bool { return in.matches(c) })
	}
	switch c.key {
	case "start_time":
		return compareTime(r.start, c)
	case "end_time":
		return r.hasEnd && compareTime(r.end, c)
	case "run_name": // a server looks for the tag
		value, ok := r.tags.get(tagRunName)
		return compareText(value, ok, c)
	case "run_id":
		return compareText(r.id, true, c)
	case "status":
		return compareText(r.status, true, c)
	case "user_id":
		return compareText(r.user, true, c)
	default:
		return compareText(r.uri, true, c)
	}
}

func (in *input) matches(c condition) bool {
	switch c.key {
	case "name":
		return compareText(in.dataset.name, true, c)
	case "digest":
		return compareText(in.dataset.digest, true, c)
	}
	return slices.ContainsFunc(in.tags, func(tag tagJSON) bool {
		return tag.Key == tagContext && compareText(tag.Value, true, c)
	})
}

// matches reports whether an experiment meets a condition.
func (e *experiment) matches(c condition) bool {
	if c.entity == entityTag {
		value, ok := e.tags.get(c.key)
		return compareText(value, ok, c)
	}
	switch c.key {
	case "name":
		return compareText(e.name, true, c)
	case "creation_time":
		return compareTime(e.created, c)
	case "last_update_time":
		return compareTime(e.updated, c)
	default:
		return compareText(formatID(e.id), true, c)
	}
}

func compareNumber(v float64, c condition) bool {
	return holds(cmp.Compare(v, c.value.(float64)), c.operator)
}

// compareTime compares a time with an integer, or with a fraction.
func compareTime(t int64, c condition) bool {
	if n, ok := c.value.(int64); ok {
		return holds(cmp.Compare(t, n), c.operator)
	}
	return compareNumber(float64(t), c)
}

func holds(order int, operator string) bool {
	switch operator {
	case "=":
		return order == 0
	case "!=":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	default:
		return order >= 0
	}
}

func compareText(text string, ok bool, c condition) bool {
	switch c.operator {
	case "IS NULL":
		return !ok
	case "IS NOT NULL":
		return ok
	}
	if !ok {
		return false
	}
	switch c.operator {
	case "IN":
		return contains(c.value.([]string), text)
	case "NOT IN":
		return !contains(c.value.([]string), text)
	case "LIKE":
		return like(text, c.value.(string))
	case "ILIKE":
		return like(lowerASCII(text), lowerASCII(c.value.(string)))
	default:
		return holds(strings.Compare(text, c.value.(string)), c.operator)
	}
}

// lowerASCII returns text with the letters A to Z in lower case, and no others: SQLite knows no more.
func lowerASCII(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
}

// like reports whether a pattern matches text: % stands for any text, and _ for any character.
func like(text, pattern string) bool {
	// Where to continue if what follows the last % does not match.
	retryText, retryPattern := "", ""
	canRetry := false
	for text != "" || pattern != "" {
		p, pSize := utf8.DecodeRuneInString(pattern)
		t, tSize := utf8.DecodeRuneInString(text)
		switch {
		case p == '%' && pSize > 0:
			pattern = pattern[pSize:]
			retryText, retryPattern, canRetry = text, pattern, true
		case pSize > 0 && tSize > 0 && (p == '_' || p == t):
			text, pattern = text[tSize:], pattern[pSize:]
		case canRetry && retryText != "":
			_, size := utf8.DecodeRuneInString(retryText)
			retryText = retryText[size:]
			text, pattern = retryText, retryPattern
		default:
			return false
		}
	}
	return true
}
