package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"text/tabwriter"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/lab/chart"
)

var sizes = []int{1000, 10_000, 100_000, 1_000_000}

// growing are the operations that are measured in all sizes.
var growing = []struct {
	name, items string
	of          func(n int) operation
}{
	{"LogBatch", "metrics", logBatch},
	{"AllRuns", "runs", func(n int) operation { return allRuns(n/1000, 1000, 10) }},
	{"AllMetrics", "points", allMetrics},
}

// served are all operations that the server knows: those of the table, and then those of each size.
func served() answerer {
	all := operations()
	for _, kind := range growing {
		for _, n := range sizes {
			all = append(all, kind.of(n))
		}
	}
	return all
}

// A point is what one call costs.
type point struct {
	Seconds float64
	Bytes   float64 // allocated
	Peak    float64 // bytes of memory that the whole process used
}

// growth measures each operation in each size, prints the points and plots them.
func growth(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("growth", flag.ExitOnError)
	most := flags.Int("most", sizes[len(sizes)-1], "items in a call")
	file := flags.String("plot", "", "write a plot to this SVG file")
	_ = flags.Parse(args) // exits
	uri, stop, err := startServer(ctx)
	if err != nil {
		return err
	}
	points, err := measureGrowth(ctx, uri, *most)
	if err := errors.Join(err, stop()); err != nil {
		return err
	}
	if err := printGrowth(points); err != nil || *file == "" {
		return err
	}
	return plotGrowth(*file, points)
}

// attempts is how often each point is measured, in rounds: one of them may meet a quiet moment.
const attempts = 3

// measureGrowth returns the fastest measurement of each operation in each size.
func measureGrowth(ctx context.Context, uri string, most int) ([][]point, error) {
	points := make([][]point, len(growing))
	for attempt := range attempts {
		for i, kind := range growing {
			for j, n := range sizes {
				if n > most {
					break
				}
				p, err := measurePoint(ctx, uri, len(operations())+i*len(sizes)+j)
				if err != nil {
					return nil, fmt.Errorf("%s of %d %s: %w", kind.name, n, kind.items, err)
				}
				if attempt == 0 {
					points[i] = append(points[i], p)
				} else if p.Seconds < points[i][j].Seconds {
					points[i][j] = p
				}
			}
		}
	}
	return points, nil
}

func printGrowth(points [][]point) error {
	fmt.Printf("%s; over loopback, each row is the fastest of %d processes.\n\n", machine(), attempts)
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 1, ' ', 0)
	fmt.Fprintln(out, "| operation\t| items\t| time\t| time per item\t| allocated per item\t| peak memory of the process\t|")
	fmt.Fprintln(out, "|---\t|---\t|---\t|---\t|---\t|---\t|")
	for i, kind := range growing {
		for j, p := range points[i] {
			n := sizes[j]
			fmt.Fprintf(out, "| %s\t| %s %s\t| %s\t| %s\t| %.0f bytes\t| %.0f MB\t|\n", kind.name, grouped(n), kind.items,
				duration(p.Seconds), duration(p.Seconds/float64(n)), p.Bytes/float64(n), p.Peak/1e6)
		}
	}
	return out.Flush()
}

// measurePoint has a process of its own call an operation, and adds how much memory that took.
func measurePoint(ctx context.Context, uri string, number int) (p point, err error) {
	self, err := os.Executable()
	if err != nil {
		return p, err
	}
	cmd := exec.CommandContext(ctx, self, "point", strconv.Itoa(number))
	cmd.Env = append(os.Environ(), "MLFLOW_TRACKING_URI="+uri+"/"+strconv.Itoa(number))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(out, &p); err != nil {
		return p, err
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		p.Peak = float64(usage.Maxrss) * 1024 // in KB on Linux
	}
	return p, nil
}

// printPoint calls the operation of a number for a second, at least twice, and prints what a call costs. Small calls then
// pay for the garbage collector as large ones do.
func printPoint(ctx context.Context, args []string) error {
	i, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	client, err := mlflow.NewClient()
	if err != nil {
		return err
	}
	op := served()[i]
	var r result
	if err := r.add(func() error { return op.ours(ctx, client.Tracking()) }, time.Second); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(point{Seconds: r.seconds[0], Bytes: r.bytes[0]})
}

// plotGrowth draws time and memory side by side.
func plotGrowth(file string, points [][]point) error {
	panels := []struct {
		title, unit string
		of          func(points []point, i int) float64
	}{
		{"Time per item", "relative to 1,000 items", func(p []point, i int) float64 {
			return p[i].Seconds / p[0].Seconds * float64(sizes[0]) / float64(sizes[i])
		}},
		{"Allocated per item", "relative to 1,000 items", func(p []point, i int) float64 {
			return p[i].Bytes / p[0].Bytes * float64(sizes[0]) / float64(sizes[i])
		}},
		{"Peak memory of the process", "MB", func(p []point, i int) float64 { return p[i].Peak / 1e6 }},
	}
	row := make([]*plot.Plot, len(panels))
	for i, panel := range panels {
		p := chart.New(panel.title, "items in one call", panel.unit)
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, ticks()
		p.Legend.Left = true
		for k, kind := range growing {
			line := make(plotter.XYs, len(points[k]))
			for j := range line {
				line[j] = plotter.XY{X: float64(sizes[j]), Y: panel.of(points[k], j)}
			}
			if err := chart.Line(p, kind.name, k, line); err != nil {
				return err
			}
		}
		p.Y.Max *= 1.5 // room for the legend
		row[i] = p
	}
	return chart.Write(file, 27*vg.Centimeter, 9*vg.Centimeter, [][]*plot.Plot{row})
}

func ticks() plot.ConstantTicks {
	var all plot.ConstantTicks
	for _, n := range sizes {
		all = append(all, plot.Tick{Value: float64(n), Label: grouped(n)})
	}
	return all
}
