package tracking_test

import (
	"fmt"
	"slices"
	"strings"
)

// measurements are the cells of each fault over each network.
type measurements map[string]map[network][]cell

func (m measurements) add(fault string, n network, c cell) {
	if m[fault] == nil {
		m[fault] = make(map[network][]cell)
	}
	m[fault][n] = append(m[fault][n], c)
}

// rows returns the rows of a fault over the networks where it has the meaning: one for those that agree.
func (m measurements) rows(f fault, means meaning) []string {
	var found []string
	over := make(map[string][]string)
	for _, n := range networks {
		if played, known := f.over(n); !known || played.means != means {
			continue
		}
		var cells strings.Builder
		for _, c := range m[f.name][n] {
			cells.WriteString(" " + c.String() + " |")
		}
		row := cells.String()
		if !slices.Contains(found, row) {
			found = append(found, row)
		}
		over[row] = append(over[row], n.String())
	}
	for i, row := range found {
		where := strings.Join(over[row], ", ")
		if len(over[row]) == len(networks) {
			where = "all"
		}
		found[i] = "| " + f.name + " | " + where + " |" + row
	}
	return found
}

// faultsPage returns docs/faults.md.
func faultsPage(measured measurements) string {
	var text strings.Builder
	text.WriteString(`# What becomes of a call when something fails

`)
	text.WriteString(`Made by ` + "`make tables`" + `: TestFaults of package tracking plays each fault to each operation, once, and
has a healthy server after it. A cell holds what the call returns, the number of requests that arrived at the server,
and how often the server ran the operation: ` + "`ok 2/1`" + ` is a success after two requests, one of which ran. With
WithIdempotencyKey the requests include the searches for the key, and those of GetOrCreateExperiment the ones that look
for the experiment. Errors go by the sentinel that they match; "*Error*" is
one that matches none. The retry policy is the default one.

Each fault is played over three networks: HTTP/1.1, HTTP/2 without TLS, and https (HTTP/1.1) through a proxy. "all" stands for the
three of them. Where they differ, the fault has a row for each; some faults exist on one network only.

- A call that reports success did run.
- No CreateRun or CreateExperiment runs twice. Where the response is lost and there is no key, it fails, although the
  server may have run it. (With a key, CreateRun looks for the run before it sends anything, which is one request more. A lost
  request that runs later than the search can make a second run: it is deleted when the search after the retry finds it,
  unless another call has begun to use it, see WithIdempotencyKey.)
- GetOrCreateExperiment is retried, because a name can be taken only once, and looks for the experiment again before it
  fails.
- What a server refuses the second time, such as DeleteTag, takes a 404 for success only if a request that may have run
  was lost before it.
- No error shows a credential that the server, a proxy or a token source quotes.
- Whatever else runs twice changes nothing the second time on a server with an SQL store. A file store keeps a metric's
  point twice.

`)
	text.WriteString("| fault | network |")
	for _, g := range groups() {
		text.WriteString(" " + g.name + " |")
	}
	text.WriteString("\n|" + strings.Repeat("---|", 2+len(groups())))
	for _, means := range []meaning{notRun, maybeRan, refused, final} {
		text.WriteString("\n| **" + string(means) + "** |" + strings.Repeat(" |", 1+len(groups())))
		for _, f := range faults() {
			for _, row := range measured.rows(f, means) {
				text.WriteString("\n" + row)
			}
		}
	}
	text.WriteString("\n\n")
	for _, g := range groups()[:2] {
		fmt.Fprintf(&text, "%q are %s.\n", g.name, strings.Join(g.ops, ", "))
	}
	return text.String()
}
