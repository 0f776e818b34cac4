package main

import (
	"encoding/json"
	"image/color"
	"math/rand/v2"
	"os"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// A line is the model: y = Slope·x + Intercept.
type line struct {
	Slope     float64 `json:"slope"`
	Intercept float64 `json:"intercept"`
}

// train fits a line to points around one, and writes the model and a plot into a folder.
func train(folder string) error {
	points := pointsAround(line{Slope: 2, Intercept: 1}, 100)
	fitted := fit(points)
	encoded, err := json.MarshalIndent(fitted, "", "  ")
	if err != nil {
		return err
	}
	for _, name := range []string{"model", "plots"} {
		if err := os.MkdirAll(filepath.Join(folder, name), 0o755); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "model", "line.json"), encoded, 0o600); err != nil {
		return err
	}
	return draw(points, fitted, filepath.Join(folder, "plots", "line and points.png"))
}

// pointsAround returns n points with some noise.
func pointsAround(l line, n int) plotter.XYs {
	random := rand.New(rand.NewPCG(1, 2)) // the same ones each time
	points := make(plotter.XYs, n)
	for i := range points {
		points[i].X = 10 * random.Float64()
		points[i].Y = l.Slope*points[i].X + l.Intercept + random.NormFloat64()
	}
	return points
}

// fit returns the line with the least squares.
func fit(points plotter.XYs) line {
	n := float64(len(points))
	var x, y, xx, xy float64
	for _, p := range points {
		x, y, xx, xy = x+p.X, y+p.Y, xx+p.X*p.X, xy+p.X*p.Y
	}
	slope := (n*xy - x*y) / (n*xx - x*x)
	return line{Slope: slope, Intercept: (y - slope*x) / n}
}

// draw writes a picture of the points and the line.
func draw(points plotter.XYs, l line, file string) error {
	p := plot.New()
	p.Title.Text = "A line through points"
	p.X.Label.Text, p.Y.Label.Text = "x", "y"
	scatter, err := plotter.NewScatter(points)
	if err != nil {
		return err
	}
	fitted := plotter.NewFunction(func(x float64) float64 { return l.Slope*x + l.Intercept })
	fitted.Color = color.RGBA{R: 200, A: 255}
	fitted.Width = vg.Points(2)
	p.Add(plotter.NewGrid(), scatter, fitted)
	p.Legend.Add("points", scatter)
	p.Legend.Add("fitted", fitted)
	return p.Save(6*vg.Inch, 4*vg.Inch, file)
}
