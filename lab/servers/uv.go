package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

const uvRelease = "0.13.9"

// installUV puts uv into its own environment. pip alone cannot install as of a
// date, and takes ten times as long.
func (h home) installUV(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(h.uv(), "complete-"+uvRelease)); err == nil {
		return nil
	}
	python, err := findPython(ctx)
	if err != nil {
		return err
	}
	if _, err := output(ctx, exec.Command(python, "-m", "venv", "--clear", h.uv())); err != nil {
		return err
	}
	pip := exec.Command(h.pip(), "-m", "pip", "install", "--quiet", "uv=="+uvRelease)
	if _, err := output(ctx, pip); err != nil {
		return explainPip(err)
	}
	return os.WriteFile(filepath.Join(h.uv(), "complete-"+uvRelease), nil, 0o644)
}

// brokenConnection matches pip's warning of a retry: what Python's exception says, without the address of an object in it.
var brokenConnection = regexp.MustCompile(`after connection broken by '(.*?\('?)(?:<[^>]*>[:,] )?(.*)': /`)

// explainPip says why pip did not reach the package index, if that is what went wrong: pip itself warns of each retry, and
// then reports that there is no such package.
func explainPip(err error) error {
	match := brokenConnection.FindStringSubmatch(err.Error())
	if match == nil {
		return err
	}
	return fmt.Errorf("pip cannot reach the package index: %s%s\n"+
		"Check the network, and which index pip is set up to use: PIP_INDEX_URL, or python3 -m pip config list", match[1], match[2])
}

// findPython returns a Python that can make environments.
func findPython(ctx context.Context) (string, error) {
	commands := []string{"python3", "python"}
	var problems []error
	for _, name := range commands {
		python, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		// Debian's Python does without both until python3-venv is installed.
		if _, err = output(ctx, exec.Command(python, "-c", "import venv, ensurepip")); err == nil {
			return python, nil
		}
		problems = append(problems, err)
	}
	if len(problems) == 0 {
		return "", fmt.Errorf("no Python: looked for the commands %s; MLflow's server needs Python 3.10 or later", strings.Join(commands, " and "))
	}
	return "", fmt.Errorf("Python lacks venv or pip; on Debian and Ubuntu install python3-venv: %w", errors.Join(problems...))
}

// runUV runs uv and returns what it prints on its standard output.
func (h home) runUV(ctx context.Context, stdin string, args ...string) (string, error) {
	cmd := exec.Command(filepath.Join(h.uv(), "bin", "uv"), args...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = append(os.Environ(),
		"UV_CACHE_DIR="+filepath.Join(string(h), "cache"),
		"UV_PYTHON_DOWNLOADS=never", // nobody who runs the demo asked for another Python
		"UV_NO_PROGRESS=1",
	)
	return output(ctx, cmd)
}

// uploaded returns when a pinned requirement came to the package index, or zero
// if the index does not tell.
func (h home) uploaded(ctx context.Context, requirement string) (time.Time, error) {
	// Of all that uv prints, only this format has dates.
	lock, err := h.runUV(ctx, requirement, "pip", "compile", "--quiet", "--no-deps", "--no-header",
		"--python", h.uv(), "--format", "pylock.toml", "-")
	if err != nil {
		return time.Time{}, err
	}
	return lastUpload(lock)
}

var uploadTime = regexp.MustCompile(`upload-time = ([^\s,}]+)`)

// lastUpload returns the latest upload time in a pylock.toml, or zero.
func lastUpload(lock string) (time.Time, error) {
	var last time.Time
	for _, match := range uploadTime.FindAllStringSubmatch(lock, -1) {
		date, err := time.Parse(time.RFC3339, match[1])
		if err != nil {
			return time.Time{}, fmt.Errorf("upload time in pylock.toml: %w", err)
		}
		if date.After(last) {
			last = date
		}
	}
	return last, nil
}
