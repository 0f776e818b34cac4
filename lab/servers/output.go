package servers

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// output runs a command and returns what it prints on its standard output. An
// error has the end of the other output.
func output(ctx context.Context, cmd *exec.Cmd) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := Run(ctx, cmd)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("%s: %w:\n%s", strings.Join(cmd.Args, " "), err, indent(tail(stderr.String()+stdout.String(), 20)))
	}
	return stdout.String(), err
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
