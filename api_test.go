package mlflow_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/build"
	"go/doc"
	"go/parser"
	"go/printer"
	"go/token"
	"go/types"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/golden"
)

const (
	rootPath      = "github.com/mlflow-go/mlflow"
	trackingPath  = rootPath + "/tracking"
	artifactsPath = rootPath + "/artifacts"
)

// TestAPI compares what the library exports with testdata/api. Programs are built on every line there: none changes
// before a new major version, others can be added. To write the files anew, run make tables.
func TestAPI(t *testing.T) {
	t.Parallel()
	for folder, name := range map[string]string{
		".": "mlflow", "tracking": "tracking", "artifacts": "artifacts", "mlflowtest": "mlflowtest",
	} {
		exported := packageIn(t, folder)
		assert.Empty(t, exported.strangers(), "package %s", name)
		file := filepath.Join("testdata", "api", name+".txt")
		assert.NoError(t, golden.Compare(file, exported.listing(t), golden.Updating()), "what package %s exports", name)
	}
}

// An api is what a package exports.
type api struct {
	fset         *token.FileSet
	declarations []ast.Decl
	// foreign are the names, as the package writes them, of the packages that it imports from neither the standard
	// library nor the public part of this one.
	foreign map[string]bool
	// embedded are the unexported types inside exported ones, whose fields and methods are exported unseen.
	embedded []string
}

// packageIn reads the package in a folder, without its tests and its comments.
func packageIn(t *testing.T, folder string) api {
	t.Helper()
	p, err := build.ImportDir(folder, 0)
	require.NoError(t, err)
	sources := make([]string, 0, len(p.GoFiles))
	for _, name := range p.GoFiles {
		sources = append(sources, readFile(t, filepath.Join(folder, name)))
	}
	return exportedBy(t, sources...)
}

func exportedBy(t *testing.T, sources ...string) api {
	t.Helper()
	a := api{fset: token.NewFileSet(), foreign: make(map[string]bool)}
	files := make([]*ast.File, 0, len(sources))
	for i, source := range sources {
		// Package doc tells files apart by their names.
		file, err := parser.ParseFile(a.fset, fmt.Sprintf("%d.go", i), source, parser.SkipObjectResolution)
		require.NoError(t, err, source)
		a.noteImports(file)
		a.noteEmbedded(file)
		files = append(files, file)
	}
	p, err := doc.NewFromFiles(a.fset, files, "p")
	require.NoError(t, err)
	a.addValues(p.Consts, p.Vars)
	a.addFuncs(p.Funcs)
	for _, each := range p.Types {
		a.declarations = append(a.declarations, each.Decl)
		a.addValues(each.Consts, each.Vars)
		a.addFuncs(each.Funcs, each.Methods)
	}
	return a
}

func (a *api) addValues(groups ...[]*doc.Value) {
	for _, group := range groups {
		for _, each := range group {
			a.declarations = append(a.declarations, each.Decl)
		}
	}
}

func (a *api) addFuncs(groups ...[]*doc.Func) {
	for _, group := range groups {
		for _, each := range group {
			a.declarations = append(a.declarations, each.Decl)
		}
	}
}

func (a *api) noteImports(file *ast.File) {
	for _, spec := range file.Imports {
		imported := strings.Trim(spec.Path.Value, `"`)
		host, _, _ := strings.Cut(imported, "/")
		if !strings.Contains(host, ".") || slices.Contains([]string{rootPath, trackingPath, artifactsPath}, imported) {
			continue
		}
		name := path.Base(imported)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		a.foreign[name] = true
	}
}

func (a *api) noteEmbedded(file *ast.File) {
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.TypeSpec)
		if !ok || !spec.Name.IsExported() {
			return true
		}
		fields := &ast.FieldList{}
		switch t := spec.Type.(type) {
		case *ast.StructType:
			fields = t.Fields
		case *ast.InterfaceType:
			fields = t.Methods
		}
		for _, field := range fields.List {
			if len(field.Names) == 0 {
				a.embedded = append(a.embedded, hiddenIn(field.Type)...)
			}
		}
		return true
	})
}

// strangers returns the types of generated, internal and other modules' packages, and the package's own unexported
// types, that appear in what it exports.
func (a *api) strangers() []string {
	found := slices.Clone(a.embedded)
	var look func(ast.Node) bool
	look = func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.SelectorExpr: // of a package, as nothing else is selected from in a declaration
			if qualifier, ok := node.X.(*ast.Ident); ok && a.foreign[qualifier.Name] {
				found = append(found, types.ExprString(node))
			}
			return false
		case *ast.Field:
			found = append(found, hiddenIn(node.Type)...)
		case *ast.TypeSpec:
			found = append(found, hiddenIn(node.Type)...)
		case *ast.ValueSpec:
			found = append(found, hiddenIn(node.Type)...)
			if node.Type != nil { // the value of a type that is named says nothing more
				ast.Inspect(node.Type, look)
				return false
			}
		}
		return true
	}
	for _, declaration := range a.declarations {
		ast.Inspect(declaration, look)
	}
	return found
}

