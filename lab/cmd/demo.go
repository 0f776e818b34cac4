package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/lab/program"
	"github.com/mlflow-go/mlflow/lab/servers"
)

const (
	quickstart  = "./examples/quickstart"
	defaultPort = 5000 // MLflow's own
)

func demo(ctx context.Context, args []string) error {
	if err := program.Parse(program.Flags("demo"), args); err != nil {
		return err
	}
	if uri := os.Getenv("MLFLOW_TRACKING_URI"); uri != "" {
		fmt.Println("Using the server of MLFLOW_TRACKING_URI.")
		return normalEnd(ctx, runQuickstart(ctx, uri))
	}
	fmt.Println("MLFLOW_TRACKING_URI is not set: running a server for the demo.")
	return normalEnd(ctx, demoWithServer(ctx))
}

// demoWithServer uses the port that make server will use: the link that the quickstart prints then works there.
func demoWithServer(ctx context.Context) (err error) {
	port, err := portFromEnv()
	if err != nil {
		return err
	}
	server, err := start(ctx, port)
	if errors.Is(err, servers.ErrPortInUse) {
		fmt.Printf("Port %d is in use: taking a free one. "+
			"If an MLflow server is running there, MLFLOW_TRACKING_URI=http://127.0.0.1:%[1]d make demo uses that one.\n", port)
		server, err = start(ctx, 0)
	}
	if err != nil {
		return fmt.Errorf("%w\nTo use a server that is already running, set MLFLOW_TRACKING_URI to its address", err)
	}
	if err := errors.Join(runQuickstart(ctx, server.URI), server.Stop()); err != nil {
		return err
	}
	fmt.Println("Done. The demo's server is stopped, and its data is kept.")
	fmt.Println("To look at the link above in a browser, run:", serveCommand(server))
	return nil
}

// serveCommand returns the command that serves a server's data at the same address again.
func serveCommand(server *servers.Server) string {
	command := "make server"
	if server.Name != servers.Default {
		command = "SERVER=" + server.Name + " " + command
	}
	if server.Port() != defaultPort {
		command = fmt.Sprintf("PORT=%d %s", server.Port(), command)
	}
	return command
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

func serve(ctx context.Context, args []string) error {
	if err := program.Parse(program.Flags("serve"), args); err != nil {
		return err
	}
	port, err := portFromEnv()
	if err != nil {
		return err
	}
	server, err := start(ctx, port)
	if errors.Is(err, servers.ErrPortInUse) {
		return fmt.Errorf("port %d is in use: choose another one, such as PORT=%d make server", port, port+1)
	}
	if err != nil {
		return normalEnd(ctx, err)
	}
	fmt.Printf("Listening on %s until Ctrl-C. In another terminal: MLFLOW_TRACKING_URI=%[1]s make demo\n", server.URI)
	select {
	case <-ctx.Done():
		fmt.Println("\nStopping.")
	case <-server.Done(): // Stop says why
	}
	return server.Stop()
}

// normalEnd returns no error after a Ctrl-C, which is a normal way to end the demo or the server.
func normalEnd(ctx context.Context, err error) error {
	if err != nil && errors.Is(err, context.Cause(ctx)) {
		fmt.Println("\nStopped.")
		return nil
	}
	return err
}

// portFromEnv returns the port that PORT says, or else MLflow's own.
func portFromEnv() (int, error) {
	value := os.Getenv("PORT")
	if value == "" {
		return defaultPort, nil
	}
	port, err := strconv.Atoi(value)
	if err != nil || port < 1 || port > 65535 {
		return 0, fmt.Errorf("PORT is %q: set it to a port number", value)
	}
	return port, nil
}

// start starts the server that demo and serve share, and says what it does.
func start(ctx context.Context, port int) (*servers.Server, error) {
	root, err := scenario.ModuleRoot()
	if err != nil {
		return nil, err
	}
	name := cmp.Or(os.Getenv("SERVER"), servers.Default)
	if err := servers.CheckName(name); err != nil {
		return nil, fmt.Errorf("SERVER: %w", err)
	}
	if err := install(ctx, name); err != nil {
		return nil, err
	}
	fmt.Printf("Starting %s: this takes about 10 s, the first time 30 s ...\n", servers.Describe(name))
	began := time.Now()
	dir := filepath.Join(root, ".mlflow", "run", "server-"+name)
	server, err := servers.Start(ctx, name, servers.Options{Dir: dir, Port: port})
	if err != nil {
		return nil, err
	}
	fmt.Printf("Started in %s. Data and log: %s\n", seconds(time.Since(began)), server.Dir)
	return server, nil
}

// install installs the named server on first use, and says what that costs.
func install(ctx context.Context, name string) error {
	if servers.Installed(name) {
		return nil
	}
	fmt.Printf("Installing %s and its Python dependencies into .mlflow/, once.\n"+
		"This takes about half a minute and 840 MB of disk; to undo it, remove .mlflow/ ...\n", servers.Describe(name))
	began := time.Now()
	if err := servers.Install(ctx, name); err != nil {
		return err
	}
	fmt.Printf("Installed in %s.\n", seconds(time.Since(began)))
	return nil
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
