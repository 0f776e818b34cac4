// Package schemathesis lets the tool of that name make requests out of openapi/mlflow.yaml, valid ones and invalid ones, and send
// them to a real MLflow server. The responses must be as the document says, and no request may make the server fail. What
// it finds must be known, with the reason.
//
//	go -C lab run ./cmd schemathesis [-seed N] [-examples 100]
//
// Requests come in the same order for the same seed, but IDs and times in them are those of the server.
package schemathesis

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/lab/program"
	"github.com/mlflow-go/mlflow/lab/servers"
	"github.com/mlflow-go/mlflow/tracking"
)

// Run is the subcommand schemathesis: it starts a server, sends requests, and compares what was found with what is known.
func Run(ctx context.Context, args []string) error {
	flags := program.Flags("schemathesis")
	seed := flags.Uint64("seed", 1, "of the requests")
	examples := flags.Int("examples", 100, "how many requests to make up for an operation, at most, besides those at limits")
	if err := program.Parse(flags, args); err != nil {
		return err
	}
	if err := run(ctx, *seed, *examples); err != nil {
		return fmt.Errorf("seed %d: %w", *seed, err)
	}
	return nil
}

func run(ctx context.Context, seed uint64, examples int) error {
	root, err := scenario.ModuleRoot()
	if err != nil {
		return err
	}
	server, err := servers.Start(ctx, servers.Default, servers.Options{})
	if err != nil {
		return err
	}
	report, err := send(ctx, root, server.URI, seed, examples)
	if err != nil {
		return errors.Join(err, server.Stop())
	}
	found, err := findings(report, server.Log)
	if err := errors.Join(err, server.Remove()); err != nil {
		return err
	}
	return judge(found)
}

// send lets the tool send its requests, and returns the file with its report.
func send(ctx context.Context, root, uri string, seed uint64, examples int) (report string, err error) {
	source := filepath.Join(root, "lab", "schemathesis")
	bin, err := servers.InstallTool(ctx, "schemathesis", filepath.Join(source, "requirements.txt"))
	if err != nil {
		return "", err
	}
	folder := filepath.Join(root, ".mlflow", "schemathesis")
	if err := errors.Join(os.RemoveAll(folder), os.MkdirAll(folder, 0o755)); err != nil {
		return "", err
	}
	document, err := withoutDefaults(filepath.Join(root, "openapi", "mlflow.yaml"), folder)
	if err != nil {
		return "", err
	}
	experimentID, runID, err := prepare(ctx, uri)
	if err != nil {
		return "", err
	}
	report = filepath.Join(folder, "report.ndjson")
	tool := exec.Command(filepath.Join(bin, "schemathesis"), "--config-file", filepath.Join(source, "schemathesis.toml"),
		"run", document, "--url", uri, "--seed", strconv.FormatUint(seed, 10), "--max-examples", strconv.Itoa(examples),
		"--exclude-tag", "artifacts", // files are written and read by code of another kind, of whose failures the log says nothing
		"--report-ndjson-path", report)
	tool.Dir = folder
	tool.Env = append(os.Environ(), "SCHEMATHESIS_HOOKS=hooks", "PYTHONPATH="+source, "PYTHONDONTWRITEBYTECODE=1",
		"PYTHONHASHSEED=0", "RUN_ID="+runID, "EXPERIMENT_ID="+experimentID)
	output, err := os.Create(filepath.Join(folder, "output.txt"))
	if err != nil {
		return "", err
	}
	defer output.Close() //nolint:errcheck // the tool has its own copy
	tool.Stdout, tool.Stderr = output, output
	fmt.Println("Sending requests for some minutes; the tool's output is in", output.Name())
	err = servers.Run(ctx, tool)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 1 {
		return report, nil // it has found something
	}
	return report, err
}

// withoutDefaults copies the document without what it says of statuses that it does not name. Otherwise no status at all
// would be one that it does not know.
func withoutDefaults(document, folder string) (string, error) {
	content, err := os.ReadFile(document)
	if err != nil {
		return "", err
	}
	lines := slices.DeleteFunc(strings.Split(string(content), "\n"), func(line string) bool {
		return strings.HasPrefix(line, "        default: {$ref:")
	})
	if len(lines) > strings.Count(string(content), "\n") {
		return "", fmt.Errorf("%s has no default responses", document)
	}
	file := filepath.Join(folder, "mlflow.yaml")
	return file, os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o644)
}

// prepare creates an experiment, and a run that has a bit of everything.
func prepare(ctx context.Context, uri string) (experimentID, runID string, err error) {
	client, err := mlflow.NewClient(mlflow.WithTrackingURI(uri))
	if err != nil {
		return "", "", err
	}
	experimentID, err = client.Tracking().CreateExperiment(ctx, "schemathesis")
	if err != nil {
		return "", "", err
	}
	run, err := client.Tracking().CreateRun(ctx, experimentID, tracking.WithRunName("stays"))
	if err != nil {
		return "", "", err
	}
	runID = run.Info.RunID
	return experimentID, runID, errors.Join(
		client.Tracking().LogMetric(ctx, runID, "0", 0.5),
		client.Tracking().LogParam(ctx, runID, "0", "0.1"),
		client.Tracking().SetTag(ctx, runID, "0", "smoke"),
		client.Tracking().SetExperimentTag(ctx, experimentID, "0", "vision"),
	)
}
