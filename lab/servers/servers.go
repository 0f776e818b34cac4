// Package servers installs, starts and stops real tracking servers, for the
// demo, for looking around, and for testing and recording against them.
//
// # Names
//
// A server is a final MLflow release on SQLite, a release on another store, a
// release with MLflow's basic auth or workspaces switched on or with its
// artifacts on an S3 server, or FastTrackML, which speaks the same REST dialect:
//
//	3.17.2  2.22.5-postgres  3.1.4-file  2.22.5-basicauth  3.17.2-workspaces  3.17.2-s3  fasttrackml
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
//	tools/<name>/       one Python environment for each tool that is no server
//	run/<name>-<n>/     what one server stores, and its server.log
//
// Only a PostgreSQL database lives elsewhere: in a temporary folder, gone when
// the server stops. An S3 server keeps its objects in memory.
package servers

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mlflow-go/mlflow/internal/scenario"
)

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

// A Server is a tracking server that was started by this process and responds at
// URI. Its methods must not be called at the same time.
type Server struct {
	Name   string
	URI    string // http://127.0.0.1:<port>
	Dir    string // its data
	Log    string // the file with its output
	Python string // an interpreter that has the same release's Python client

	spec     scenario.Server
	opts     Options
	port     int
	process  *process
	database *database // nil unless on PostgreSQL
	storage  *storage  // nil unless artifacts are on S3
}

// HasFileStore reports whether the server keeps its runs in files. Such a server looks through all experiments for a
// run, and responds with 500 if one of them is deleted meanwhile.
func (s *Server) HasFileStore() bool { return s.spec.Store == scenario.StoreFile }

// Start installs the named server if need be, starts it, and returns once it
// responds. Canceling ctx later does not stop the server: call Stop.
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
	s := &Server{Name: name, spec: spec, opts: opts, port: opts.Port, Python: home.python(environment(spec))}
	made, err := s.makeDir(home)
	if err != nil {
		return nil, err
	}
	s.Log = filepath.Join(s.Dir, "server.log")
	if err := s.startAll(ctx); err != nil {
		err = errors.Join(err, s.database.stop())
		s.storage.stop()
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
	if s.spec.Store == scenario.StorePostgres {
		if s.database, err = startPostgres(ctx); err != nil {
			return fmt.Errorf("start %s: %w", s.Name, err)
		}
	}
	if s.spec.Feature == scenario.FeatureS3 {
		if s.storage, err = startStorage(ctx, s.Python, s.Dir); err != nil {
			return fmt.Errorf("start %s: %w", s.Name, err)
		}
	}
	return s.launch(ctx)
}

// Port returns the port that the server listens on.
func (s *Server) Port() int { return s.port }

// PIDs returns the processes that the server was started as: its own and, on PostgreSQL, that of the database. Their
// workers are below them.
func (s *Server) PIDs() []int {
	pids := []int{s.process.cmd.Process.Pid}
	if s.database != nil {
		pids = append(pids, s.database.process.cmd.Process.Pid)
	}
	return pids
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
	s.storage.stop()
	return errors.Join(err, s.database.stop())
}

// Remove stops the server and removes its data.
func (s *Server) Remove() error {
	return errors.Join(s.Stop(), os.RemoveAll(s.Dir))
}

// Kill ends the server's processes at once, as a crash does. A PostgreSQL
// database goes on. Restart brings the server back.
func (s *Server) Kill() { s.process.kill() }

// Restart starts a server that was killed again, with the same data and URI.
func (s *Server) Restart(ctx context.Context) error {
	s.process.kill()
	return s.launch(ctx)
}
