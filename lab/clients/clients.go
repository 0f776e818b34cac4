// Package clients shows that others can use openapi/mlflow.yaml as it stands: stock generators make a Python and a TypeScript
// client of it, and a program in each language uses its client on a real MLflow server and checks what it reads back.
// What is generated goes into .mlflow/clients.
//
//	go -C lab run ./cmd clients
package clients

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/lab/program"
	"github.com/mlflow-go/mlflow/lab/servers"
)

// Run is the subcommand clients: it makes the clients, starts a server, and lets the programs use it.
func Run(ctx context.Context, args []string) error {
	if err := program.Parse(program.Flags("clients"), args); err != nil {
		return err
	}
	root, err := scenario.ModuleRoot()
	if err != nil {
		return err
	}
	folder := filepath.Join(root, ".mlflow", "clients")
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	python, err := makePython(ctx, root, filepath.Join(folder, "python"))
	if err != nil {
		return err
	}
	typeScript, err := makeTypeScript(ctx, root, filepath.Join(folder, "typescript"))
	if err != nil {
		return err
	}
	server, err := servers.Start(ctx, servers.Default, servers.Options{})
	if err != nil {
		return err
	}
	for _, program := range []*exec.Cmd{python, typeScript} {
		program.Args = append(program.Args, server.URI)
		if err := show(ctx, program); err != nil {
			return errors.Join(err, server.Stop())
		}
	}
	return server.Remove()
}

// spec is the document that the generators read, below the root.
const spec = "openapi/mlflow.yaml"

// makePython generates the Python client into a folder, and returns the program that uses it. It lacks the server's URI.
// The package gets its name from the title of the document.
func makePython(ctx context.Context, root, folder string) (*exec.Cmd, error) {
	source := filepath.Join(root, "lab", "clients", "python")
	bin, err := servers.InstallTool(ctx, "clients", filepath.Join(source, "requirements.txt"))
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	// It formats what it has made with another program of its environment.
	generate := exec.Command(filepath.Join(bin, "openapi-python-client"), "generate",
		"--path", filepath.Join(root, spec), "--meta", "none", "--fail-on-warning")
	generate.Dir = folder
	generate.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	if err := show(ctx, generate); err != nil {
		return nil, err
	}
	program := exec.Command(filepath.Join(bin, "python"), filepath.Join(source, "main.py"))
	program.Env = append(os.Environ(), "PYTHONPATH="+folder)
	return program, nil
}

// makeTypeScript generates and type-checks the TypeScript client in a folder, and returns the program that uses it. It
// lacks the server's URI.
func makeTypeScript(ctx context.Context, root, folder string) (*exec.Cmd, error) {
	if err := os.CopyFS(folder, os.DirFS(filepath.Join(root, "lab", "clients", "typescript"))); err != nil {
		return nil, err
	}
	for _, args := range [][]string{
		{"npm", "ci", "--no-audit", "--no-fund"},
		{"npm", "exec", "--offline", "--", "openapi-typescript", filepath.Join(root, spec), "--output", "mlflow.d.ts"},
		{"npm", "exec", "--offline", "--", "tsc"},
	} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = folder
		if err := show(ctx, cmd); err != nil {
			return nil, err
		}
	}
	return exec.Command("node", filepath.Join(folder, "main.js")), nil
}

// show runs a command with its output shown.
func show(ctx context.Context, cmd *exec.Cmd) error {
	fmt.Println("Running:", filepath.Base(cmd.Path), cmd.Args[1:])
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := servers.Run(ctx, cmd); err != nil {
		return fmt.Errorf("%s: %w", cmd.Args[0], err)
	}
	return nil
}
