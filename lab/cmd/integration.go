package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/lab/program"
	"github.com/mlflow-go/mlflow/lab/servers"
	"github.com/mlflow-go/mlflow/lab/servers/matrix"
)

// testTimeout is long: one worker of a slow server takes all requests in turn.
const testTimeout = "20m"

// oneAtATime are the flags of go test by which no scenario runs beside another.
var oneAtATime = []string{"-p=1", "-parallel=1"}

// testPackages are those with scenarios.
var testPackages = []string{"./tracking", "./artifacts"}

func integration(ctx context.Context, args []string) error {
	flags := program.Flags("integration")
	output := flags.String("o", "", "also write the table to this `file`, as Markdown")
	resume := flags.Bool("resume", false, "skip what has passed in an earlier run")
	atOnce := flags.Int("at-once", 1, "how many servers to test at the same time")
	if err := program.Parse(flags, args); err != nil {
		return err
	}
	names, err := serverNames(ctx, servers.Matrix)
	if err != nil {
		return err
	}

	all := os.Getenv("SERVERS") == "all"
	columns := make([]matrix.Column, len(names))
	places := make(chan struct{}, max(1, *atOnce))
	var running sync.WaitGroup
	var mu sync.Mutex // of the file that is written
	var failures []error
	for i, name := range names {
		places <- struct{}{}
		running.Go(func() {
			defer func() { <-places }()
			column, err := columnOf(ctx, name, all, *resume)
			mu.Lock()
			defer mu.Unlock()
			columns[i] = column
			if err == nil && *output != "" { // after each server: a long run can be watched, or be cut short
				err = writeMarkdown(*output, slices.DeleteFunc(slices.Clone(columns), isMissing), all)
			}
			failures = append(failures, err)
		})
	}
	running.Wait()
	if err := errors.Join(failures...); err != nil || ctx.Err() != nil {
		return cmp.Or(context.Cause(ctx), err)
	}
	return report(columns, all)
}

// isMissing reports whether a server was not tested yet.
func isMissing(c matrix.Column) bool { return c.Server == "" }

// columnOf returns how a server did, in an earlier run if that may count.
func columnOf(ctx context.Context, name string, all, resume bool) (matrix.Column, error) {
	if ctx.Err() != nil {
		return matrix.Column{}, context.Cause(ctx)
	}
	if resume {
		if column, ok := loadColumn(name); ok {
			fmt.Printf("%s: passed earlier\n", name)
			return column, nil
		}
	}
	fmt.Printf("%s: testing ...\n", name)
	column := runServer(ctx, name, all)
	fmt.Printf("%s: %s\n", name, summary(column))
	if ctx.Err() != nil {
		return column, context.Cause(ctx)
	}
	return column, saveColumn(column)
}

// serverNames returns what SERVERS says, or else the given servers.
func serverNames(ctx context.Context, otherwise []string) ([]string, error) {
	value := os.Getenv("SERVERS")
	switch value {
	case "all":
		return servers.Releases(ctx)
	case "gate":
		return servers.Gate, nil
	}
	names := splitNames(value)
	for _, name := range names {
		if err := servers.CheckName(name); err != nil {
			return nil, fmt.Errorf("SERVERS: %w", err)
		}
	}
	if len(names) == 0 {
		return otherwise, nil
	}
	return names, nil
}

func splitNames(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' })
}

// runServer installs and starts a server, runs the tests against it, and stops it.
// If cleanUp is set it also uninstalls what it installed.
func runServer(ctx context.Context, name string, cleanUp bool) matrix.Column {
	began := time.Now()
	installed := servers.Installed(name)
	if err := servers.Install(ctx, name); err != nil {
		return matrix.Column{Server: name, Err: err.Error()}
	}
	if cleanUp && !installed {
		// What cannot be removed is found again by the next install.
		defer func() { _ = servers.Uninstall(context.WithoutCancel(ctx), name) }()
	}
	install := time.Since(began)

	began = time.Now()
	server, err := servers.Start(ctx, name, servers.Options{})
	if err != nil {
		return matrix.Column{Server: name, Err: err.Error()}
	}
	start := time.Since(began)

	began = time.Now()
	column := test(ctx, server)
	column.Install, column.Start, column.Tests = install, start, time.Since(began)

	stop := server.Remove
	if column.Failed() {
		stop = server.Stop // the log may tell why
	}
	if err := stop(); err != nil {
		column.Err = strings.TrimPrefix(column.Err+"\n"+err.Error(), "\n")
	}
	return column
}

