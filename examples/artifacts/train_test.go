package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTrain(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := train(folder); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"model/line.json", "plots/line and points.png"} {
		if info, err := os.Stat(filepath.Join(folder, filepath.FromSlash(name))); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	fitted := fit(pointsAround(line{Slope: 2, Intercept: 1}, 1000))
	if fitted.Slope < 1.9 || fitted.Slope > 2.1 {
		t.Errorf("the slope is %v, not about 2", fitted.Slope)
	}
}
