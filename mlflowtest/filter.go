package mlflowtest

import (
	"regexp"
	"strconv"
	"strings"
)

// A condition is one comparison of a filter.
type condition struct {
	entity   string // metric, parameter, tag, attribute or dataset
	key      string
	operator string
	value    any // a float64, an int64, a string, a []string, or nil for IS NULL and IS NOT NULL
}

// A language is what filters of runs and of experiments differ in.
type language struct {
	entities map[string]string // by all their spellings
	// attributes says which attributes there are, and which of them are numbers.
	attributes map[string]bool
	listed     string // the attribute that may be compared with a list
	nullable   []string
	plain      bool // what comes before the dot has no backticks
	wholeOnly  bool // numbers have no fraction
}

const (
	entityMetric    = "metric"
	entityParam     = "parameter"
	entityTag       = "tag"
	entityAttribute = "attribute"
	entityDataset   = "dataset"
)

var runLanguage = language{
	entities: map[string]string{
		"metric": entityMetric, "metrics": entityMetric,
		"parameter": entityParam, "parameters": entityParam, "param": entityParam, "params": entityParam,
		"tag": entityTag, "tags": entityTag,
		"attribute": entityAttribute, "attributes": entityAttribute, "attr": entityAttribute, "run": entityAttribute,
		"dataset": entityDataset, "datasets": entityDataset,
	},
	attributes: map[string]bool{
		"artifact_uri": false, "run_id": false, "run_name": false, "status": false, "user_id": false,
		"run name": false, "Run name": false, "Run Name": false,
		"start_time": true, "end_time": true, "created": true, "Created": true,
	},
	listed:   "run_id",
	nullable: []string{entityTag, entityParam},
}

var experimentLanguage = language{
	entities:   map[string]string{"attribute": entityAttribute, "attributes": entityAttribute, "tag": entityTag, "tags": entityTag},
	attributes: map[string]bool{"name": false, "experiment_id": false, "creation_time": true, "last_update_time": true},
	listed:     "experiment_id",
	nullable:   []string{entityTag},
	plain:      true,
	wholeOnly:  true,
}

var datasetKeys = []string{"name", "digest", "context"}

// parseFilter parses a filter. AND between conditions may be missing, as on a real server.
func (l language) parseFilter(filter string) ([]condition, error) {
	if filter == "" {
		return nil, nil
	}
	tokens := tokenize(filter)
	if len(tokens) == 0 {
		return nil, invalid("Invalid filter '%s'. Could not be parsed.", filter)
	}
	var conditions []condition
	for len(tokens) > 0 {
		if tokens[0].isWord("AND") {
			tokens = tokens[1:]
			continue
		}
		c, rest, err := l.parseCondition(tokens)
		if err != nil {
			return nil, err
		}
		conditions, tokens = append(conditions, c), rest
	}
	return conditions, nil
}

func (t token) isWord(word string) bool {
	return t.kind == tokenWord && strings.EqualFold(t.text, word)
}

// parseCondition parses the condition that tokens begin with, and returns the other tokens.
func (l language) parseCondition(tokens []token) (condition, []token, error) {
	tokens = joinAlias(tokens)
	if len(tokens) < 3 || tokens[0].kind != tokenIdentifier {
		return condition{}, nil, invalid("Invalid clause(s) in filter string: '%s'", tokens[0].text)
	}
	c := condition{}
	var err error
	if c.entity, c.key, err = l.parseIdentifier(tokens[0].text); err != nil {
		return c, nil, err
	}
	operator, used := parseOperator(tokens[1:])
	if used == 0 {
		return c, nil, invalid("Invalid clause(s) in filter string: '%s', '%s'", tokens[0].text, tokens[1].text)
	}
	c.operator = strings.ToUpper(operator)
	tokens = tokens[1+used:]
	if strings.HasPrefix(c.operator, "IS ") {
		if !contains(l.nullable, c.entity) {
			return c, nil, invalid("IS NULL / IS NOT NULL is not supported for %s '%s'.", c.entity, c.key)
		}
		return c, tokens, nil
	}
	if len(tokens) == 0 {
		return c, nil, invalid("Invalid comparison clause. A value is missing.")
	}
	if c.value, err = l.parseValue(c, tokens[0]); err != nil {
		return c, nil, err
	}
	return c, tokens[1:], nil
}

// joinAlias makes one key of two names before IS, IN and NOT IN: a server takes the second for an alias of the first.
func joinAlias(tokens []token) []token {
	if len(tokens) < 3 || tokens[0].kind != tokenIdentifier || tokens[1].kind != tokenIdentifier {
		return tokens
	}
	if operator, _ := parseOperator(tokens[2:]); !strings.HasPrefix(operator, "IS ") && !strings.HasSuffix(strings.ToUpper(operator), "IN") {
		return tokens
	}
	joined := tokens[0]
	joined.text += tokens[1].space + tokens[1].text
	return append([]token{joined}, tokens[2:]...)
}

// parseOperator returns the operator that tokens begin with, and how many of them it is.
func parseOperator(tokens []token) (operator string, used int) {
	second := func(word string) bool { return len(tokens) > 1 && tokens[1].isWord(word) }
	switch {
	case tokens[0].kind == tokenComparison:
		return tokens[0].text, 1
	case tokens[0].isWord("IN"):
		return tokens[0].text, 1
	case tokens[0].isWord("NOT") && second("IN"):
		return "NOT IN", 2
	case tokens[0].isWord("IS") && second("NULL"):
		return "IS NULL", 2
	case tokens[0].isWord("IS") && second("NOT") && len(tokens) > 2 && tokens[2].isWord("NULL"):
		return "IS NOT NULL", 3
	}
	return "", 0
}

