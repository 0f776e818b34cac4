package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/lab/servers"
)

const (
	quickstart  = "./examples/quickstart"
	defaultPort = 5000 // MLflow's own
)

func demo(ctx context.Context, args []string) (err error) {
	if err := parseFlags(flag.NewFlagSet("demo", flag.ExitOnError), args); err != nil {
		return err
	}
	if uri := os.Getenv("MLFLOW_TRACKING_URI"); uri != "" {
		fmt.Println("Using the server of MLFLOW_TRACKING_URI.")
		return runQuickstart(ctx, uri)
	}
	fmt.Println("MLFLOW_TRACKING_URI is not set: running a server for the demo.")
	server, err := start(ctx, 0)
	if err != nil {
		return fmt.Errorf("%w\nTo use a server that is already running, set MLFLOW_TRACKING_URI to its address", err)
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	if err := runQuickstart(ctx, server.URI); err != nil {
		return err
	}
	fmt.Println("Done. To look at the results in a browser, run: make server")
	return nil
}

// runQuickstart shows the command that it runs: it works without us.
func runQuickstart(ctx context.Context, uri string) error {
	fmt.Printf("Running: MLFLOW_TRACKING_URI=%s go run %s\n\n", uri, quickstart)
	cmd, err := goCommand("run", quickstart)
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "MLFLOW_TRACKING_URI="+uri)
	if err := servers.Run(ctx, cmd); err != nil {
		return fmt.Errorf("%s: %w", quickstart, err)
	}
	fmt.Println()
	return nil
}

func serve(ctx context.Context, args []string) (err error) {
	if err := parseFlags(flag.NewFlagSet("serve", flag.ExitOnError), args); err != nil {
		return err
	}
	port := defaultPort
	if value := os.Getenv("PORT"); value != "" {
		if port, err = strconv.Atoi(value); err != nil || port < 1 || port > 65535 {
			return fmt.Errorf("PORT is %q: set it to a port number", value)
		}
	}
	server, err := start(ctx, port)
	if errors.Is(err, servers.ErrPortInUse) {
		return fmt.Errorf("port %d is in use: choose another one, such as PORT=%d make server", port, port+1)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	fmt.Printf("Listening on %s until Ctrl-C. In another terminal: MLFLOW_TRACKING_URI=%[1]s make demo\n", server.URI)
	select {
	case <-ctx.Done():
		fmt.Println("\nStopping.")
	case <-server.Done(): // Stop says why
	}
	return nil
}

// start starts the server that demo and serve share, and says what it does.
func start(ctx context.Context, port int) (*servers.Server, error) {
	root, err := scenario.ModuleRoot()
	if err != nil {
		return nil, err
	}
	name := cmp.Or(os.Getenv("SERVER"), servers.Newest)
	if err := servers.CheckName(name); err != nil {
		return nil, fmt.Errorf("SERVER: %w", err)
	}
	dir := filepath.Join(root, ".mlflow", "run", "server-"+name)
	if !servers.Installed(name) {
		fmt.Printf("Installing %s into .mlflow, once: this takes about half a minute ...\n", name)
		began := time.Now()
		if err := servers.Install(ctx, name); err != nil {
			return nil, err
		}
		fmt.Printf("Installed in %s.\n", seconds(time.Since(began)))
	}
	fmt.Printf("Starting %s: this takes about 10 s, the first time 30 s ...\n", name)
	began := time.Now()
	server, err := servers.Start(ctx, name, servers.Options{Dir: dir, Port: port})
	if err != nil {
		return nil, err
	}
	fmt.Printf("Started in %s. Data and log: %s\n", seconds(time.Since(began)), server.Dir)
	return server, nil
}

// goCommand returns a go command that works at the module root.
func goCommand(args ...string) (*exec.Cmd, error) {
	root, err := scenario.ModuleRoot()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	return cmd, nil
}

func seconds(d time.Duration) string { return d.Round(100 * time.Millisecond).String() }

// exitCode passes on the status of a command that failed.
func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return exit.ExitCode()
	}
	return 1
}
