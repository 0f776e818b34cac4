package servers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mlflow-go/mlflow/internal/scenario"
)

// startTimeout limits how long a server may take until it responds. The first
// start of an environment compiles its Python code: 25 s on two cores.
const startTimeout = 2 * time.Minute

// launch starts the server's process and waits until it responds.
func (s *Server) launch(ctx context.Context) error {
	// A free port can be taken by somebody else before the server gets it.
	for attempt := 1; ; attempt++ {
		err := s.launchOnce(ctx)
		if err == nil || s.port != 0 || attempt == 3 || !errors.Is(err, ErrPortInUse) {
			return err
		}
	}
}

func (s *Server) launchOnce(ctx context.Context) error {
	port := s.port
	if port == 0 {
		var err error
		if port, err = freePort(); err != nil {
			return err
		}
	} else if err := waitForPort(ctx, port); err != nil {
		return fmt.Errorf("start %s: %w", s.Name, err)
	}
	log, err := os.OpenFile(s.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close() // the process has its own copy

	cmd, err := s.command(port)
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = log, log
	if s.process, err = startProcess(cmd); err != nil {
		return fmt.Errorf("start %s: %w", s.Name, err)
	}
	uri := "http://" + address(port)
	if err := s.waitForResponse(ctx, uri); err != nil {
		s.process.stop()
		return fmt.Errorf("start %s: %w", s.Name, err)
	}
	s.port, s.URI = port, uri // a restart finds them the same
	return nil
}

// command returns the server's command. It works in the server's folder and
// names files relative to it: a store's URI then needs no escaping.
func (s *Server) command(port int) (*exec.Cmd, error) {
	var cmd *exec.Cmd
	if s.spec.FastTrackML() {
		cmd = exec.Command(filepath.Join(filepath.Dir(s.Python), "fml"), "server",
			"--listen-address", address(port),
			"--database-uri", "sqlite://fasttrackml.db")
	} else {
		// Not bin/mlflow: it holds the path at which the environment was made.
		cmd = exec.Command(s.Python, "-m", "mlflow", "server",
			"--host", "127.0.0.1", "--port", strconv.Itoa(port),
			"--backend-store-uri", s.storeURI(),
			"--artifacts-destination", s.artifacts(),
			"--workers", "1")
	}
	cmd.Args = append(cmd.Args, s.opts.Args...)
	cmd.Dir = s.Dir
	cmd.Env = append(cleanEnviron(),
		"MLFLOW_ALLOW_FILE_STORE=true",             // 3.13+ refuses file stores otherwise
		"MLFLOW_DISABLE_TELEMETRY=true",            // 3.2+
		"MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false", // 3.17 would run 10 processes in 2 GB
		"PYTHONUNBUFFERED=1",                       // the log is complete when the server dies
	)
	if err := s.switchOn(cmd); err != nil {
		return nil, err
	}
	cmd.Env = append(cmd.Env, s.opts.Env...)
	return cmd, nil
}

// artifacts returns where the server keeps artifacts: in its folder, or in the bucket of its S3 server.
func (s *Server) artifacts() string {
	if s.storage != nil {
		return "s3://" + bucket
	}
	return "artifacts"
}

func (s *Server) storeURI() string {
	switch s.spec.Store {
	case scenario.StorePostgres:
		return s.database.uri()
	case scenario.StoreFile:
		return "./mlruns"
	default:
		return "sqlite:///mlflow.db"
	}
}

// cleanEnviron returns this process's environment without what would change
// what a server does or, as PYTHONDONTWRITEBYTECODE, how fast it starts.
func cleanEnviron() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, "MLFLOW_") || strings.HasPrefix(variable, "PYTHON")
	})
}

// waitForResponse returns when the server responds at uri, and fails when its
// process ends before or takes too long.
func (s *Server) waitForResponse(ctx context.Context, uri string) error {
	timeout := time.After(startTimeout)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-s.process.done:
			return s.failure()
		case <-timeout:
			return s.describe(fmt.Errorf("no response within %s", startTimeout))
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
			if responds(ctx, uri+"/health") {
				return nil
			}
		}
	}
}

// responds reports whether a server responds at url. Any response of its own will
// do: options can move the health endpoint or guard it.
func responds(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode < http.StatusInternalServerError
}

// failure says how a process that ended by itself did so.
func (s *Server) failure() error {
	status := s.process.err
	if status == nil {
		status = errors.New("exit status 0")
	}
	err := s.describe(status)
	if strings.Contains(strings.ToLower(lastLines(s.Log, 20)), "address already in use") {
		err = fmt.Errorf("%w: %w", ErrPortInUse, err)
	}
	return err
}

// describe adds the end of the log to err, below its first line.
func (s *Server) describe(err error) error {
	tail := lastLines(s.Log, 15)
	if tail == "" {
		return fmt.Errorf("%w\n\tits log %s is empty", err, s.Log)
	}
	return fmt.Errorf("%w\n\tits log %s ends with:\n%s", err, s.Log, indent(tail))
}
