package traffic

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"go.yaml.in/yaml/v3"
)

// A Spec is an OpenAPI 3.1 document. Its schemas are plain JSON Schema, so that the whole document is given to a validator
// of that, and references mean what they mean everywhere else.
type Spec struct {
	root     map[string]any
	compiler *jsonschema.Compiler
}

// documentURL names the document for the validator, which never fetches it.
const documentURL = "spec:///openapi.json"

// Parse reads a document in YAML.
func Parse(document []byte) (*Spec, error) {
	var parsed any
	if err := yaml.Unmarshal(document, &parsed); err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(parsed) // the validator knows JSON's numbers, not YAML's
	if err != nil {
		return nil, err
	}
	s := &Spec{compiler: jsonschema.NewCompiler()}
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.UseNumber()
	if err := decoder.Decode(&s.root); err != nil {
		return nil, err
	}
	return s, s.compiler.AddResource(documentURL, s.root)
}

// A node is an object of the document. A pointer says where it stands, such as #/components/schemas/Run.
type node struct {
	spec    *Spec
	pointer string
	object  map[string]any
}

// at returns the object below n that the keys lead to, and whether there is one. It follows references.
func (n node) at(keys ...string) (node, bool) {
	if ref, ok := n.object["$ref"].(string); ok {
		return n.spec.top().at(append(tokens(ref), keys...)...)
	}
	if len(keys) == 0 {
		return n, true
	}
	object, ok := n.object[keys[0]].(map[string]any)
	if !ok {
		return node{}, false
	}
	return node{n.spec, n.pointer + "/" + escape.Replace(keys[0]), object}.at(keys[1:]...)
}

// operation returns the operation of a method and a path. A declared path may end in a parameter.
func (s *Spec) operation(method, path string) (node, bool) {
	method = strings.ToLower(method)
	if found, ok := s.top().at("paths", path, method); ok {
		return found, true
	}
	paths, _ := s.top().at("paths")
	for declared := range paths.object {
		prefix, _, ok := strings.Cut(declared, "{")
		if ok && strings.HasPrefix(path, prefix) && len(path) > len(prefix) {
			return s.top().at("paths", declared, method)
		}
	}
	return node{}, false
}

func (s *Spec) top() node { return node{s, "#", s.root} }

// tokens are the keys that a pointer is made of.
func tokens(pointer string) []string {
	keys := strings.Split(strings.TrimPrefix(pointer, "#/"), "/")
	for i, key := range keys {
		keys[i] = unescape.Replace(key)
	}
	return keys
}

var (
	escape   = strings.NewReplacer("~", "~0", "/", "~1")
	unescape = strings.NewReplacer("~1", "/", "~0", "~")
)

// query returns the parameters of an operation that belong into the query, by name.
func (n node) query() map[string]node {
	list, _ := n.object["parameters"].([]any)
	parameters := make(map[string]node)
	for i, item := range list {
		object, _ := item.(map[string]any)
		parameter, _ := node{n.spec, n.pointer + "/parameters/" + strconv.Itoa(i), object}.at()
		if name, ok := parameter.object["name"].(string); ok && parameter.object["in"] == "query" {
			parameters[name] = parameter
		}
	}
	return parameters
}

// undeclared calls found with each property of a value that the schema n does not declare, named by the schema that it
// was looked for in. Schemas that are made of others are not looked into: the document has none for objects.
func (n node) undeclared(value any, found func(property string)) {
	switch value := value.(type) {
	case map[string]any:
		for name, item := range value {
			property, ok := n.at("properties", name)
			if !ok {
				found(strings.TrimPrefix(n.pointer, "#/components/schemas/") + "." + name)
				continue
			}
			property.undeclared(item, found)
		}
	case []any:
		items, _ := n.at("items")
		for _, item := range value {
			items.undeclared(item, found)
		}
	}
}

// violations returns how a value contradicts the schema n: where, and which keyword of the schema forbids it.
func (n node) violations(value any) ([]string, error) {
	schema, err := n.spec.compiler.Compile(documentURL + n.pointer)
	if err != nil {
		return nil, err
	}
	var invalid *jsonschema.ValidationError
	if err := schema.Validate(value); !errors.As(err, &invalid) {
		return nil, err
	}
	return causes(invalid), nil
}

// causes returns the innermost causes of an error.
func causes(err *jsonschema.ValidationError) []string {
	var all []string
	for _, cause := range err.Causes {
		all = append(all, causes(cause)...)
	}
	if len(all) > 0 {
		return all
	}
	where := slices.Clone(err.InstanceLocation)
	for i, key := range where {
		if _, err := strconv.Atoi(key); err == nil {
			where[i] = "*" // which item of a list it was does not matter
		}
	}
	keyword := strings.Join(err.ErrorKind.KeywordPath(), "/")
	if required, ok := err.ErrorKind.(*kind.Required); ok {
		keyword += " " + strings.Join(required.Missing, ", ")
	}
	return []string{strings.TrimSpace(strings.Join(where, ".") + " " + keyword)}
}

// CheckExamples returns the bodies and the required query parameters that have no example, and the examples of bodies that
// are not valid where they stand. Each is named by its operation; or, for responses that operations share, by the name of
// that. The content of files has no examples.
func (s *Spec) CheckExamples() (lacking, wrong []string, err error) {
	check := func(name string, body node) {
		content, _ := body.at("content")
		if isBytes(content) {
			return
		}
		found := false
		for mediaType := range content.object {
			schema, _ := content.at(mediaType, "schema")
			examples, _ := content.at(mediaType, "examples")
			for key := range examples.object {
				found = true
				example, _ := examples.at(key)
				violations, failure := schema.violations(example.object["value"])
				if err = errors.Join(err, failure); len(violations) > 0 {
					wrong = append(wrong, name+": "+strings.Join(violations, ", "))
				}
			}
		}
		if !found {
			lacking = append(lacking, name)
		}
	}
	paths, _ := s.top().at("paths")
	for path, item := range paths.object {
		for method := range item.(map[string]any) {
			operation, ok := paths.at(path, method)
			if !ok {
				continue // the parameters of all methods
			}
			name := fmt.Sprint(operation.object["operationId"])
			if request, ok := operation.at("requestBody"); ok {
				check(name+" request", request)
			}
			for parameter, declared := range operation.query() {
				if declared.object["required"] == true && declared.object["example"] == nil {
					lacking = append(lacking, name+" "+parameter)
				}
			}
			success, _ := operation.at("responses", "200")
			check(name+" response", success)
		}
	}
	shared, _ := s.top().at("components", "responses")
	for name := range shared.object {
		response, _ := shared.at(name)
		check(name, response)
	}
	return lacking, wrong, err
}

// isBytes reports whether a body is the content of a file.
func isBytes(content node) bool {
	for _, mediaType := range []string{"application/octet-stream", "*/*"} {
		if _, ok := content.at(mediaType); ok {
			return true
		}
	}
	return false
}
