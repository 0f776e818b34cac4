package drift

import (
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A Spec is what is compared of an OpenAPI document.
type Spec struct {
	Paths      map[string]*PathItem `yaml:"paths"`
	Components struct {
		Schemas       map[string]*Schema    `yaml:"schemas"`
		Parameters    map[string]*Parameter `yaml:"parameters"`
		Responses     map[string]*Response  `yaml:"responses"`
		RequestBodies map[string]*Body      `yaml:"requestBodies"`
	} `yaml:"components"`

	codes    map[string]bool // the names in capitals that descriptions hold
	statuses []claim         // what they say to be whose status
}

// A claim of a description that an error has a status.
type claim struct{ code, status string }

// A PathItem holds the operations of a path by their HTTP methods.
type PathItem struct {
	Get    *Operation `yaml:"get"`
	Post   *Operation `yaml:"post"`
	Put    *Operation `yaml:"put"`
	Patch  *Operation `yaml:"patch"`
	Delete *Operation `yaml:"delete"`
}

func (p *PathItem) operations() map[string]*Operation {
	all := map[string]*Operation{"GET": p.Get, "POST": p.Post, "PUT": p.Put, "PATCH": p.Patch, "DELETE": p.Delete}
	for method, operation := range all {
		if operation == nil {
			delete(all, method)
		}
	}
	return all
}

// An Operation is a method of a path.
type Operation struct {
	ID          string               `yaml:"operationId"`
	Description string               `yaml:"description"`
	Since       string               `yaml:"x-mlflow-since"`
	Parameters  []*Parameter         `yaml:"parameters"`
	RequestBody *Body                `yaml:"requestBody"`
	Responses   map[string]*Response `yaml:"responses"`
}

// A Parameter of a request stands in its query, path or headers.
type Parameter struct {
	Ref         string  `yaml:"$ref"`
	Name        string  `yaml:"name"`
	In          string  `yaml:"in"`
	Description string  `yaml:"description"`
	Since       string  `yaml:"x-mlflow-since"`
	Required    bool    `yaml:"required"`
	Schema      *Schema `yaml:"schema"`
}

// A Body is the content of a request.
type Body struct {
	Ref     string           `yaml:"$ref"`
	Content map[string]Media `yaml:"content"`
}

// A Response of an operation.
type Response struct {
	Ref         string           `yaml:"$ref"`
	Description string           `yaml:"description"`
	Content     map[string]Media `yaml:"content"`
}

// Media is content of one media type.
type Media struct {
	Schema *Schema `yaml:"schema"`
}

// A Schema is what is compared of a JSON schema.
type Schema struct {
	Ref         string             `yaml:"$ref"`
	Type        string             `yaml:"type"`
	Format      string             `yaml:"format"`
	Pattern     string             `yaml:"pattern"`
	Description string             `yaml:"description"`
	Since       string             `yaml:"x-mlflow-since"`
	Properties  map[string]*Schema `yaml:"properties"`
	Required    []string           `yaml:"required"`
	Items       *Schema            `yaml:"items"`
	Enum        []string           `yaml:"enum"`
	OneOf       []*Schema          `yaml:"oneOf"`
	AnyOf       []*Schema          `yaml:"anyOf"`
	Minimum     *int               `yaml:"minimum"`
	Maximum     *int               `yaml:"maximum"`
	MinLength   *int               `yaml:"minLength"`
	MaxLength   *int               `yaml:"maxLength"`
	MaxItems    *int               `yaml:"maxItems"`

	name string // of the component
}

// bound returns the value of a keyword that limits, or nil.
func (s *Schema) bound(keyword string) *int {
	return map[string]*int{
		"minimum": s.Minimum, "maximum": s.Maximum, "minLength": s.MinLength, "maxLength": s.MaxLength, "maxItems": s.MaxItems,
	}[keyword]
}

// forms returns the alternatives of a schema, of which it is itself the only one if it names none.
func (s *Schema) forms() []*Schema {
	if alternatives := slices.Concat(s.OneOf, s.AnyOf); len(alternatives) > 0 {
		return alternatives
	}
	return []*Schema{s}
}

// form describes the type of a schema.
func (s *Schema) form() string {
	var forms []string
	for _, form := range s.forms() {
		words := []string{form.Type, form.Format, form.Pattern, strings.Join(form.Enum, "|")}
		forms = append(forms, strings.Join(slices.DeleteFunc(words, func(word string) bool { return word == "" }), " "))
	}
	return strings.Join(forms, " or ")
}

func readSpec(file string) (*Spec, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	spec, err := parseSpec(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return spec, nil
}

var (
	capitals = regexp.MustCompile("`([A-Z_]+)`")
	// statusAndCode matches how descriptions name errors: 400 `BAD_REQUEST`.
	statusAndCode = regexp.MustCompile("\\b([45]\\d\\d)\\s+`([A-Z][A-Z_]+)`")
)

func parseSpec(content []byte) (*Spec, error) {
	spec := &Spec{codes: map[string]bool{}}
	if err := yaml.Unmarshal(content, spec); err != nil {
		return nil, err
	}
	for name, schema := range spec.Components.Schemas {
		schema.name = name
	}
	for _, match := range capitals.FindAllSubmatch(content, -1) {
		spec.codes[string(match[1])] = true
	}
	for _, match := range statusAndCode.FindAllSubmatch(content, -1) {
		spec.statuses = append(spec.statuses, claim{string(match[2]), string(match[1])})
	}
	if err := spec.check(string(content)); err != nil {
		return nil, err
	}
	return spec, nil
}

// check returns an error for what the comparison would stumble over.
func (s *Spec) check(text string) error {
	for name, schema := range s.Components.Schemas {
		for property, inner := range schema.Properties {
			if inner == nil {
				return fmt.Errorf("%s.%s has no schema", name, property)
			}
		}
	}
	for _, ref := range strings.Split(text, `$ref: "`)[1:] {
		target, _, _ := strings.Cut(ref, `"`)
		if !s.has(target) {
			return fmt.Errorf("%s does not exist", target)
		}
	}
	return nil
}

func (s *Spec) has(ref string) bool {
	name := path.Base(ref)
	switch path.Dir(ref) {
	case "#/components/schemas":
		return s.Components.Schemas[name] != nil
	case "#/components/parameters":
		return s.Components.Parameters[name] != nil
	case "#/components/responses":
		return s.Components.Responses[name] != nil
	case "#/components/requestBodies":
		return s.Components.RequestBodies[name] != nil
	}
	return true
}

// resolve follows a schema's reference. What stands beside the reference holds for this use: the description is added,
// the release replaced.
func (s *Spec) resolve(schema *Schema) *Schema {
	if schema == nil {
		return &Schema{}
	}
	if schema.Ref == "" {
		return schema
	}
	merged := *s.resolve(s.Components.Schemas[path.Base(schema.Ref)])
	merged.Description = join(schema.Description, merged.Description)
	if schema.Since != "" {
		merged.Since = schema.Since
	}
	return &merged
}

func (s *Spec) parameters(operation *Operation) []*Parameter {
	var all []*Parameter
	for _, parameter := range operation.Parameters {
		if parameter.Ref != "" {
			parameter = s.Components.Parameters[path.Base(parameter.Ref)]
		}
		all = append(all, parameter)
	}
	return slices.DeleteFunc(all, func(p *Parameter) bool { return p.In != "query" })
}

// request returns an operation's request as one schema, whether it is in the query or the body.
func (s *Spec) request(operation *Operation) *Schema {
	if operation.RequestBody != nil {
		body := operation.RequestBody
		if body.Ref != "" {
			body = s.Components.RequestBodies[path.Base(body.Ref)]
		}
		return s.resolve(body.Content["application/json"].Schema)
	}
	query := &Schema{Properties: map[string]*Schema{}, name: operation.ID}
	for _, parameter := range s.parameters(operation) {
		schema := *s.resolve(parameter.Schema)
		schema.Description = join(parameter.Description, schema.Description)
		if parameter.Since != "" {
			schema.Since = parameter.Since
		}
		query.Properties[parameter.Name] = &schema
		if parameter.Required {
			query.Required = append(query.Required, parameter.Name)
		}
	}
	return query
}

func (s *Spec) response(operation *Operation, status string) *Response {
	response := operation.Responses[status]
	if response != nil && response.Ref != "" {
		response = s.Components.Responses[path.Base(response.Ref)]
	}
	return response
}

// result returns the schema of an operation's success.
func (s *Spec) result(operation *Operation) *Schema {
	response := s.response(operation, "200")
	if response == nil {
		return &Schema{}
	}
	return s.resolve(response.Content["application/json"].Schema)
}

func join(texts ...string) string {
	return strings.TrimSpace(strings.Join(texts, "\n"))
}
