package servers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// toolPython is what the tools themselves, and what they generate, run on.
const toolPython = ">=3.11"

// InstallTool installs the Python packages of a requirements file into an environment of their own, unless they are there,
// and returns the folder of its programs. The name is that of the environment, in .mlflow/tools.
func InstallTool(ctx context.Context, name, requirements string) (bin string, err error) {
	home, err := findHome()
	if err != nil {
		return "", err
	}
	unlock, err := home.lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	wanted, err := os.ReadFile(requirements)
	if err != nil {
		return "", err
	}
	env := home.tool(name)
	bin, marker := filepath.Join(env, "bin"), filepath.Join(env, "complete")
	if made, err := os.ReadFile(marker); err == nil && string(made) == string(wanted) {
		return bin, nil
	}
	if err := home.makeTool(ctx, env, requirements); err != nil {
		return "", fmt.Errorf("install %s: %w", name, err)
	}
	return bin, os.WriteFile(marker, wanted, 0o644)
}

func (h home) makeTool(ctx context.Context, env, requirements string) error {
	if err := h.installUV(ctx); err != nil {
		return err
	}
	if _, err := h.runUV(ctx, "", "venv", "--clear", "--python", toolPython, env); err != nil {
		return err
	}
	_, err := h.runUV(ctx, "", "pip", "install", "--python", env, "--requirement", requirements)
	return err
}
