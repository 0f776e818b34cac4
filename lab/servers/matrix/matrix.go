// Package matrix turns the outcome of tests that were run against several
// servers into a table.
//
// A scenario is a test with a subtest that is named exactly like the server:
// TestCreateRun/3.17.2.
package matrix

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// An Outcome is how a scenario ended, as the table shows it.
type Outcome string

// What becomes of a scenario. It has no outcome on a server whose column lacks it.
const (
	OK   Outcome = "ok"
	Skip Outcome = "skip"
	Fail Outcome = "FAIL"
)

// A Column is what one server's run brought.
type Column struct {
	Server    string
	Scenarios []Scenario
	Failures  []Failure // of scenarios, other tests, and packages
	Err       string    // why there are no outcomes, or not all

	Install, Start, Tests time.Duration
}

// A Scenario is one cell of the table.
type Scenario struct {
	Name    string // that of the test
	Outcome Outcome
	Skipped []string // why it, or parts of it, were skipped
}

// A Failure is a failed test with all of its output.
type Failure struct {
	Test   string
	Output string
}

// Failed reports whether anything was wrong.
func (c Column) Failed() bool { return c.Err != "" || len(c.Failures) > 0 }

// Count returns how many scenarios had an outcome.
func (c Column) Count(outcome Outcome) int {
	count := 0
	for _, s := range c.Scenarios {
		if s.Outcome == outcome {
			count++
		}
	}
	return count
}

// find returns a scenario's cell.
func (c Column) find(name string) (Scenario, bool) {
	i := slices.IndexFunc(c.Scenarios, func(s Scenario) bool { return s.Name == name })
	if i < 0 {
		return Scenario{}, false
	}
	return c.Scenarios[i], true
}

// A table is ready to be written: a header, rows, and the notes they refer to.
type table struct {
	rows  [][]string // the first is the header
	notes []string
}

// newTable makes a row for each scenario, and a column for each server. Servers
// next to each other that agree in everything share one if merge is set.
func newTable(columns []Column, merge bool) table {
	t := table{rows: [][]string{{"scenario"}}}
	for _, name := range scenarios(columns) {
		t.rows = append(t.rows, []string{name})
	}
	var last []string
	for i, c := range columns {
		cells := make([]string, len(t.rows))
		cells[0] = c.Server
		for row := range cells[1:] {
			cells[row+1] = t.cell(c, t.rows[row+1][0])
		}
		if merge && i > 0 && slices.Equal(cells[1:], last) {
			header := t.rows[0]
			first, _, _ := strings.Cut(header[len(header)-1], " to ")
			header[len(header)-1] = first + " to " + c.Server
			continue
		}
		for row, cell := range cells {
			t.rows[row] = append(t.rows[row], cell)
		}
		last = cells[1:]
	}
	return t
}

// scenarios returns the names in all columns.
func scenarios(columns []Column) []string {
	var names []string
	for _, c := range columns {
		for _, s := range c.Scenarios {
			names = append(names, s.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (t *table) cell(c Column, name string) string {
	s, ok := c.find(name)
	switch {
	case ok:
		return string(s.Outcome) + t.refer(s.Skipped)
	case c.Err != "":
		reason, _, _ := strings.Cut(c.Err, "\n") // the rest is for whoever looks into it
		return string(Fail) + t.refer([]string{reason})
	default:
		return "-"
	}
}

// refer returns references to notes, which it adds where they are new.
func (t *table) refer(notes []string) string {
	if len(notes) == 0 {
		return ""
	}
	var numbers []int
	for _, note := range notes {
		i := slices.Index(t.notes, note)
		if i < 0 {
			i = len(t.notes)
			t.notes = append(t.notes, note)
		}
		numbers = append(numbers, i+1)
	}
	slices.Sort(numbers)
	references := fmt.Sprint(slices.Compact(numbers)) // [1 2]
	return " (" + strings.ReplaceAll(strings.Trim(references, "[]"), " ", ",") + ")"
}

// Text writes the table for a terminal.
func Text(w io.Writer, columns []Column, merge bool) error {
	t := newTable(columns, merge)
	widths := make([]int, len(t.rows[0]))
	for _, row := range t.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var text strings.Builder
	for _, row := range t.rows {
		var line strings.Builder
		for i, cell := range row {
			fmt.Fprintf(&line, "%-*s  ", widths[i], cell)
		}
		text.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	for i, note := range t.notes {
		fmt.Fprintf(&text, "\n(%d) %s", i+1, note)
	}
	if len(t.notes) > 0 {
		text.WriteString("\n")
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// Markdown writes the table for the docs.
func Markdown(w io.Writer, columns []Column, merge bool) error {
	t := newTable(columns, merge)
	var text strings.Builder
	for i, row := range t.rows {
		if i > 0 {
			row[0] = "`" + row[0] + "`"
		}
		text.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			text.WriteString(strings.Repeat("|---", len(row)) + "|\n")
		}
	}
	for i, note := range t.notes {
		if i == 0 {
			text.WriteString("\n")
		}
		fmt.Fprintf(&text, "%d. %s\n", i+1, note)
	}
	_, err := io.WriteString(w, text.String())
	return err
}
