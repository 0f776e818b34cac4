package outage

import (
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/mlflow-go/mlflow/lab/chart"
)

// draw plots what arrives at the server, one plot below the other, all with the same axes.
func draw(file string, names []string, results []result) error {
	rows := make([][]*plot.Plot, len(results))
	for i, r := range results {
		p := chart.New(names[i], "", "requests/s")
		p.X.Max, p.Y.Max = 120, clients*1.2
		span, err := plotter.NewPolygon(plotter.XYs{
			{X: r.leaves.Seconds()}, {X: r.leaves.Seconds(), Y: p.Y.Max}, {X: r.comesBack.Seconds(), Y: p.Y.Max}, {X: r.comesBack.Seconds()},
		})
		if err != nil {
			return err
		}
		span.Color, span.Width = color.Gray{Y: 0xdd}, 0
		p.Add(span)
		p.Legend.Add("outage", span)
		line := make(plotter.XYs, min(len(r.arrivals), 120))
		for second := range line {
			line[second] = plotter.XY{X: float64(second), Y: float64(r.arrivals[second])}
		}
		if err := chart.Line(p, "arriving", i, line); err != nil {
			return err
		}
		rows[i] = []*plot.Plot{p}
	}
	rows[len(rows)-1][0].X.Label.Text = "seconds"
	return chart.Write(file, 22*vg.Centimeter, 20*vg.Centimeter, rows)
}
