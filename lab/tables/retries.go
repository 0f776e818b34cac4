package tables

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// safety says when an operation is sent again, by the name that package transport has for it.
type safety string

const (
	runOnce     safety = "RunOnce"     // only if the request cannot have run
	mayRunTwice safety = "MayRunTwice" // even if it may have run
)

// reasons say why an operation is retried or not, where the general reason would not do.
var reasons = map[string]string{
	"LogMetric":             loggedPoints,
	"LogBatch":              loggedPoints,
	"CreateExperiment":      "the retry would find the name taken",
	"GetOrCreateExperiment": "if a retry finds the name taken, that is the experiment to return",
	"UpdateExperiment":      "the second one changes nothing, but a file store refuses it with ErrAlreadyExists",
	"CreateRun":             "the retry would create a second run",
}

const loggedPoints = "servers with an SQL store keep the same point once, and file stores twice"

// withOption has what makes an operation safe to be sent again that is not so by itself.
var withOption = map[string]string{"CreateRun": "WithIdempotencyKey"}

// A retry is what holds for operations that are retried alike.
type retry struct {
	names  []string
	rule   string // "retried" or "not retried"
	unless string // the option that changes that
	reason string
}

var reading = regexp.MustCompile(`^(Get|Search|Sample)[A-Z]`)

// ruleOf returns what holds for one operation, without its name.
func ruleOf(o operation) retry {
	r := retry{rule: "retried", reason: "doing the same twice has the same effect as doing it once"}
	switch {
	case o.safety == runOnce:
		r.rule, r.unless, r.reason = "not retried", withOption[o.name], "the server would run it twice"
	case o.hasDone:
		r.reason = "on a retry, 404 counts as success"
	case reading.MatchString(o.name):
		r.reason = "reading changes nothing"
	}
	if reason := reasons[o.name]; reason != "" {
		r.reason = reason
	}
	return r
}

// retriesOf returns the operations in groups that are retried alike, the largest group first.
func retriesOf(operations []operation) []retry {
	var groups []retry
next:
	for _, o := range operations {
		rule := ruleOf(o)
		for i, group := range groups {
			if group.rule == rule.rule && group.unless == rule.unless && group.reason == rule.reason {
				groups[i].names = append(groups[i].names, o.name)
				continue next
			}
		}
		rule.names = []string{o.name}
		groups = append(groups, rule)
	}
	slices.SortStableFunc(groups, func(a, b retry) int { return len(b.names) - len(a.names) })
	return groups
}

// retryTable returns the groups as a table in Markdown.
func retryTable(groups []retry) string {
	var text strings.Builder
	text.WriteString("| methods | a request that may have run is | because |\n|---|---|---|\n")
	for _, g := range groups {
		rule := g.rule
		if g.unless != "" {
			rule += " unless `" + g.unless + "` is given"
		}
		fmt.Fprintf(&text, "| `%s` | %s | %s |\n", strings.Join(g.names, "`, `"), rule, g.reason)
	}
	return text.String()
}

// retryList returns the groups as a list of a package's comment.
func retryList(groups []retry) string {
	var text strings.Builder
	for _, g := range groups {
		verb := "is"
		if len(g.names) > 1 {
			verb = "are"
		}
		unless := ""
		if g.unless != "" {
			unless = " unless [" + g.unless + "] is given"
		}
		item := fmt.Sprintf("%s %s %s%s: %s.", strings.Join(g.names, ", "), verb, g.rule, unless, g.reason)
		text.WriteString(wrap(item, "//   - ", "//     "))
	}
	return text.String()
}

// commentWidth is where the comments of the library end.
const commentWidth = 120

// wrap breaks a text into lines.
func wrap(text, first, others string) string {
	var done strings.Builder
	line := first
	for i, word := range strings.Fields(text) {
		if i > 0 && len(line)+1+len(word) > commentWidth {
			done.WriteString(line + "\n")
			line = others + word
			continue
		}
		if i > 0 {
			line += " "
		}
		line += word
	}
	return done.String() + line + "\n"
}
