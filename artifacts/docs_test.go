package artifacts_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func readText(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	return strings.ReplaceAll(string(data), "\r\n", "\n")
}

// specRoutes returns method and path of each operation of the spec.
func specRoutes(t *testing.T) []string {
	t.Helper()
	var path string
	var routes []string
	line := regexp.MustCompile(`(?m)^ {2}(/\S+):$|^ {4}(get|post|put|delete):$`)
	for _, match := range line.FindAllStringSubmatch(readText(t, "../openapi/mlflow.yaml"), -1) {
		if match[1] != "" {
			path = match[1]
		} else {
			routes = append(routes, strings.ToUpper(match[2])+" "+path)
		}
	}
	return routes
}

// commented returns the last lines of each method's comment, which name its endpoints.
func commented(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	found := make(map[string]string)
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		require.NoError(t, err)
		for _, declaration := range file.Decls {
			method, ok := declaration.(*ast.FuncDecl)
			if !ok || method.Recv == nil || !method.Name.IsExported() || !isOfClient(method) {
				continue
			}
			paragraphs := strings.Split(strings.TrimSpace(method.Doc.Text()), "\n\n")
			found[method.Name.Name] = paragraphs[len(paragraphs)-1]
		}
	}
	return found
}

func isOfClient(method *ast.FuncDecl) bool {
	pointer, ok := method.Recv.List[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	receiver, ok := pointer.X.(*ast.Ident)
	return ok && receiver.Name == "Client"
}

func TestMethodsNameTheirEndpoints(t *testing.T) {
	t.Parallel()
	routes := specRoutes(t)
	methods := commented(t)
	require.Len(t, methods, 6)
	for method, endpoints := range methods {
		for endpoint := range strings.Lines(endpoints) {
			assert.Contains(t, routes, strings.TrimSpace(endpoint), method)
		}
	}
}

func TestREADMEListsTheMethods(t *testing.T) {
	t.Parallel()
	_, section, found := strings.Cut(readText(t, "../README.md"), "\n## Artifacts\n")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")
	listed := make(map[string]string)
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (.*?) \\|").FindAllStringSubmatch(section, -1) {
		var routes []string
		for _, route := range regexp.MustCompile("`([A-Z]+ /\\S+)`").FindAllStringSubmatch(row[2], -1) {
			routes = append(routes, route[1])
		}
		listed[row[1]] = strings.Join(routes, "\n")
	}
	assert.Equal(t, commented(t), listed)
}
