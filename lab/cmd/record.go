package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/lab/program"
	"github.com/mlflow-go/mlflow/lab/servers"
)

func record(ctx context.Context, args []string) error {
	if err := program.Parse(program.Flags("record"), args); err != nil {
		return err
	}
	names, err := serverNames(ctx, servers.Recorded)
	if err != nil {
		return err
	}
	var failures []error
	for _, name := range names {
		if err := recordServer(ctx, name); err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", name, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(failures...)
}

// recordServer records a fresh server: one with a past gives other ids.
func recordServer(ctx context.Context, name string) (err error) {
	fmt.Printf("%s: starting ...\n", name)
	server, err := servers.Start(ctx, name, servers.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Remove()) }()

	root, err := scenario.ModuleRoot()
	if err != nil {
		return err
	}
	// Those of tests that are no more have to go, unless only some tests are run.
	if os.Getenv("RUN") == "" {
		if err := os.RemoveAll(filepath.Join(root, "testdata", name)); err != nil {
			return err
		}
	}
	cmd, err := testCommand(server, "record", oneAtATime...)
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return servers.Run(ctx, cmd)
}
