package main

import (
	"fmt"
	"os"
	"time"

	"github.com/mlflow-go/mlflow/tracking"
)

// showProgress keeps a line up to date that says how far the values have come, if the file is a terminal. It returns a
// function that ends it.
func showProgress(file *os.File, batcher *tracking.Batcher) (stop func()) {
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return func() {}
	}
	ending, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			fmt.Fprintf(file, "\r\x1b[K%s", progressLine(batcher.Stats()))
			select {
			case <-ending:
				fmt.Fprintln(file)
				return
			case <-tick.C:
			}
		}
	}()
	return func() {
		close(ending)
		<-ended
	}
}

// progressLine says how far values have come.
func progressLine(s tracking.BatcherStats) string {
	line := fmt.Sprintf("%d queued, %d sent, lag %.1f s", s.Queued, s.Sent, s.Lag.Seconds())
	if s.Failed > 0 {
		line += fmt.Sprintf(", %d refused", s.Failed)
	}
	return line
}
