package servers

import (
	"context"
	"os/exec"
	"time"
)

// stopTimeout is how long processes that were asked to end may take.
const stopTimeout = 10 * time.Second

// A process is a command that was started together with its descendants in a
// process group of its own: a server's workers end with it, and a Ctrl-C at the
// terminal does not reach them, so that they can be ended in order.
type process struct {
	cmd   *exec.Cmd
	done  chan struct{} // closed when the whole group has ended
	err   error         // how cmd ended, once done is closed
	asked bool          // by us, to end
}

func startProcess(cmd *exec.Cmd) (*process, error) {
	if err := isolate(cmd); err != nil {
		return nil, err
	}
	cmd.WaitDelay = time.Second // orphans may hold its output open
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		kill(cmd.Process.Pid)
		close(p.done)
	}()
	return p, nil
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// stop asks the group to end, and kills it if it does not.
func (p *process) stop() {
	if p.ended() {
		return
	}
	p.asked = true
	terminate(p.cmd.Process.Pid)
	select {
	case <-p.done:
	case <-time.After(stopTimeout):
		p.kill()
	}
}

func (p *process) kill() {
	if p.ended() {
		return
	}
	p.asked = true
	kill(p.cmd.Process.Pid)
	<-p.done
}

// Run runs a command like [exec.Cmd.Run], and ends it together with its
// descendants when ctx is done.
func Run(ctx context.Context, cmd *exec.Cmd) error {
	p, err := startProcess(cmd)
	if err != nil {
		return err
	}
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		p.stop()
		return context.Cause(ctx)
	}
}
