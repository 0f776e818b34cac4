package servers

import (
	"context"
	"os"
	"path/filepath"

	"github.com/mlflow-go/mlflow/internal/scenario"
)

// A home is the folder that everything is kept in.
type home string

func (h home) uv() string                  { return filepath.Join(string(h), "uv") }
func (h home) pip() string                 { return filepath.Join(h.uv(), "bin", "python") } // the Python that has pip
func (h home) env(name string) string      { return filepath.Join(string(h), "envs", name) }
func (h home) python(name string) string   { return filepath.Join(h.env(name), "bin", "python") }
func (h home) tool(name string) string     { return filepath.Join(string(h), "tools", name) }
func (h home) complete(name string) string { return filepath.Join(h.env(name), "complete") }

// findHome returns the .mlflow folder of the library's module.
func findHome() (home, error) {
	root, err := scenario.ModuleRoot()
	return home(filepath.Join(root, ".mlflow")), err
}

// lock keeps other processes from installing until unlock is called.
func (h home) lock(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(string(h), 0o755); err != nil {
		return nil, err
	}
	return lock(ctx, filepath.Join(string(h), "lock"))
}
