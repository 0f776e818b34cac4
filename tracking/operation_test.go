package tracking_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/tracking"
)

// The operations stand in the spec, in operation.go, in the tests' list of samples, in the comments of the methods, and
// in the tables of the documentation. These tests hold all of them together: whatever is forgotten is red.

// specOperations returns method and path of each operation of the spec, by operationId, but for those of artifacts.
func specOperations(t *testing.T) map[string]string {
	t.Helper()
	spec := readText(t, "../openapi/mlflow.yaml")
	described := make(map[string]string)
	var path, method string
	line := regexp.MustCompile(`(?m)^  (/api/\S+):$|^    (get|post|put|patch|delete):$|^      operationId: (\w+)\n      tags: \[(\w+)\]$`)
	for _, match := range line.FindAllStringSubmatch(spec, -1) {
		switch {
		case match[1] != "":
			path = match[1]
		case match[2] != "":
			method = strings.ToUpper(match[2])
		case match[4] != "artifacts":
			described[match[3]] = method + " " + path
		}
	}
	return described
}

func readText(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	return strings.ReplaceAll(string(data), "\r\n", "\n")
}

func TestOperationsAreThoseOfTheSpec(t *testing.T) {
	t.Parallel()
	described := specOperations(t)
	names, routes := make(map[string]string), make(map[string]string)
	for _, op := range tracking.Operations {
		names[op.Name] = described[op.Name]
	}
	for _, op := range operations {
		routes[op.name] = op.route
	}
	assert.Equal(t, described, names, "operations of operation.go")
	assert.Equal(t, described, routes, "samples of wire_test.go")
}

// endpoints returns the endpoints of each method, one a line: those of the spec, and those that composites use.
func endpoints(t *testing.T) map[string]string {
	t.Helper()
	described := specOperations(t)
	all := maps.Clone(described)
	for _, method := range composites {
		used := make([]string, 0, len(method.ops))
		for _, op := range method.ops {
			require.Contains(t, described, op)
			used = append(used, described[op])
		}
		all[method.name] = strings.Join(used, "\n")
	}
	return all
}

// TestMethodsNameTheirEndpoints checks the last lines of each method's comment.
func TestMethodsNameTheirEndpoints(t *testing.T) {
	t.Parallel()
	described := endpoints(t)
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	commented := make(map[string]string)
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		require.NoError(t, err)
		for _, declaration := range file.Decls {
			method, ok := declaration.(*ast.FuncDecl)
			if !ok || method.Recv == nil || types.ExprString(method.Recv.List[0].Type) != "*Client" || described[method.Name.Name] == "" {
				continue
			}
			if receiver, ok := method.Recv.List[0].Type.(*ast.StarExpr); !ok || receiver.X.(*ast.Ident).Name != "Client" {
				continue // such as a Batcher's, which hands over
			}
			paragraphs := strings.Split(strings.TrimSpace(method.Doc.Text()), "\n\n")
			commented[method.Name.Name] = paragraphs[len(paragraphs)-1]
		}
	}
	assert.Equal(t, described, commented)
}

// rows returns the rows of the first table below a heading of a Markdown file, without its head.
func rows(t *testing.T, file, heading string) [][]string {
	t.Helper()
	_, section, found := strings.Cut(readText(t, file), "\n## "+heading+"\n")
	require.True(t, found, "%s has no section %q", file, heading)
	section, _, _ = strings.Cut(section, "\n## ")
	var all [][]string
	for line := range strings.Lines(section) {
		if !strings.HasPrefix(line, "|") {
			if len(all) > 0 {
				break
			}
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		for i := range cells {
			cells[i] = strings.Trim(cells[i], " |")
		}
		all = append(all, cells)
	}
	require.Greater(t, len(all), 2, "%s: no table below %q", file, heading)
	return all[2:]
}

var quotedName = regexp.MustCompile("`([A-Z]\\w+)`")

// named returns the operations that a text names.
func named(text string, pattern *regexp.Regexp) []string {
	var names []string
	for _, match := range pattern.FindAllStringSubmatch(text, -1) {
		if slices.ContainsFunc(tracking.Operations, func(op tracking.Operation) bool { return op.Name == match[1] }) {
			names = append(names, match[1])
		}
	}
	return names
}

func TestREADMEListsTheMethods(t *testing.T) {
	t.Parallel()
	listed := make(map[string]string)
	for _, row := range rows(t, "../README.md", "Methods") {
		var routes []string
		for _, route := range regexp.MustCompile("`(\\w+) (/\\S+)`").FindAllStringSubmatch(row[1], -1) {
			routes = append(routes, route[1]+" /api/2.0/mlflow"+route[2])
		}
		listed[strings.Trim(row[0], "`")] = strings.Join(routes, "\n")
	}
	assert.Equal(t, endpoints(t), listed)
}

// TestCompositesUseTheirOperations holds the list of composites against what they send.
func TestCompositesUseTheirOperations(t *testing.T) {
	t.Parallel()
	described := endpoints(t)
	for _, method := range composites {
		onFaultyServer(t, described[method.writes], nil, func(t *testing.T, w *faultyServer, client *tracking.Client) {
			var sent []string
			w.onRequest = func(route string) fault {
				sent = append(sent, route)
				return fault{}
			}
			require.NoError(t, method.use(t.Context(), client), method.name)
			assert.Equal(t, described[method.name], strings.Join(sent, "\n"), method.name)
		})
	}
}

// TestRetriesNameTheComposites checks that neither list of retries leaves a composite out.
func TestRetriesNameTheComposites(t *testing.T) {
	t.Parallel()
	for _, method := range composites {
		assert.Regexp(t, "(?m)^//   - .*"+method.name, readText(t, "doc.go"))
		assert.Regexp(t, "(?m)^\\|.*`"+method.name+"`.*\\| retried \\|", readText(t, "../README.md"))
	}
}

// retry is what a documentation says of an operation.
type retry struct{ mayRunTwice, hasDone bool }

func retries() map[string]retry {
	all := make(map[string]retry)
	for _, op := range tracking.Operations {
		all[op.Name] = retry{op.MayRunTwice, op.HasDone}
	}
	return all
}

func TestREADMEListsTheRetries(t *testing.T) {
	t.Parallel()
	listed := make(map[string]retry)
	for _, row := range rows(t, "../README.md", "Retries") {
		require.Len(t, row, 4, "%v", row)
		for _, name := range named(row[0], quotedName) {
			assert.Equal(t, "retried", row[1], name)
			listed[name] = retry{row[2] == "retried", row[3] != ""}
		}
	}
	assert.Equal(t, retries(), listed)
}

// TestPackageDocListsTheRetries checks the list of the package's comment: each item names operations, and says whether
// they are retried, and what then counts as success.
func TestPackageDocListsTheRetries(t *testing.T) {
	t.Parallel()
	_, section, found := strings.Cut(readText(t, "doc.go"), "// # Retries\n")
	require.True(t, found, "doc.go has no section on retries")
	section, _, _ = strings.Cut(section, "// # ")
	items := strings.Split(strings.ReplaceAll(section, "\n//     ", " "), "\n//   - ")
	listed := make(map[string]retry)
	for _, item := range items[1:] {
		item, _, _ = strings.Cut(item, "\n")
		for _, name := range named(item, regexp.MustCompile(`\b([A-Z]\w+)`)) {
			listed[name] = retry{!strings.Contains(item, "not retried"), strings.Contains(item, "success")}
		}
	}
	assert.Equal(t, retries(), listed)
}