// parseIdentifier divides metrics.loss and its like. What has no dot is an attribute.
func (l language) parseIdentifier(text string) (entity, key string, err error) {
	prefix, key, dotted := strings.Cut(text, ".")
	if !dotted {
		prefix, key = entityAttribute, text
	}
	if !l.plain {
		prefix = trimQuotes(prefix, "`")
	}
	entity, ok := l.entities[prefix]
	if !ok {
		return "", "", invalid("Invalid entity type '%s'.", prefix)
	}
	key = trimQuotes(trimQuotes(trimQuotes(key, "'"), `"`), "`")
	if _, known := l.attributes[key]; entity == entityAttribute && !known {
		return "", "", invalid("Invalid attribute key '%s' specified.", key)
	}
	if entity == entityDataset && !contains(datasetKeys, key) {
		return "", "", invalid("Invalid dataset key '%s' specified.", key)
	}
	return entity, attributeName(key, entity), nil
}

// attributeName returns the plain name of an attribute that has several.
func attributeName(key, entity string) string {
	switch {
	case entity != entityAttribute:
	case key == "created" || key == "Created":
		return "start_time"
	case strings.EqualFold(key, "run name"):
		return "run_name"
	}
	return key
}

func trimQuotes(text, quote string) string {
	if len(text) >= 2 && strings.HasPrefix(text, quote) && strings.HasSuffix(text, quote) {
		return text[1 : len(text)-1]
	}
	return text
}

// parseValue reads what a condition compares with.
func (l language) parseValue(c condition, t token) (any, error) {
	isNumber := t.kind == tokenInteger || t.kind == tokenFloat
	numeric := c.entity == entityMetric || c.entity == entityAttribute && l.attributes[c.key]
	switch {
	case numeric && !isNumber:
		return nil, invalid("Expected numeric value type for %s '%s'. Found %s", c.entity, c.key, t.text)
	case numeric && t.kind == tokenFloat && l.wholeOnly:
		return nil, invalid("Invalid value for numeric attribute '%s': '%s'", c.key, t.text)
	case numeric && t.kind == tokenInteger && c.entity == entityAttribute:
		n, err := strconv.ParseInt(t.text, 10, 64)
		if err != nil {
			return nil, accident("%s is no 64-bit integer", t.text)
		}
		return n, nil
	case numeric:
		v, _ := strconv.ParseFloat(t.text, 64) // an infinity is one, as in Python
		return v, nil
	case t.kind == tokenList:
		if c.entity != entityDataset && (c.entity != entityAttribute || c.key != l.listed) {
			return nil, invalid("%s '%s' cannot be compared with a list.", c.entity, c.key)
		}
		return parseList(t.text)
	}
	for _, quote := range []string{"'", `"`} {
		text := trimQuotes(t.text, quote)
		if (t.kind == tokenText || t.kind == tokenIdentifier) && text != t.text {
			return text, nil
		}
	}
	return nil, invalid("Expected a quoted string value for %s '%s'. Got value %s", c.entity, c.key, t.text)
}

// notAValue is what Python reads, but not as a value: a name, or a sign before text.
var notAValue = regexp.MustCompile(`^([\pL_]|[-+~]+\s*['"])`)

// parseList reads a list of quoted texts in parentheses.
func parseList(text string) ([]string, error) {
	var list []string
	rest := strings.TrimSpace(text[1 : len(text)-1])
	for rest != "" {
		quoted := quotedText(rest, '\'') + quotedText(rest, '"')
		if quoted == "" && notAValue.MatchString(rest) {
			return nil, accident("the list %s holds an expression, or a name without quotes", text)
		}
		if quoted == "" {
			return nil, invalid("While parsing a list in the query, expected string values, but got %s", text)
		}
		list = append(list, quoted[1:len(quoted)-1])
		rest = strings.TrimSpace(rest[len(quoted):])
		comma := strings.HasPrefix(rest, ",")
		if rest != "" && !comma {
			return nil, invalid("While parsing a list in the query, got the ill-formed list %s", text)
		}
		rest = strings.TrimSpace(strings.TrimPrefix(rest, ","))
	}
	if len(list) == 0 {
		return nil, invalid("While parsing a list in the query, expected a non-empty list of string values, but got an empty list")
	}
	return list, nil
}

var (
	numberOperators = []string{"=", "!=", "<", "<=", ">", ">="}
	textOperators   = []string{"=", "!=", "LIKE", "ILIKE"}
	listOperators   = []string{"IN", "NOT IN"}
	equality        = []string{"=", "!="}
)

// checkOperators checks whether conditions may have their operators.
func (l language) checkOperators(conditions []condition) error {
	for _, c := range conditions {
		if err := l.checkOperator(c); err != nil {
			return err
		}
	}
	return nil
}

func (l language) checkOperator(c condition) error {
	_, isList := c.value.([]string)
	allowed := textOperators
	switch {
	case c.value == nil:
		return nil
	case isList && contains(listOperators, c.operator):
		return nil
	case isList && contains(textOperators, c.operator):
		return accident("a list is compared by %s", c.operator)
	case c.key == "experiment_id" && c.entity == entityAttribute:
		allowed = equality
	case c.entity == entityMetric || c.entity == entityAttribute && l.attributes[c.key]:
		allowed = numberOperators
	}
	if !contains(allowed, c.operator) {
		return invalid("Invalid comparator '%s' for %s '%s'.", c.operator, c.entity, c.key)
	}
	return nil
}
