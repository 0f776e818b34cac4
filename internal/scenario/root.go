package scenario

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

const module = "github.com/mlflow-go/mlflow"

// ModuleRoot returns the root folder of the library's module, from the working folder up.
func ModuleRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		// The modules below the root, such as lab, have other names.
		if mod, err := os.ReadFile(filepath.Join(dir, "go.mod")); err == nil && bytes.HasPrefix(mod, []byte("module "+module+"\n")) {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is not inside the module %s", start, module)
		}
	}
}
