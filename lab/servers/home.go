package servers

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
)

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
