package load

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

func printHead() {
	fmt.Println("| server | workers | client | processes x goroutines | call | seconds | metrics/s | median | 99 % | slowest " +
		"| retries | failed | client: CPU ms per 1,000 | server: CPU ms per 1,000 |")
	fmt.Println(strings.Repeat("|---", 14) + "|")
}

// print prints all there is to say of a load.
func (w *row) print(server, workers string, l load) {
	retries := "?"
	if w.Attempts >= 0 {
		retries = fmt.Sprint(w.Attempts - w.requests(l))
	}
	metrics := w.metrics(l)
	fmt.Printf("| %s | %s | %v | %.1f | %.0f | %s | %s | %s | %s | %d | %.1f | %.0f |\n",
		server, workers, l, w.Seconds, metrics/w.Seconds,
		w.latency(0.5), w.latency(0.99), w.latency(1), retries, w.failed, w.CPU*1e6/metrics, w.serverCPU*1e6/metrics)
	if w.failed > 0 {
		fmt.Fprintf(os.Stderr, "first failure: %s\n", w.firstError)
	}
}

// metrics returns how many were logged.
func (w *row) metrics(l load) float64 { return float64(len(w.Latencies) * max(1, l.Size)) }

// requests returns how many requests the calls take without retries.
func (w *row) requests(l load) int {
	return (len(w.Latencies) + w.failed) * max(1, (l.Size+999)/1000)
}

// latency returns how long the given share of the calls took at most.
func (w *row) latency(q float64) string {
	if len(w.Latencies) == 0 {
		return "-"
	}
	sorted := slices.Sorted(slices.Values(w.Latencies))
	return fmt.Sprintf("%.0f ms", 1000*sorted[int(q*float64(len(sorted)-1)+0.5)])
}

// A summary has a line for each load, and a column for each server.
type summary struct {
	columns, lines []string
	cells          map[[2]string]string // by line and column
	failed         int                  // calls
}

func newSummary() *summary { return &summary{cells: make(map[[2]string]string)} }

func (s *summary) add(column string, l load, w row) {
	line := l.String()
	if !slices.Contains(s.columns, column) {
		s.columns = append(s.columns, column)
	}
	if !slices.Contains(s.lines, line) {
		s.lines = append(s.lines, line)
	}
	cell := fmt.Sprintf("%.0f/s, %s", w.metrics(l)/w.Seconds, w.latency(0.5))
	if w.failed > 0 {
		cell += fmt.Sprintf(", **%d failed**", w.failed)
	}
	s.cells[[2]string{line, column}] = cell
	s.failed += w.failed
}

func (s *summary) print() {
	fmt.Printf("\nMetrics per second, and the median time of a call:\n\n| client | processes x goroutines | call | %s |\n%s|\n",
		strings.Join(s.columns, " | "), strings.Repeat("|---", 3+len(s.columns)))
	for _, line := range s.lines {
		fmt.Printf("| %s |", line)
		for _, column := range s.columns {
			fmt.Printf(" %s |", s.cells[[2]string{line, column}])
		}
		fmt.Println()
	}
}
