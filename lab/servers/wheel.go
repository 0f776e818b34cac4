package servers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/mlflow-go/mlflow/internal/scenario"
)

// Facts downloads the wheel of an MLflow release and returns what lab/python/facts.py reads in it. The release is neither
// installed nor run.
func Facts(ctx context.Context, release string) ([]byte, error) {
	if !finalRelease(release) {
		return nil, fmt.Errorf("%q is not a final release of MLflow that is supported, such as 3.17.2", release)
	}
	root, err := scenario.ModuleRoot()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "mlflow-wheel-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder) //nolint:errcheck // a leftover in the system's folder for such
	home := home(filepath.Join(root, ".mlflow"))
	wheel, err := home.download(ctx, release, folder)
	if err != nil {
		return nil, err
	}
	facts, err := output(ctx, exec.Command(home.pip(), filepath.Join(root, "lab", "python", "facts.py"), wheel))
	return []byte(facts), err
}

// download puts the wheel of a release into a folder and returns its path. uv cannot download without installing.
func (h home) download(ctx context.Context, release, folder string) (string, error) {
	unlock, err := h.lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	if err := h.installUV(ctx); err != nil {
		return "", err
	}
	pip := exec.Command(h.pip(), "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:",
		"--dest", folder, scenario.KindMLflow+"=="+release)
	if _, err := output(ctx, pip); err != nil {
		return "", explainPip(err)
	}
	wheels, err := filepath.Glob(filepath.Join(folder, "*.whl"))
	if err == nil && len(wheels) != 1 {
		err = fmt.Errorf("pip downloaded %d wheels for MLflow %s", len(wheels), release)
	}
	if err != nil {
		return "", err
	}
	return wheels[0], nil
}
