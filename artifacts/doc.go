// Package artifacts moves the files of runs: models, plots, checkpoints.
package artifacts
