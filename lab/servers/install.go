package servers

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-go/mlflow/internal/scenario"
)

const fastTrackMLRelease = "0.6.0"

// forS3 goes into the environments of servers with artifacts on S3: AWS's client, and an S3 server to use it with.
var forS3 = []string{"boto3", "moto[server]"}

// settled is how long after a release the packages that it depends on are still
// taken. A release's dependencies are open to newer ones, which break most that
// are a year old, so it gets those of its own days.
const settled = 7 * 24 * time.Hour

// pkgResources is a requirement that brings the module of that name. MLflow 2.9
// imports it, but does not ask for it.
const pkgResources = "setuptools<81"

// extras go into every environment of MLflow. To SQLAlchemy, postgresql:// means
// psycopg2 before 2.1, and psycopg since.
var extras = []string{"psycopg2-binary", "psycopg[binary]", pkgResources}

// putOver says which releases cannot be installed plainly, and over which other
// one their own package is then put: a part of theirs is missing on PyPI.
var putOver = map[string]string{
	"3.18.0": "3.17.2", // no mlflow-skinny 3.18.0, no mlflow-tracing 3.18.0
}

// pins are what single releases need besides. These two are patches of old minor
// releases that came in 2026-09, and import what SQLAlchemy 2.1 has dropped.
var pins = map[string][]string{
	"2.11.5": {"sqlalchemy<2.1"},
	"2.13.3": {"sqlalchemy<2.1"},
}

// A recipe says what an environment is made of.
type recipe struct {
	python       string // versions that will do
	release      string // the requirement whose upload date limits all others
	requirements []string
	over         string // put over all that, without dependencies
}

func recipeOf(s scenario.Server) recipe {
	if s.FastTrackML() {
		pin := s.Kind + "==" + fastTrackMLRelease
		return recipe{python: ">=3.10,<3.12", release: pin, requirements: []string{pin, pkgResources}}
	}
	r := recipe{python: pythonOf(s)}
	release := s.Version
	if base, ok := putOver[release]; ok {
		r.over = "mlflow==" + release
		release = base
	}
	r.release = "mlflow==" + release
	r.requirements = slices.Concat([]string{"mlflow[auth]==" + release}, extras, pins[release])
	if s.Feature == scenario.FeatureS3 {
		r.requirements = append(r.requirements, forS3...)
	}
	return r
}

// pythonOf returns the Python versions that an MLflow release runs on, and that
// the packages of its days have wheels for.
func pythonOf(s scenario.Server) string {
	switch {
	case s.Before("3.0.0"):
		return ">=3.10,<3.12" // on 3.12 MLflow 2.9 breaks
	case s.Before("3.10.0"):
		return ">=3.10,<3.14"
	default:
		return ">=3.10,<3.15"
	}
}

// String is what the marker of a complete environment holds: an environment
// made by another recipe is made anew.
func (r recipe) String() string {
	return fmt.Sprintf("Python %s\n%s\n%s\n", r.python, strings.Join(r.requirements, "\n"), r.over)
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

func (h home) has(s scenario.Server) bool {
	made, err := os.ReadFile(h.complete(environment(s)))
	return err == nil && string(made) == recipeOf(s).String()
}

// Install installs the named server unless it is installed. It needs Python and,
// the first time, the package index that pip and uv are set up to use.
func Install(ctx context.Context, name string) error {
	return atHome(ctx, name, func(home home, server scenario.Server) error {
		if home.has(server) {
			return nil
		}
		if err := home.install(ctx, server); err != nil {
			return fmt.Errorf("install %s: %w", name, err)
		}
		return nil
	})
}

// Uninstall removes the named server's environment, and the downloads that no
// other release shares.
func Uninstall(ctx context.Context, name string) error {
	return atHome(ctx, name, func(home home, server scenario.Server) error {
		// The marker first: half an environment must not look like one.
		if err := os.Remove(home.complete(environment(server))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.RemoveAll(home.env(environment(server))); err != nil {
			return err
		}
		_, err := home.runUV(ctx, "", "cache", "clean", server.Kind, "mlflow-skinny", "mlflow-tracing")
		return err
	})
}

// atHome does something about the named server while no other process installs.
func atHome(ctx context.Context, name string, do func(home, scenario.Server) error) error {
	server, err := parse(name)
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
	return do(home, server)
}

func (h home) install(ctx context.Context, s scenario.Server) error {
	if err := h.installUV(ctx); err != nil {
		return err
	}
	recipe, env := recipeOf(s), h.env(environment(s))
	uploaded, err := h.uploaded(ctx, recipe.release)
	if err != nil {
		return err
	}
	// An environment without its marker was left by an interrupted install.
	if _, err := h.runUV(ctx, "", "venv", "--clear", "--python", recipe.python, env); err != nil {
		return err
	}
	install := []string{"pip", "install", "--python", env}
	if !uploaded.IsZero() {
		install = append(install, "--exclude-newer", uploaded.Add(settled).Format(time.RFC3339))
	}
	if _, err := h.runUV(ctx, "", append(install, recipe.requirements...)...); err != nil {
		return err
	}
	if recipe.over != "" {
		if _, err := h.runUV(ctx, "", "pip", "install", "--python", env, "--no-deps", recipe.over); err != nil {
			return err
		}
	}
	return os.WriteFile(h.complete(environment(s)), []byte(recipe.String()), 0o644)
}
