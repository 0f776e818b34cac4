// Package servers installs, starts and stops real tracking servers, for the
// demo, for looking around, and for testing and recording against them.
//
// # Names
//
// A server is a final MLflow release on SQLite, a release on another store, or
// FastTrackML, which speaks the same REST dialect:
//
//	3.17.2  2.22.5-postgres  3.1.4-file  fasttrackml
//
// Releases before 2.9.2 are not supported, nor file stores where a release
// has dropped them.
//
// # Files
//
// Everything is kept in .mlflow at the module root, which Git ignores:
//
//	uv/                 the installer, put there by pip
//	cache/              its downloads
//	envs/<release>/     one Python environment for each release
//	run/<name>-<n>/     what one server stores, and its server.log
//
// Only a PostgreSQL database lives elsewhere: in a temporary folder, gone when
// the server stops.
package servers

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// startTimeout bounds how long a server may take until it answers. The first
// start of an environment compiles its Python code: 25 s on two cores.
const startTimeout = 2 * time.Minute

// Options say how to start a server. The zero value is a fresh server on a free port.
type Options struct {
	// Dir is where the server keeps its data and log. Starting on the data of an
	// earlier server of the same name continues with it, except on PostgreSQL.
	// Empty means a new folder in .mlflow/run.
	Dir string
	// Port on 127.0.0.1. 0 means a free one.
	Port int
	// Args are added to the server's command line, such as "--enable-workspaces".
	Args []string
	// Env are variables for the server, as "NAME=value". The caller's own
	// MLFLOW_ and Python variables are kept from it.
	Env []string
}

// A Server is a tracking server that was started by this process and answers at
// URI. Its methods must not be called at the same time.
type Server struct {
	Name   string
	URI    string // http://127.0.0.1:<port>
	Dir    string // its data
	Log    string // the file with its output
	Python string // an interpreter that has the same release's Python client

	spec     spec
	opts     Options
	port     int
	process  *process
	database *database // nil unless on PostgreSQL
}

// Start installs the named server if need be, starts it, and returns once it
// answers. Canceling ctx later does not stop the server: call Stop.
func Start(ctx context.Context, name string, opts Options) (*Server, error) {
	if err := Install(ctx, name); err != nil {
		return nil, err
	}
	spec, err := parse(name)
	if err != nil {
		return nil, err
	}
	home, err := findHome()
	if err != nil {
		return nil, err
	}
	s := &Server{Name: name, spec: spec, opts: opts, port: opts.Port, Python: home.python(spec.environment())}
	made, err := s.makeDir(home)
	if err != nil {
		return nil, err
	}
	s.Log = filepath.Join(s.Dir, "server.log")
	if err := s.startAll(ctx); err != nil {
		err = errors.Join(err, s.database.stop())
		// A database whose making was interrupted would fail each later start.
		if ctx.Err() != nil && made {
			err = errors.Join(err, os.RemoveAll(s.Dir))
		}
		return nil, err
	}
	return s, nil
}

// makeDir makes the folder for the server's data, and reports whether there was
// none before.
func (s *Server) makeDir(home home) (made bool, err error) {
	if s.opts.Dir == "" {
		run := filepath.Join(string(home), "run")
		if err := os.MkdirAll(run, 0o755); err != nil {
			return false, err
		}
		s.Dir, err = os.MkdirTemp(run, s.Name+"-")
		return true, err
	}
	if s.Dir, err = filepath.Abs(s.opts.Dir); err != nil {
		return false, err
	}
	_, err = os.Stat(s.Dir)
	return errors.Is(err, fs.ErrNotExist), os.MkdirAll(s.Dir, 0o755)
}

func (s *Server) startAll(ctx context.Context) (err error) {
	if s.spec.store == storePostgres {
		if s.database, err = startPostgres(ctx); err != nil {
			return fmt.Errorf("start %s: %w", s.Name, err)
		}
	}
	return s.launch(ctx)
}

