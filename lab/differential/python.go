package differential

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/lab/servers"
	"github.com/mlflow-go/mlflow/mlflowtest"
)

// comparePython lets MLflow's own client work with both servers, and compares what it sees.
func comparePython(ctx context.Context, release string) (err error) {
	server, err := servers.Start(ctx, release, servers.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Remove()) }()
	memory := mlflowtest.NewServer()
	defer memory.Close()
	var outputs [2]string
	for i, uri := range []string{server.URI, memory.URL} {
		if outputs[i], err = runPython(ctx, server.Python, uri); err != nil {
			return err
		}
	}
	theirs, ours := strings.Split(outputs[0], "\n"), strings.Split(outputs[1], "\n")
	for i, line := range theirs {
		if i >= len(ours) || ours[i] != line {
			return fmt.Errorf("MlflowClient of %s sees another thing in line %d:\nreal:       %s\nmlflowtest: %s", release, i+1, line,
				strings.Join(ours[min(i, len(ours)):], "\n"))
		}
	}
	fmt.Printf("MlflowClient of %s sees the same on both, in %d lines\n", release, len(theirs)-1)
	return nil
}

func runPython(ctx context.Context, python, uri string) (string, error) {
	root, err := scenario.ModuleRoot()
	if err != nil {
		return "", err
	}
	var output, log strings.Builder
	cmd := exec.CommandContext(ctx, python, filepath.Join(root, "lab", "python", "client.py"), uri)
	cmd.Env = append(os.Environ(), "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT=true") // it holds IDs
	cmd.Stdout, cmd.Stderr = &output, &log
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("client.py on %s: %w\n%s", uri, err, log.String())
	}
	return output.String(), nil
}
