package tables

import (
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A source is what the tables need to know of a package of the library.
type source struct {
	methods    []method
	operations []operation
	options    []option
	interfaces map[string][]string // what the type of an option can be passed as, but for itself
}

// A method is an exported method of Client, or a function that makes something of the package.
type method struct {
	name      string
	does      string   // the first sentence of its comment, without the name
	endpoints []string // the last lines of its comment
	returns   string   // the types of its results, but for the error
	options   string   // the type of its options
}

// An operation is a row of operation.go.
type operation struct {
	variable, name string
	safety         safety
	hasDone        bool // an error of a retry may count as success
}

// An option is a function that makes an option.
type option struct {
	name, kind, does string
}

var route = regexp.MustCompile(`^(GET|POST|PUT|PATCH|DELETE) /`)

// readSource reads the package in a folder, without its tests.
func readSource(folder string) (*source, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	s := &source{interfaces: make(map[string][]string)}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if err := s.add(name, text); err != nil {
			return nil, err
		}
	}
	if len(s.methods) == 0 {
		return nil, &fs.PathError{Op: "read methods", Path: folder, Err: fs.ErrNotExist}
	}
	return s, nil
}

func (s *source) add(name string, text []byte) error {
	file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	for _, declaration := range file.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			s.addFunc(d)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.ValueSpec:
					if err := s.addOperation(spec); err != nil {
						return err
					}
				case *ast.TypeSpec:
					s.addInterface(spec)
				}
			}
		}
	}
	return nil
}

func (s *source) addFunc(f *ast.FuncDecl) {
	returns := results(f)
	switch {
	case !f.Name.IsExported():
	case f.Recv == nil && strings.HasPrefix(f.Name.Name, "With"):
		s.options = append(s.options, option{f.Name.Name, returns, firstSentence(f)})
	case f.Recv == nil, f.Recv != nil && types.ExprString(f.Recv.List[0].Type) == "*Client":
		s.methods = append(s.methods, method{f.Name.Name, firstSentence(f), endpointsOf(f), returns, optionsOf(f)})
	}
}

// firstSentence returns the first sentence of a comment, without the name that it begins with and its period.
func firstSentence(f *ast.FuncDecl) string {
	sentence := new(doc.Package).Synopsis(f.Doc.Text())
	return strings.TrimSuffix(strings.TrimPrefix(sentence, f.Name.Name+" "), ".")
}

// endpointsOf returns the endpoints that the last lines of a method's comment name.
func endpointsOf(f *ast.FuncDecl) []string {
	paragraphs := strings.Split(strings.TrimSpace(f.Doc.Text()), "\n\n")
	lines := strings.Split(paragraphs[len(paragraphs)-1], "\n")
	if !route.MatchString(lines[0]) {
		return nil
	}
	return lines
}

func results(f *ast.FuncDecl) string {
	if f.Type.Results == nil {
		return ""
	}
	var all []string
	for _, result := range f.Type.Results.List {
		if name := types.ExprString(result.Type); name != "error" {
			all = append(all, name)
		}
	}
	return strings.Join(all, ", ")
}

// optionsOf returns the type of a function's variadic parameter.
func optionsOf(f *ast.FuncDecl) string {
	params := f.Type.Params.List
	if len(params) == 0 {
		return ""
	}
	if variadic, ok := params[len(params)-1].Type.(*ast.Ellipsis); ok {
		return types.ExprString(variadic.Elt)
	}
	return ""
}

// addOperation adds a variable that is a row of operation.go.
func (s *source) addOperation(spec *ast.ValueSpec) error {
	if len(spec.Values) != 1 {
		return nil
	}
	row, ok := spec.Values[0].(*ast.CompositeLit)
	if !ok || !strings.HasPrefix(types.ExprString(row.Type), "operation[") {
		return nil
	}
	found := operation{variable: spec.Names[0].Name}
	for _, element := range row.Elts {
		field := element.(*ast.KeyValueExpr)
		value := types.ExprString(field.Value)
		switch types.ExprString(field.Key) {
		case "name":
			found.name = strings.Trim(value, `"`)
		case "safety":
			found.safety = safety(strings.TrimPrefix(value, "transport."))
		case "alreadyDone":
			found.hasDone = true
		}
	}
	if found.safety != runOnce && found.safety != mayRunTwice {
		return fmt.Errorf("the row %s: say whether the operation may run twice", found.variable)
	}
	s.operations = append(s.operations, found)
	return nil
}

// addInterface notes which other options an option can be passed as.
func (s *source) addInterface(spec *ast.TypeSpec) {
	kind, ok := spec.Type.(*ast.InterfaceType)
	if !ok {
		return
	}
	for _, field := range kind.Methods.List {
		if len(field.Names) == 0 {
			s.interfaces[spec.Name.Name] = append(s.interfaces[spec.Name.Name], types.ExprString(field.Type))
		}
	}
}

// takers returns the methods that an option can be passed to.
func (s *source) takers(o option) []string {
	kinds := append([]string{o.kind}, s.interfaces[o.kind]...)
	var names []string
	for _, m := range s.methods {
		if slices.Contains(kinds, m.options) {
			names = append(names, m.name)
		}
	}
	return names
}
