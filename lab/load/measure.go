package load

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/lab/program"
	"github.com/mlflow-go/mlflow/lab/servers"
)

// A row is what a load came to.
type row struct {
	report         // of all processes; Seconds are those of the slowest
	failed     int // calls
	serverCPU  float64
	firstError string
}

// measure starts the client processes, lets them go at once, and adds up what they report.
func (l load) measure(ctx context.Context, server *servers.Server) (row, error) {
	processes := make([]*process, l.processes)
	for i := range processes {
		var err error
		if processes[i], err = l.start(ctx, server); err != nil {
			return row{}, err
		}
	}
	before, err := cpuTime(server.PIDs()...)
	for _, p := range processes {
		_, failure := io.WriteString(p.in, "go\n")
		err = errors.Join(err, failure)
	}
	if err != nil {
		return row{}, err
	}
	var sum row
	for _, p := range processes {
		r, err := p.report()
		if err != nil {
			return row{}, err
		}
		sum.add(r)
	}
	after, err := cpuTime(server.PIDs()...)
	sum.serverCPU = (after - before).Seconds()
	return sum, err
}

func (w *row) add(r report) {
	w.Seconds = max(w.Seconds, r.Seconds)
	w.CPU += r.CPU
	w.Latencies = append(w.Latencies, r.Latencies...)
	w.Attempts += r.Attempts
	w.failed += len(r.Errors)
	if len(r.Errors) > 0 {
		w.firstError = r.Errors[0]
	}
}

// A process is a client that waits to begin.
type process struct {
	cmd *exec.Cmd
	in  io.Writer
	out *bufio.Scanner
}

func (l load) start(ctx context.Context, server *servers.Server) (*process, error) {
	text, err := json.Marshal(l.job)
	if err != nil {
		return nil, err
	}
	cmd, err := l.command(ctx, server, string(text))
	if err != nil {
		return nil, err
	}
	cmd.Env = append(os.Environ(), "MLFLOW_TRACKING_URI="+server.URI)
	cmd.Stderr = new(bytes.Buffer) // Python's client warns of each retry
	p := &process{cmd: cmd}
	if p.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p.out = bufio.NewScanner(out)
	p.out.Buffer(nil, 64<<20) // a report is one line
	if !p.out.Scan() {        // the line that says so
		return nil, p.failure()
	}
	return p, nil
}

func (l load) command(ctx context.Context, server *servers.Server, job string) (*exec.Cmd, error) {
	if l.python {
		root, err := scenario.ModuleRoot()
		return exec.CommandContext(ctx, server.Python, filepath.Join(root, "lab", "python", "load.py"), job), err
	}
	return program.Self(ctx, "load", child, job)
}

// report waits for what a process reports, and for its end.
func (p *process) report() (r report, err error) {
	if !p.out.Scan() {
		return r, p.failure()
	}
	if err := json.Unmarshal(p.out.Bytes(), &r); err != nil {
		return r, err
	}
	return r, p.cmd.Wait()
}

// failure says why a process ended early.
func (p *process) failure() error {
	return fmt.Errorf("client: %w\n%s", errors.Join(p.out.Err(), p.cmd.Wait()), p.cmd.Stderr)
}
