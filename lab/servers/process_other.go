//go:build !linux && !darwin

package servers

import (
	"context"
	"errors"
	"os/exec"
)

// Servers are ended by process group, which other systems do not have. Whoever
// works there can test against a server that was started by other means.
var errNoGroups = errors.New("test servers run on Linux and macOS only")

func isolate(*exec.Cmd) error { return errNoGroups }
func terminate(int)           {}
func kill(int)                {}

func lock(context.Context, string) (func(), error) { return nil, errNoGroups }
