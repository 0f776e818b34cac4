//go:build linux || darwin

package servers

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// startFamily starts a process that prints its child's id and then does as told.
func startFamily(t *testing.T, then string) (p *process, child int) {
	t.Helper()
	cmd := exec.Command("sh", "-c", "sleep 60 & echo $!; "+then)
	stdout, writer, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { stdout.Close() })
	cmd.Stdout = writer
	p, err = startProcess(cmd)
	writer.Close()
	require.NoError(t, err)
	t.Cleanup(p.kill)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	child, err = strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err)
	return p, child
}

func assertGone(t *testing.T, pid int) {
	t.Helper()
	assert.Eventually(t, func() bool {
		// A process whose parent has ended may stay as a zombie for a while.
		state, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
		return err != nil || strings.HasPrefix(string(state), "Z")
	}, 5*time.Second, 20*time.Millisecond, "process %d is still there", pid)
}

func TestStopEndsChildren(t *testing.T) {
	t.Parallel()
	p, child := startFamily(t, "wait")
	p.stop()
	assert.True(t, p.ended())
	assertGone(t, child)
}

func TestChildrenEndWithTheirParent(t *testing.T) {
	t.Parallel()
	p, child := startFamily(t, "exit 3")
	<-p.done
	var exit *exec.ExitError
	require.ErrorAs(t, p.err, &exit)
	assert.Equal(t, 3, exit.ExitCode())
	assert.False(t, p.asked)
	assertGone(t, child)
}

func TestKillEndsWhatIgnoresTermination(t *testing.T) {
	t.Parallel()
	p, child := startFamily(t, "trap '' TERM; wait")
	require.NoError(t, syscall.Kill(p.cmd.Process.Pid, syscall.SIGTERM))
	p.kill()
	assert.True(t, p.ended())
	assertGone(t, child)
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	assert.ErrorIs(t, Run(ctx, exec.Command("sleep", "60")), cause)
}
