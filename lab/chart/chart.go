// Package chart draws the plots of docs/.
package chart

import (
	"image/color"
	"os"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Colors can be told apart by color-blind readers too; they are Okabe's and Ito's.
var Colors = []color.Color{
	color.RGBA{R: 0x00, G: 0x72, B: 0xb2, A: 0xff}, // blue
	color.RGBA{R: 0xd5, G: 0x5e, B: 0x00, A: 0xff}, // vermilion
	color.RGBA{R: 0x00, G: 0x9e, B: 0x73, A: 0xff}, // green
}

// New returns an empty plot whose y axis begins at 0.
func New(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Title.Padding = vg.Points(6)
	p.Y.Min = 0
	p.Legend.Top = true
	p.Legend.Padding = vg.Points(3)
	p.Add(plotter.NewGrid())
	return p
}

// Line adds a line in one of the Colors, with a point at each value if there are few.
func Line(p *plot.Plot, name string, number int, values plotter.XYs) error {
	line, points, err := plotter.NewLinePoints(values)
	if err != nil {
		return err
	}
	line.Color, line.Width = Colors[number], vg.Points(1.5)
	p.Add(line)
	if len(values) < 10 {
		points.Color, points.Shape, points.Radius = Colors[number], draw.CircleGlyph{}, vg.Points(2.5)
		p.Add(points)
	}
	p.Legend.Add(name, line)
	return nil
}

// Write draws rows of plots into an SVG file. All rows are equally long.
func Write(file string, width, height vg.Length, rows [][]*plot.Plot) (err error) {
	canvas := vgsvg.New(width, height)
	surface := draw.New(canvas)
	surface.FillPolygon(color.White, []vg.Point{
		surface.Min, {X: surface.Max.X, Y: surface.Min.Y}, surface.Max, {X: surface.Min.X, Y: surface.Max.Y},
	})
	gap := vg.Points(12)
	tiles := draw.Tiles{
		Rows: len(rows), Cols: len(rows[0]), PadX: gap, PadY: gap, PadTop: gap, PadBottom: gap, PadLeft: gap, PadRight: gap,
	}
	for i, row := range plot.Align(rows, tiles, surface) {
		for j := range row {
			rows[i][j].Draw(row[j])
		}
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	if _, err := canvas.WriteTo(out); err != nil {
		_ = out.Close()
		return err
	}
	return out.Close()
}
