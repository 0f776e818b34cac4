package servers

import (
	"bytes"
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

const (
	uvRelease          = "0.13.9"
	fastTrackMLRelease = "0.6.0"
)

// settled is how long after a release the packages that it depends on are still
// taken. A release's dependencies are open to newer ones that break it (MLflow
// before 2.22 with SQLAlchemy 2.1), so it gets those of its own days.
const settled = 7 * 24 * time.Hour

// extras go into every environment of MLflow.
var extras = []string{
	"psycopg2-binary", "psycopg[binary]", // postgresql:// means the latter from SQLAlchemy 2.1 on
	"setuptools<81", // pkg_resources: releases to 3.1 or so import it, but do not ask for it
}

// putOver says which releases cannot be installed plainly, and over which other
// one their own package is then put: a part of theirs is missing on PyPI.
var putOver = map[string]string{
	"3.18.0": "3.17.2", // no mlflow-skinny 3.18.0, no mlflow-tracing 3.18.0
}

// A recipe says what an environment is made of.
type recipe struct {
	python       string // versions that will do
	release      string // the requirement whose upload date bounds all others
	requirements []string
	over         string // put over all that, without dependencies
}

func (s spec) recipe() recipe {
	if s.product == fastTrackML {
		pin := fastTrackML + "==" + s.release
		return recipe{python: oldPython, release: pin, requirements: []string{pin}}
	}
	r := recipe{python: newPython}
	if before(s.release, "3.0.0") {
		r.python = oldPython
	}
	release := s.release
	if base, ok := putOver[release]; ok {
		r.over = "mlflow==" + release
		release = base
	}
	r.release = "mlflow==" + release
	r.requirements = append([]string{"mlflow[auth]==" + release}, extras...)
	return r
}

// MLflow 2.9 breaks on Python 3.12, and in its days few packages had wheels for
// 3.12 or later. The newest release is known to run on 3.10 to 3.13.
const (
	oldPython = ">=3.10,<3.12"
	newPython = ">=3.10,<3.15"
)

// String is what the marker of a complete environment holds: an environment
// made by another recipe is made anew.
func (r recipe) String() string {
	return fmt.Sprintf("Python %s\n%s\n%s\n", r.python, strings.Join(r.requirements, "\n"), r.over)
}

// A home is the folder that everything is kept in.
type home string

func (h home) uv() string                  { return filepath.Join(string(h), "uv") }
func (h home) env(name string) string      { return filepath.Join(string(h), "envs", name) }
func (h home) python(name string) string   { return filepath.Join(h.env(name), "bin", "python") }
func (h home) complete(name string) string { return filepath.Join(h.env(name), "complete") }

// findHome returns the .mlflow folder of this module.
func findHome() (home, error) {
	root, err := ModuleRoot()
	return home(filepath.Join(root, ".mlflow")), err
}

// lock keeps other processes from installing until unlock is called.
func (h home) lock(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(string(h), 0o755); err != nil {
		return nil, err
	}
	return lock(ctx, filepath.Join(string(h), "lock"))
}

// ModuleRoot returns the root of this module, from the working folder up.
func ModuleRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		// Nested modules have another name.
		if mod, err := os.ReadFile(filepath.Join(dir, "go.mod")); err == nil &&
			bytes.HasPrefix(mod, []byte("module github.com/mlflow-go/mlflow\n")) {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is not inside the module github.com/mlflow-go/mlflow", start)
		}
	}
}

// Installed reports whether Install has nothing to do.
func Installed(name string) bool {
	spec, err := parse(name)
	if err != nil {
		return false
	}
	home, err := findHome()
	return err == nil && home.has(spec)
}

func (h home) has(s spec) bool {
	made, err := os.ReadFile(h.complete(s.environment()))
	return err == nil && string(made) == s.recipe().String()
}

// Install installs the named server unless it is installed. It needs Python and,
// the first time, the package index that pip and uv are set up to use.
func Install(ctx context.Context, name string) error {
	spec, err := parse(name)
	if err != nil {
		return err
	}
	home, err := findHome()
	if err != nil {
		return err
	}
	unlock, err := home.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if home.has(spec) {
		return nil
	}
	if err := home.install(ctx, spec); err != nil {
		return fmt.Errorf("install %s: %w", name, err)
	}
	return nil
}

// Uninstall removes the named server's environment, and the downloads that no
// other release shares.
func Uninstall(ctx context.Context, name string) error {
	spec, err := parse(name)
	if err != nil {
		return err
	}
	home, err := findHome()
	if err != nil {
		return err
	}
	if err := os.RemoveAll(home.env(spec.environment())); err != nil {
		return err
	}
	_, err = home.runUV(ctx, "", "cache", "clean", spec.product, "mlflow-skinny", "mlflow-tracing")
	return err
}

func (h home) install(ctx context.Context, s spec) error {
	if err := h.installUV(ctx); err != nil {
		return err
	}
	recipe, env := s.recipe(), h.env(s.environment())
	// An environment without its marker was left by an interrupted install.
	if _, err := h.runUV(ctx, "", "venv", "--clear", "--python", recipe.python, env); err != nil {
		return err
	}
	install := []string{"pip", "install", "--python", env}
	if date, err := h.uploaded(ctx, recipe.release); err != nil {
		return err
	} else if !date.IsZero() {
		install = append(install, "--exclude-newer", date.Add(settled).Format(time.RFC3339))
	}
	if _, err := h.runUV(ctx, "", append(install, recipe.requirements...)...); err != nil {
		return err
	}
	if recipe.over != "" {
		if _, err := h.runUV(ctx, "", "pip", "install", "--python", env, "--no-deps", recipe.over); err != nil {
			return err
		}
	}
	return os.WriteFile(h.complete(s.environment()), []byte(recipe.String()), 0o644)
}

var uploadTime = regexp.MustCompile(`upload-time = (\S+Z)`)

// uploaded returns when the last file of a pinned requirement came to the
// package index, or zero if the index does not tell (PEP 700).
func (h home) uploaded(ctx context.Context, requirement string) (time.Time, error) {
	// Of all that uv prints, only this format has dates.
	output, err := h.runUV(ctx, requirement, "pip", "compile", "--quiet", "--no-deps", "--no-header",
		"--python", h.uv(), "--format", "pylock.toml", "-")
	if err != nil {
		return time.Time{}, err
	}
	var last time.Time
	for _, match := range uploadTime.FindAllStringSubmatch(output, -1) {
		date, err := time.Parse(time.RFC3339, match[1])
		if err != nil {
			return time.Time{}, fmt.Errorf("upload time of %s: %w", requirement, err)
		}
		if date.After(last) {
			last = date
		}
	}
	return last, nil
}

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
	pip := exec.Command(filepath.Join(h.uv(), "bin", "python"), "-m", "pip", "install", "--quiet", "uv=="+uvRelease)
	if _, err := output(ctx, pip); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(h.uv(), "complete-"+uvRelease), nil, 0o644)
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
