//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd || windows)

package spool

import (
	"errors"
	"os"
)

// lockFile fails: without a lock two processes would write to one spool.
func lockFile(string) (*os.File, error) { return nil, errors.ErrUnsupported }
