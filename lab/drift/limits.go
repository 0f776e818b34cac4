package drift

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A limit of a property, by the name that it has in facts, and the keyword that can state it.
type limit struct{ keyword, fact string }

// limitsOf says which limit applies to which property. Facts have the numbers, and not where they are applied. A property
// without a keyword is the request as a whole.
var limitsOf = map[string]limit{
	"CreateExperiment.name":                {"maxLength", "MAX_EXPERIMENT_NAME_LENGTH"},
	"LogBatch":                             {"", "MAX_ENTITIES_PER_BATCH"},
	"LogBatch.metrics":                     {"maxItems", "MAX_METRICS_PER_BATCH"},
	"LogBatch.metrics[].key":               {"maxLength", "MAX_ENTITY_KEY_LENGTH"},
	"LogBatch.params":                      {"maxItems", "MAX_PARAMS_TAGS_PER_BATCH"},
	"LogBatch.params[].key":                {"maxLength", "MAX_ENTITY_KEY_LENGTH"},
	"LogBatch.params[].value":              {"maxLength", "MAX_PARAM_VAL_LENGTH"},
	"LogBatch.tags":                        {"maxItems", "MAX_PARAMS_TAGS_PER_BATCH"},
	"LogBatch.tags[].key":                  {"maxLength", "MAX_ENTITY_KEY_LENGTH"},
	"LogBatch.tags[].value":                {"maxLength", "MAX_TAG_VAL_LENGTH"},
	"LogInputs.datasets":                   {"maxItems", "MAX_DATASETS_PER_BATCH"},
	"LogInputs.datasets[].dataset.digest":  {"maxLength", "MAX_DATASET_DIGEST_SIZE"},
	"LogInputs.datasets[].dataset.name":    {"maxLength", "MAX_DATASET_NAME_SIZE"},
	"LogInputs.datasets[].dataset.profile": {"maxLength", "MAX_DATASET_PROFILE_SIZE"},
	"LogInputs.datasets[].dataset.schema":  {"maxLength", "MAX_DATASET_SCHEMA_SIZE"},
	"LogInputs.datasets[].dataset.source":  {"maxLength", "MAX_DATASET_SOURCE_SIZE"},
	"LogInputs.datasets[].tags[].key":      {"maxLength", "MAX_INPUT_TAG_KEY_SIZE"},
	"LogInputs.datasets[].tags[].value":    {"maxLength", "MAX_INPUT_TAG_VALUE_SIZE"},
	"LogMetric.key":                        {"maxLength", "MAX_ENTITY_KEY_LENGTH"},
	"LogParam.key":                         {"maxLength", "MAX_ENTITY_KEY_LENGTH"},
	"LogParam.value":                       {"maxLength", "MAX_PARAM_VAL_LENGTH"},
	"SetExperimentTag.key":                 {"maxLength", "MAX_EXPERIMENT_TAG_KEY_LENGTH"},
	"SetExperimentTag.value":               {"maxLength", "MAX_EXPERIMENT_TAG_VAL_LENGTH"},
	"SetTag.key":                           {"maxLength", "MAX_ENTITY_KEY_LENGTH"},
	"SetTag.value":                         {"maxLength", "MAX_TAG_VAL_LENGTH"},
}

// limitFact reports whether a limit is compared: those of the table are, and the bounds of pages.
func limitFact(name string) bool {
	if strings.Contains(name, ".max_results ") {
		return true
	}
	for _, limit := range limitsOf {
		if limit.fact == name {
			return true
		}
	}
	return false
}

// limits reports the limits that nothing here looks at, so that a new one gets noticed.
func (c *comparison) limits() {
	for name := range c.Limits {
		if !limitFact(name) {
			c.report("limit", name, "is not compared")
		}
	}
	const batch = "LogBatch"
	for _, item := range c.spec.Paths {
		for _, operation := range item.operations() {
			if operation.ID == batch {
				c.bound(&Schema{}, limitsOf[batch].keyword, place{path: batch, where: batch, texts: operation.Description})
			}
		}
	}
}

