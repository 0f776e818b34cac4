// Package bench measures what the library costs, beside two other clients that send the same requests to the same server, which
// responds at once:
//
//   - plain: net/http and encoding/json on structs written by hand, with a time limit for each request, as the library has
//     one. It checks nothing but the status.
//   - floor: the plain client without JSON. It sends bytes that were made before, and throws the response away.
//
// Usage:
//
//	go -C lab run ./cmd bench [-rounds 30] [-slice 50ms] [-only REGEXP]
//
// It prints a table in Markdown. The three clients take turns in short rounds, so that a machine that is busy for a
// while slows all of them, and each ratio is one of the same round. First there is no network: an http.RoundTripper responds.
// Then the server is a process of its own, on the loopback interface.
package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/lab/program"
)

// A place is where the server is.
type place struct {
	name string
	uri  string
	http *http.Client // nil stands for the default of each client
}

var columns = []string{
	"operation", "ours", "plain", "floor", "ours / plain", "floor / plain", "allocations: ours", "plain", "KB: ours", "plain",
}

// Run measures each operation in two places, and prints a table for each.
func Run(ctx context.Context, args []string) error {
	flags := program.Flags("bench")
	only := flags.String("only", "", "measure the operations whose name matches")
	var how settings
	flags.IntVar(&how.rounds, "rounds", 30, "of each operation")
	flags.DurationVar(&how.slice, "slice", 50*time.Millisecond, "the share of each client in a round, at least one call")
	if err := program.Parse(flags, args); err != nil {
		return err
	}
	var err error
	if how.only, err = regexp.Compile(*only); err != nil {
		return err
	}
	uri, stop, err := startServer(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%s; medians of %d rounds, with quartiles.\n", machine(), how.rounds)
	err = measurePlace(ctx, place{"In memory", "http://in.memory", &http.Client{Transport: answerer(operations())}}, how)
	if err == nil {
		err = measurePlace(ctx, place{"Over loopback, the server in a process of its own", uri, nil}, how)
	}
	return errors.Join(err, stop())
}

// settings say what to measure, and how often.
type settings struct {
	only   *regexp.Regexp
	rounds int
	slice  time.Duration
}

// machine says what the figures depend on.
func machine() string {
	return fmt.Sprintf("%s, %s/%s, %d cores, %s",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), time.Now().Format(time.DateOnly))
}

func measurePlace(ctx context.Context, place place, how settings) error {
	fmt.Printf("\n### %s\n\n", place.name)
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 1, ' ', 0)
	fmt.Fprintln(out, "| "+strings.Join(columns, "\t| ")+"\t|")
	fmt.Fprintln(out, "|"+strings.Repeat("---\t|", len(columns)))
	for i, op := range operations() {
		if !how.only.MatchString(op.name) {
			continue
		}
		clients, err := newClients(ctx, op, place, i)
		if err != nil {
			return fmt.Errorf("%s: %w", op.name, err)
		}
		results, err := interleave(clients, how.rounds, how.slice)
		if err != nil {
			return fmt.Errorf("%s: %w", op.name, err)
		}
		ours, plain, floor := results[0], results[1], results[2]
		fmt.Fprintf(out, "| %s\t| %s\t| %s\t| %s\t| %s\t| %s\t| %.0f\t| %.0f\t| %.1f\t| %.1f\t|\n", op.name,
			duration(median(ours.seconds)), duration(median(plain.seconds)), duration(median(floor.seconds)),
			ratio(ours, plain), ratio(floor, plain),
			median(ours.allocations), median(plain.allocations), median(ours.bytes)/1000, median(plain.bytes)/1000)
	}
	return out.Flush()
}

// newClients returns how each client calls an operation: ours, plain and floor. The server knows operations by number.
func newClients(ctx context.Context, op operation, place place, number int) ([]func() error, error) {
	uri := fmt.Sprintf("%s/%d", place.uri, number)
	options := []mlflow.Option{mlflow.WithTrackingURI(uri)}
	byHand := &plain{http: &http.Client{Transport: http.DefaultTransport}, uri: uri}
	if place.http != nil {
		options = append(options, mlflow.WithHTTPClient(place.http))
		byHand.http = place.http
	}
	client, err := mlflow.NewClient(options...)
	if err != nil {
		return nil, err
	}
	floor, err := record(ctx, op, byHand)
	if err != nil {
		return nil, err
	}
	return []func() error{
		func() error { return op.ours(ctx, client.Tracking()) },
		func() error { return op.plain(ctx, byHand) },
		func() error { return floor(ctx) },
	}, nil
}

// A result has one figure per call for each round.
type result struct{ seconds, allocations, bytes []float64 }

// interleave lets all clients take turns, with another one first in each round.
func interleave(clients []func() error, rounds int, slice time.Duration) ([]result, error) {
	results := make([]result, len(clients))
	for round := range rounds {
		for i := range clients {
			which := (round + i) % len(clients)
			if err := results[which].add(clients[which], slice); err != nil {
				return nil, err
			}
		}
	}
	return results, nil
}

// add calls for as long as a slice, at least once, after a call that is not measured: connections may have been closed.
func (r *result) add(call func() error, slice time.Duration) error {
	if err := call(); err != nil {
		return err
	}
	runtime.GC() // what the others left behind is not ours to collect
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	calls, began := 0., time.Now()
	for calls == 0 || time.Since(began) < slice {
		if err := call(); err != nil {
			return err
		}
		calls++
	}
	elapsed := time.Since(began)
	runtime.ReadMemStats(&after)
	r.seconds = append(r.seconds, elapsed.Seconds()/calls)
	r.allocations = append(r.allocations, float64(after.Mallocs-before.Mallocs)/calls)
	r.bytes = append(r.bytes, float64(after.TotalAlloc-before.TotalAlloc)/calls)
	return nil
}

// ratio compares times within each round.
func ratio(a, b result) string {
	ratios := make([]float64, len(a.seconds))
	for i := range ratios {
		ratios[i] = a.seconds[i] / b.seconds[i]
	}
	return fmt.Sprintf("%.2f (%.2f to %.2f)", median(ratios), quantile(ratios, 0.25), quantile(ratios, 0.75))
}

func median(values []float64) float64 { return quantile(values, 0.5) }

func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

// duration has three digits, which is more than the spread allows.
func duration(seconds float64) string {
	switch {
	case seconds < 1e-3:
		return fmt.Sprintf("%.3g µs", seconds*1e6)
	case seconds < 1:
		return fmt.Sprintf("%.3g ms", seconds*1e3)
	}
	return fmt.Sprintf("%.3g s", seconds)
}
