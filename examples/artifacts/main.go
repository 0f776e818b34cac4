// Artifacts fits a line to points, logs a folder with the model and a plot of it to a run, and copies it back.
//
//	MLFLOW_TRACKING_URI=http://localhost:5000 go run .
//
// It is a module of its own, so that nobody who uses the library needs a library for plots.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/artifacts"
	"github.com/mlflow-go/mlflow/tracking"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	client, err := mlflow.NewClient()
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "artifacts-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	folder := filepath.Join(work, "line")
	if err := train(folder); err != nil {
		return err
	}

	experiment, err := client.Tracking().GetOrCreateExperiment(ctx, "artifacts")
	if err != nil {
		return err
	}
	created, err := client.Tracking().CreateRun(ctx, experiment.ID, tracking.WithRunName("line"))
	if err != nil {
		return err
	}
	runID := created.Info.RunID
	status := tracking.RunStatusFailed
	defer func() {
		// Even if the program was interrupted, the run must not stay RUNNING.
		if err := client.Tracking().SetTerminated(context.WithoutCancel(ctx), runID, status); err != nil {
			log.Print(err)
		}
	}()
	if err := logAndCheck(ctx, client.Artifacts(), runID, folder, filepath.Join(work, "copy")); err != nil {
		return err
	}
	status = tracking.RunStatusFinished
	fmt.Printf("%s/#/experiments/%s/runs/%s/artifacts\n", client.TrackingURI(), experiment.ID, runID)
	return nil
}

// logAndCheck logs a folder, lists what the run has then, copies it into another folder, and compares.
func logAndCheck(ctx context.Context, client *artifacts.Client, runID, folder, another string) error {
	progress := artifacts.WithProgress(func(done, total int64) { fmt.Printf("\r%d of %d bytes", done, total) })
	if err := client.LogArtifacts(ctx, runID, "", os.DirFS(folder), progress); err != nil {
		return err
	}
	fmt.Println()
	stored := client.FS(ctx, runID)
	err := fs.WalkDir(stored, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		fmt.Printf("%8d  %s\n", info.Size(), name)
		return nil
	})
	if err != nil {
		return err
	}
	if err := os.CopyFS(another, stored); err != nil {
		return err
	}
	return compare(os.DirFS(folder), os.DirFS(another))
}

// compare returns an error if a file is not the same in both folders.
func compare(want, got fs.FS) error {
	return fs.WalkDir(want, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		one, err := fs.ReadFile(want, name)
		if err != nil {
			return err
		}
		other, err := fs.ReadFile(got, name)
		if err == nil && !bytes.Equal(one, other) {
			err = fmt.Errorf("%s came back as something else", name)
		}
		return err
	})
}