// hiddenIn returns the unexported type that an expression names, or has elements of.
func hiddenIn(expression ast.Expr) []string {
	switch e := expression.(type) {
	case *ast.Ident:
		if !e.IsExported() && types.Universe.Lookup(e.Name) == nil {
			return []string{e.Name}
		}
	case *ast.StarExpr:
		return hiddenIn(e.X)
	case *ast.Ellipsis:
		return hiddenIn(e.Elt)
	case *ast.ArrayType:
		return hiddenIn(e.Elt)
	case *ast.ChanType:
		return hiddenIn(e.Value)
	case *ast.MapType:
		return append(hiddenIn(e.Key), hiddenIn(e.Value)...)
	case *ast.IndexExpr:
		return append(hiddenIn(e.X), hiddenIn(e.Index)...)
	case *ast.IndexListExpr:
		found := hiddenIn(e.X)
		for _, index := range e.Indices {
			found = append(found, hiddenIn(index)...)
		}
		return found
	}
	return nil
}

// listing returns the declarations as Go code, without blank lines inside them and without columns: these depend on how
// long the comments between are.
func (a *api) listing(t *testing.T) string {
	t.Helper()
	blank, columns := regexp.MustCompile(`\n\s*\n`), regexp.MustCompile(`(\S) {2,}`)
	var text strings.Builder
	for _, declaration := range a.declarations {
		var code bytes.Buffer
		require.NoError(t, (&printer.Config{Mode: printer.UseSpaces, Tabwidth: 4}).Fprint(&code, a.fset, declaration))
		text.WriteString(columns.ReplaceAllString(blank.ReplaceAllString(code.String(), "\n"), "$1 ") + "\n\n")
	}
	return text.String()
}

func TestAPIFindsForeignTypes(t *testing.T) {
	t.Parallel()
	const imports = "package p\nimport (\"iter\"; \"" + rootPath + "/gen\"; \"" + rootPath + "/internal/wire\")\n"
	for code, want := range map[string]string{
		"func F(gen.Run) {}":                                                 "gen.Run",
		"func F(...*gen.Run) {}":                                             "gen.Run",
		"func F() (int, []gen.Run) { return 0, nil }":                        "gen.Run",
		"func F(func(map[string]gen.Run)) {}":                                "gen.Run",
		"func F[T gen.Run | int](T) {}":                                      "gen.Run",
		"func F() iter.Seq2[gen.Run, error] { return nil }":                  "gen.Run",
		"var V chan [2]gen.Run":                                              "gen.Run",
		"const C = wire.CodeBadRequest":                                      "wire.CodeBadRequest",
		"type T = gen.Run":                                                   "gen.Run",
		"type T struct{ Run gen.Run }":                                       "gen.Run",
		"type T struct{ *gen.Run }":                                          "gen.Run",
		"type T struct{ Inner struct{ Run gen.Run } }":                       "gen.Run",
		"type t struct{ Run gen.Run }; type T struct{ t }":                   "t",
		"type T struct{}; func (*T) M() gen.Run { return gen.Run{} }":        "gen.Run",
		"type t struct{}; func (t) M(gen.Run) {}; func F() t { return t{} }": "t",
		"type T interface{ M(gen.Run) }":                                     "gen.Run",
		"type i interface{ M(gen.Run) }; type T interface{ i }":              "i",
		"type T[E any] struct{ E E }; var V T[gen.Run]":                      "gen.Run",
		"type T[E interface{ *gen.Run }] struct{}":                           "gen.Run",
		"type t struct{}; func F() []*t { return nil }":                      "t",
		"type t struct{}; type T func(t)":                                    "t",
		"func F(wire.Float64) {}":                                            "wire.Float64",
		"type T struct{ hidden gen.Run }; func (T) m(gen.Run) {}":            "",
		"func f(gen.Run) {}; type t struct{ Run gen.Run }; var v gen.Run":    "",
		"type T interface{ m(gen.Run) }":                                     "",
	} {
		exported := exportedBy(t, imports+code)
		if want == "" {
			assert.Empty(t, exported.strangers(), code)
		} else {
			assert.Contains(t, exported.strangers(), want, code)
		}
	}
}

// A user's program must link nothing that only tests need.
func TestProgramLinksNoTestingCode(t *testing.T) {
	t.Parallel()
	output, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".", "./tracking", "./artifacts").Output()
	require.NoError(t, err)
	dependencies := strings.Fields(string(output))
	require.Contains(t, dependencies, rootPath+"/internal/transport")
	for _, dependency := range dependencies {
		for _, unwanted := range []string{
			"testing", "net/http/httptest", "github.com/stretchr/testify", rootPath + "/internal/scenario", rootPath + "/lab",
		} {
			assert.False(t, dependency == unwanted || strings.HasPrefix(dependency, unwanted+"/"), dependency)
		}
	}
}

// A user's program inherits this module, the generator's runtime, and what that needs.
func TestProgramLinksFewModules(t *testing.T) {
	t.Parallel()
	output, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "./...").Output()
	require.NoError(t, err)
	dependencies := strings.Fields(string(output))
	require.Contains(t, dependencies, rootPath+"/internal/transport")
	for _, dependency := range dependencies {
		assert.Regexp(t, `^github\.com/(mlflow-go/mlflow|oapi-codegen/runtime|google/uuid|apapsch/go-jsonmerge)\b`, dependency)
	}
}