// Done is closed when the server has ended, asked to or not.
func (s *Server) Done() <-chan struct{} { return s.process.done }

// Stop ends the server and all its processes. Its data stays in Dir. If the
// server had ended by itself, Stop returns an error that says so.
func (s *Server) Stop() error {
	var err error
	if s.process.ended() && !s.process.asked {
		err = fmt.Errorf("%s ended by itself: %w", s.Name, s.failure())
	}
	s.process.stop()
	return errors.Join(err, s.database.stop())
}

// Remove stops the server and removes its data.
func (s *Server) Remove() error {
	return errors.Join(s.Stop(), os.RemoveAll(s.Dir))
}

// Kill ends the server's processes at once, like a crash of its machine.
// A PostgreSQL database goes on. Restart brings the server back.
func (s *Server) Kill() { s.process.kill() }

// Restart starts a server that was killed again, with the same data and URI.
func (s *Server) Restart(ctx context.Context) error {
	s.process.kill()
	return s.launch(ctx)
}

// launch starts the server's process and waits until it answers.
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

	cmd := s.command(port)
	cmd.Stdout, cmd.Stderr = log, log
	if s.process, err = startProcess(cmd); err != nil {
		return fmt.Errorf("start %s: %w", s.Name, err)
	}
	uri := "http://127.0.0.1:" + strconv.Itoa(port)
	if err := s.waitForAnswer(ctx, uri); err != nil {
		s.process.stop()
		return fmt.Errorf("start %s: %w", s.Name, err)
	}
	s.port, s.URI = port, uri // a restart finds them the same
	return nil
}

// command returns the server's command. It works in the server's folder and
// names files relative to it: a store's URI then needs no escaping.
func (s *Server) command(port int) *exec.Cmd {
	bin := filepath.Dir(s.Python)
	var cmd *exec.Cmd
	if s.spec.product == fastTrackML {
		cmd = exec.Command(filepath.Join(bin, "fml"), "server",
			"--listen-address", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
			"--database-uri", "sqlite://fasttrackml.db")
	} else {
		cmd = exec.Command(filepath.Join(bin, "mlflow"), "server",
			"--host", "127.0.0.1", "--port", strconv.Itoa(port),
			"--backend-store-uri", s.storeURI(),
			"--artifacts-destination", "artifacts",
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
	cmd.Env = append(cmd.Env, s.opts.Env...)
	return cmd
}

func (s *Server) storeURI() string {
	switch s.spec.store {
	case storePostgres:
		return s.database.uri()
	case storeFile:
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

// waitForAnswer returns when the server answers at uri, and fails when its
// process ends before or takes too long.
func (s *Server) waitForAnswer(ctx context.Context, uri string) error {
	timeout := time.After(startTimeout)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-s.process.done:
			return s.failure()
		case <-timeout:
			return s.describe(fmt.Errorf("no answer within %s", startTimeout))
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
			if answers(ctx, uri+"/health") {
				return nil
			}
		}
	}
}

// answers reports whether a server answers at url. Any answer of its own will
// do: options can move the health endpoint or guard it.
func answers(ctx context.Context, url string) bool {
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

// ErrPortInUse is why a server with a given port cannot start.
var ErrPortInUse = errors.New("the port is in use")

// freePort returns a port that nobody listened on a moment ago.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// waitForPort returns when port is free. A killed server's processes may hold
// it for another moment.
func waitForPort(ctx context.Context, port int) error {
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for attempt := 1; ; attempt++ {
		listener, err := net.Listen("tcp", address)
		if err == nil {
			return listener.Close()
		}
		if attempt == 20 {
			return fmt.Errorf("%w: %w", ErrPortInUse, err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// lastLines returns up to n lines from the end of a file, or nothing if it
// cannot be read.
func lastLines(file string, n int) string {
	content, _ := os.ReadFile(file)
	return tail(string(content), n)
}

func tail(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

func indent(text string) string {
	return "\t" + strings.ReplaceAll(text, "\n", "\n\t")
}
