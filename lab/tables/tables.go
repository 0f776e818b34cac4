// Package tables writes the parts of the documentation and of the tests that only say again what the code says: the
// tables of docs/reference.md, the list of retries in the comment of package tracking, and the list of operations for its
// tests. It reads the rows of tracking/operation.go, the comments and signatures of methods and options, and the spec.
package tables

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mlflow-go/mlflow/internal/golden"
	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/lab/program"
)

// Run is the command: it writes all tables, and whatever else the tests hold against files; with -check it only compares
// the tables, since the tests compare the rest.
func Run(ctx context.Context, args []string) error {
	flags := program.Flags("tables")
	check := flags.Bool("check", false, "compare, and write nothing")
	if err := program.Parse(flags, args); err != nil {
		return err
	}
	root, err := scenario.ModuleRoot()
	if err != nil {
		return err
	}
	pages, err := Pages(root)
	if err != nil {
		return err
	}
	var stale []error
	for _, name := range slices.Sorted(maps.Keys(pages)) {
		stale = append(stale, golden.Compare(filepath.Join(root, filepath.FromSlash(name)), pages[name], !*check))
	}
	if err := errors.Join(stale...); err != nil || *check {
		return err
	}
	return errors.Join(update(ctx, root, ".", "./tracking"), update(ctx, filepath.Join(root, "lab"), "./traffic"))
}

// update lets the tests that hold files against what they measure write them.
func update(ctx context.Context, folder string, packages ...string) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-count=1", "-run", "^(TestAPI|TestFaults|TestExamples)$"}, packages...)...)
	cmd.Dir, cmd.Env = folder, append(os.Environ(), "MLFLOW_UPDATE_DOCS=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

// Pages returns the files that hold tables, as they should be, by their names below the root of the module.
func Pages(root string) (map[string]string, error) {
	tracking, err := readSource(filepath.Join(root, "tracking"))
	if err != nil {
		return nil, err
	}
	artifacts, err := readSource(filepath.Join(root, "artifacts"))
	if err != nil {
		return nil, err
	}
	spec, err := readSpec(filepath.Join(root, "openapi", "mlflow.yaml"))
	if err != nil {
		return nil, err
	}
	if err := errors.Join(checkRows(tracking, spec), checkEndpoints(tracking, spec), checkEndpoints(artifacts, spec)); err != nil {
		return nil, err
	}
	since := make(map[string]string)
	for name, e := range spec {
		since[name] = e.since
	}
	retries := retriesOf(tracking.operations)
	reference, err := fill(root, "docs/reference.md", map[string]string{
		"methods":          methodTable(inOrder(clientMethods(tracking), tracking.operations), since),
		"artifact methods": methodTable(clientMethods(artifacts), nil),
		"options":          optionTable(tracking),
		"artifact options": optionTable(artifacts),
		"retries":          retryTable(retries),
	})
	if err != nil {
		return nil, err
	}
	doc, err := replaceRetryList(root, "tracking/doc.go", retryList(retries))
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"docs/reference.md":           reference,
		"tracking/doc.go":             doc,
		"tracking/operations_test.go": operationsForTests(tracking, spec),
	}, nil
}

func clientMethods(s *source) []method {
	return slices.DeleteFunc(slices.Clone(s.methods), func(m method) bool { return len(m.endpoints) == 0 })
}

// checkRows finds operations of the spec that have no row in operation.go.
func checkRows(s *source, spec map[string]endpoint) error {
	var problems []error
	for name, e := range spec {
		if !e.artifact && !slices.ContainsFunc(s.operations, func(o operation) bool { return o.name == name }) {
			problems = append(problems, fmt.Errorf("tracking/operation.go has no row for %s of the spec", name))
		}
	}
	for _, o := range s.operations {
		if !slices.ContainsFunc(s.methods, func(m method) bool { return m.name == o.name }) {
			problems = append(problems, fmt.Errorf("package tracking has no method %s, which operation.go has a row for", o.name))
		}
	}
	return errors.Join(problems...)
}

// checkEndpoints finds methods whose comment does not end with endpoints of the spec.
func checkEndpoints(s *source, spec map[string]endpoint) error {
	var problems []error
	for _, m := range s.methods {
		if e, ok := spec[m.name]; ok && !e.artifact && !slices.Equal(m.endpoints, []string{e.route}) {
			problems = append(problems, fmt.Errorf("the comment of %s must end with a paragraph that says %q", m.name, e.route))
			continue
		}
		for _, named := range m.endpoints {
			if !hasRoute(spec, named) {
				problems = append(problems, fmt.Errorf("the comment of %s ends with %q, which the spec does not have", m.name, named))
			}
		}
		isRow := slices.ContainsFunc(s.operations, func(o operation) bool { return o.name == m.name })
		if isRow && len(m.endpoints) == 0 {
			problems = append(problems, fmt.Errorf("the comment of %s must end with its endpoints, one a line", m.name))
		}
	}
	return errors.Join(problems...)
}

func hasRoute(spec map[string]endpoint, route string) bool {
	for _, e := range spec {
		if e.route == route {
			return true
		}
	}
	return false
}

// fill returns a page in Markdown with each table between the two comments that name it.
func fill(root, page string, tables map[string]string) (string, error) {
	data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(page)))
	if err != nil {
		return "", err
	}
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	for name, table := range tables {
		begin, end := "<!-- make tables: "+name+" -->\n", "<!-- end -->\n"
		before, rest, found := strings.Cut(text, begin)
		_, after, closed := strings.Cut(rest, end)
		if !found || !closed {
			return "", fmt.Errorf("%s has no %s...%s", page, begin, end)
		}
		text = before + begin + "\n" + table + "\n" + end + after
	}
	return text, nil
}

// replaceRetryList returns a file of Go code with another list in the section on retries of its comment.
func replaceRetryList(root, file, list string) (string, error) {
	data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
	if err != nil {
		return "", err
	}
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	before, section, found := strings.Cut(text, "// # Retries\n")
	intro, rest, listed := strings.Cut(section, "//   - ")
	_, after, ended := strings.Cut(rest, "\n//\n")
	if !found || !listed || !ended {
		return "", fmt.Errorf("%s has no list below the heading Retries", file)
	}
	return before + "// # Retries\n" + intro + list + "//\n" + after, nil
}

// operationsForTests returns the file that lists the operations for the tests of package tracking.
func operationsForTests(s *source, spec map[string]endpoint) string {
	var text strings.Builder
	text.WriteString("// Code generated by make tables; DO NOT EDIT.\n\npackage tracking\n\n" +
		"// Operations are the operations of the spec, with method and path.\nvar Operations = []Operation{\n")
	for _, o := range s.operations {
		if e, ok := spec[o.name]; ok {
			fmt.Fprintf(&text, "\texported(%s, %q),\n", o.variable, e.route)
		}
	}
	return text.String() + "}\n"
}
