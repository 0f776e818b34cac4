package tables

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// methodTable returns the methods of a package as a table in Markdown.
func methodTable(methods []method, since map[string]string) string {
	var text strings.Builder
	text.WriteString("| method | does | endpoints | returns |\n|---|---|---|---|\n")
	for _, m := range methods {
		does := m.does
		if release := since[m.name]; release != "" {
			does += " (MLflow " + release + " and later)"
		}
		fmt.Fprintf(&text, "| `%s` | %s | %s | %s |\n", m.name, markdown(does), code(m.endpoints...), code(m.returns))
	}
	return text.String()
}

// optionTable returns the options of a package as a table in Markdown, those of one method beside each other.
func optionTable(s *source) string {
	type row struct{ option, takers, does string }
	var rows []row
	for _, o := range s.options {
		rows = append(rows, row{o.name, code(s.takers(o)...), markdown(o.does)})
	}
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(a.takers, b.takers) })
	var text strings.Builder
	text.WriteString("| option | of | what it does |\n|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&text, "| `%s` | %s | %s |\n", r.option, r.takers, r.does)
	}
	return text.String()
}

// code returns names as Markdown shows code.
func code(names ...string) string {
	var shown []string
	for _, name := range names {
		if name != "" {
			shown = append(shown, "`"+name+"`")
		}
	}
	return strings.Join(shown, ", ")
}

var docLink = regexp.MustCompile(`\[\*?([\w.]+)\]`)

// markdown returns a sentence of a comment, in which links are those of go doc, as Markdown.
func markdown(sentence string) string {
	return strings.ReplaceAll(docLink.ReplaceAllString(sentence, "`$1`"), "|", "\\|")
}

// inOrder returns the methods in the order of the rows of operation.go, and those without a row after them.
func inOrder(methods []method, operations []operation) []method {
	place := func(m method) int {
		i := slices.IndexFunc(operations, func(o operation) bool { return o.name == m.name })
		if i < 0 {
			return len(operations)
		}
		return i
	}
	ordered := slices.Clone(methods)
	slices.SortStableFunc(ordered, func(a, b method) int { return cmp.Compare(place(a), place(b)) })
	return ordered
}
