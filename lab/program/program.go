// Package program is what the subcommands of the laboratory share.
package program

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// A Command is a subcommand of the laboratory.
type Command struct {
	Name    string
	Summary string // one line
	Run     func(ctx context.Context, args []string) error
}

// Flags returns a set of flags for the subcommand of a name.
func Flags(name string) *flag.FlagSet { return flag.NewFlagSet(name, flag.ContinueOnError) }

// Parse parses the arguments of a subcommand that takes flags alone.
func Parse(flags *flag.FlagSet, args []string) error {
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return nil
}

// seed is a flag whose zero takes a seed from the clock.
type seed struct{ n *uint64 }

// SeedFlag defines the flag -seed. Unless it is set, the seed is taken from the clock.
func SeedFlag(flags *flag.FlagSet, of string) *uint64 {
	n := uint64(time.Now().Unix()) //nolint:gosec // it is after 1970; short enough to type in again
	flags.Var(seed{&n}, "seed", "of "+of+"; by default it is taken from the clock")
	return &n
}

// String returns nothing: the default is another one each time.
func (seed) String() string { return "" }

// Set sets the seed.
func (s seed) Set(text string) (err error) {
	*s.n, err = strconv.ParseUint(text, 10, 64)
	return err
}

// Self returns a command that runs a subcommand in a process of its own.
func Self(ctx context.Context, args ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, self, args...), nil
}