// bounds compares the keywords of a property that limit its value.
func (c *comparison) bounds(schema *Schema, text bool, at place) {
	for _, keyword := range []string{"minimum", "maximum", "maxLength", "maxItems"} {
		c.bound(schema, keyword, at)
	}
	if !text {
		return
	}
	// To a handler, a required string that is empty is missing.
	wanted, said := c.demanded(at.path), schema.MinLength != nil && *schema.MinLength > 0
	if wanted && !said {
		c.report("limit", at.where, "minLength is not said, and servers refuse the empty string")
	}
	if said && !wanted {
		c.report("limit", at.where, "minLength is %d, and servers take the empty string", *schema.MinLength)
	}
}

func (c *comparison) bound(schema *Schema, keyword string, at place) {
	actual, limited := c.limitAt(at.path, keyword)
	stated := schema.bound(keyword)
	switch {
	case stated != nil && c.outgrown(*stated, keyword, at):
	case stated != nil && limited && *stated != actual:
		c.report("limit", at.where, "%s is %d, of servers %d", keyword, *stated, actual)
	case stated != nil && !limited:
		c.report("limit", at.where, "%s is %d, of servers any", keyword, *stated)
	case stated == nil && limited && !mentions(at.texts, strconv.Itoa(actual)):
		c.report("limit", at.where, "%s, and servers have %d", notSaid(keyword), actual)
	case stated == nil && limited:
		if since := c.history.limitSince(c.minor, at.path, keyword); !mentions(at.texts, since) {
			c.report("limit", at.where, "%s %d is not said to be new in %s", keyword, actual, since)
		}
	}
}

// outgrown reports whether the stated limit is that of the newest release, and the text says since when, and what it was in
// the release that is compared.
func (c *comparison) outgrown(stated int, keyword string, at place) bool {
	newest := c.history.minors[len(c.history.minors)-1]
	latest, limited := c.history.facts[newest].limitAt(at.path, keyword)
	if !limited || latest != stated {
		return false
	}
	since := c.history.limitSince(newest, at.path, keyword)
	if since == "" || !mentions(at.texts, since) {
		return false
	}
	actual, limited := c.limitAt(at.path, keyword)
	return !limited || actual == stated || mentions(at.texts, strconv.Itoa(actual))
}

func notSaid(keyword string) string {
	return strings.TrimSpace(keyword + " is not said")
}

// limitAt returns the limit that servers have for a property, if any.
func (f *Facts) limitAt(path, keyword string) (int, bool) {
	if known, ok := limitsOf[path]; ok && known.keyword == keyword {
		value, ok := f.Limits[known.fact]
		return value, ok
	}
	if value, ok := f.Limits[path+" "+keyword]; ok {
		return value, true
	}
	return handlerBound(f.Validators[path], keyword)
}

var (
	upTo   = regexp.MustCompile(`(?:^| )less_than_or_equal\((\d+)\)`)
	within = regexp.MustCompile(`within_range\((\d+), (\d+)\)`)
	length = regexp.MustCompile(`length_less_than_or_equal\((\d+)\)`)
)

// handlerBound returns the bound that a handler's validators set.
func handlerBound(validators, keyword string) (int, bool) {
	var found string
	switch match := within.FindStringSubmatch(validators); {
	case match != nil && keyword == "minimum":
		found = match[1]
	case match != nil && keyword == "maximum":
		found = match[2]
	case keyword == "maximum":
		found = firstGroup(upTo, validators)
	case keyword == "maxItems":
		found = firstGroup(length, validators)
	}
	value, err := strconv.Atoi(found)
	return value, err == nil
}

func firstGroup(pattern *regexp.Regexp, text string) string {
	if match := pattern.FindStringSubmatch(text); match != nil {
		return match[1]
	}
	return ""
}

// limitSince returns the release since which a limit has been what it is in the given one, or "" if it has always been so.
func (h *history) limitSince(until minor, path, keyword string) string {
	value, limited := h.facts[until].limitAt(path, keyword)
	since := until
	for _, m := range slices.Backward(h.minors[:slices.Index(h.minors, until)]) {
		earlier, was := h.facts[m].limitAt(path, keyword)
		if earlier != value || was != limited {
			return since.String()
		}
		since = m
	}
	return ""
}

// mentions reports whether a text holds a number or a release as a word of its own.
func mentions(text, word string) bool {
	if word == "" {
		return true
	}
	return slices.ContainsFunc(strings.FieldsFunc(text, notOfNumber), func(found string) bool {
		return strings.Trim(found, ".") == word
	})
}

func notOfNumber(r rune) bool { return r != '.' && (r < '0' || r > '9') }