// test runs the tests against a server.
func test(ctx context.Context, server *servers.Server) matrix.Column {
	flags := []string{"-json"}
	if value := os.Getenv("SERVERS"); value == "all" || value == "gate" {
		flags = append(flags, "-short") // what takes a minute takes more than an hour on all of them
	}
	if server.HasFileStore() {
		flags = append(flags, oneAtATime...)
	}
	cmd, err := testCommand(server, "live", flags...)
	if err != nil {
		return matrix.Column{Server: server.Name, Err: err.Error()}
	}
	events, writer := io.Pipe()
	cmd.Stdout, cmd.Stderr = writer, os.Stderr
	done := make(chan error, 1)
	go func() {
		err := servers.Run(ctx, cmd)
		writer.Close()
		done <- err
	}()
	column, readErr := matrix.Read(events, server.Name)
	err = <-done
	switch {
	case readErr != nil:
		column.Err = readErr.Error()
	case err != nil && len(column.Failures) == 0:
		column.Err = "go test: " + err.Error()
	case len(column.Scenarios) == 0 && !column.Failed():
		// A run that checks nothing must not look like one that passed.
		column.Err = "no test has a subtest named " + server.Name
	}
	return column
}

// testCommand returns the go test command for a server.
func testCommand(server *servers.Server, mode string, flags ...string) (*exec.Cmd, error) {
	args := append([]string{"test", "-count=1", "-timeout", testTimeout}, flags...)
	if run := os.Getenv("RUN"); run != "" {
		args = append(args, "-run", run)
	}
	cmd, err := goCommand(append(args, testPackages...)...)
	if err != nil {
		return nil, err
	}
	// What a user has set for their own server must not steer the tests.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, "MLFLOW_") && !strings.HasPrefix(variable, "MLFLOW_TEST_")
	})
	cmd.Env = append(cmd.Env,
		"MLFLOW_TEST_MODE="+mode,
		"MLFLOW_TEST_URI="+server.URI,
		"MLFLOW_TEST_SERVER="+server.Name,
		"MLFLOW_TEST_SERVER_DIR="+server.Dir,
		"MLFLOW_TEST_PYTHON="+server.Python,
	)
	if server.HasBasicAuth() {
		cmd.Env = append(cmd.Env, "MLFLOW_TEST_USERNAME="+servers.AdminUsername, "MLFLOW_TEST_PASSWORD="+servers.AdminPassword)
	}
	return cmd, nil
}

func summary(c matrix.Column) string {
	if c.Err != "" {
		return "FAILED"
	}
	return fmt.Sprintf("%d ok, %d skipped, %d failed (install %s, start %s, tests %s)",
		c.Count(matrix.OK), c.Count(matrix.Skip), max(c.Count(matrix.Fail), len(c.Failures)),
		seconds(c.Install), seconds(c.Start), seconds(c.Tests))
}

// report prints all failures, then the table, and fails if anything did.
func report(columns []matrix.Column, merge bool) error {
	failed := 0
	for _, c := range columns {
		if c.Failed() {
			failed++
		}
		if c.Err != "" {
			fmt.Printf("\n=== %s: %s\n", c.Server, c.Err)
		}
		for _, f := range c.Failures {
			fmt.Printf("\n=== %s: %s\n%s", c.Server, f.Test, f.Output)
		}
	}
	fmt.Println()
	if err := matrix.Text(os.Stdout, columns, merge); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("failures on %d of %d servers", failed, len(columns))
	}
	return nil
}

func writeMarkdown(name string, columns []matrix.Column, merge bool) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(matrix.Markdown(file, columns, merge), file.Close())
}

// columnFile names the file that keeps a server's column for -resume.
func columnFile(server string) (string, error) {
	root, err := scenario.ModuleRoot()
	return filepath.Join(root, ".mlflow", "matrix", server+".json"), err
}

func saveColumn(c matrix.Column) error {
	name, err := columnFile(c.Server)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	content, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return os.WriteFile(name, content, 0o644)
}

// loadColumn returns the column of a server whose tests have passed.
func loadColumn(server string) (matrix.Column, bool) {
	name, err := columnFile(server)
	if err != nil {
		return matrix.Column{}, false
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return matrix.Column{}, false
	}
	var c matrix.Column
	if json.Unmarshal(content, &c) != nil || c.Failed() {
		return matrix.Column{}, false
	}
	return c, true
}
