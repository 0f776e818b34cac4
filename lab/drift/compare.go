package drift

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A difference between the spec and servers.
type difference struct{ kind, where, what string }

// differences collects in which releases each difference is there.
type differences map[difference]map[minor]bool

// lines returns the differences as they are printed, and as openapi/omissions.yaml names them: KIND WHERE WHAT (RELEASES).
func (d differences) lines(h *history) []string {
	var lines []string
	for found, set := range d {
		lines = append(lines, fmt.Sprintf("%s %s %s (%s)", found.kind, found.where, found.what, h.span(set)))
	}
	slices.Sort(lines)
	return lines
}

// compare compares the spec with every release.
func compare(spec *Spec, h *history) []string {
	found := differences{}
	for _, m := range h.minors {
		c := &comparison{spec: spec, history: h, minor: m, Facts: h.facts[m], found: found, seen: map[visit]bool{}}
		c.endpoints()
		c.limits()
		c.errors()
	}
	return found.lines(h)
}

// A comparison of the spec with one release.
type comparison struct {
	*Facts
	spec    *Spec
	history *history
	minor   minor
	found   differences
	seen    map[visit]bool
}

// A visit is of a schema, for the message that servers have in its place.
type visit struct{ schema, path, message string }

// A place is where in the API a schema is used.
type place struct {
	path    string // as validators name it: LogBatch.metrics[].key
	where   string // as the spec names it: Metric.key
	request bool
	texts   string // all descriptions on the way
}

func (c *comparison) report(kind, where, what string, args ...any) {
	key := difference{kind, where, fmt.Sprintf(what, args...)}
	if c.found[key] == nil {
		c.found[key] = map[minor]bool{}
	}
	c.found[key][c.minor] = true
}

// claims reports whether x-mlflow-since promises a thing to the release; without a claim it is there from the start.
func (c *comparison) claims(kind, where, since string) bool {
	if since == "" {
		return true
	}
	m, err := parseMinor(since)
	if err != nil || m.compare(first) < 0 {
		c.report("since", where, "of the %s is %q, which is no release since %s", kind, since, first)
		return true
	}
	return c.minor.compare(m) >= 0
}

// presence compares whether a release has a thing with whether the spec says so, and returns whether both have it.
func (c *comparison) presence(kind, where, since string, there, ever bool) bool {
	claimed := c.claims(kind, where, since)
	switch {
	case !there && !ever:
		c.report(kind, where, "is not in any release")
	case claimed && !there && since == "":
		c.report("since", where, "is not said, and these lack it")
	case claimed && !there:
		c.report("since", where, "is said to be %s, and these lack it", since)
	case !claimed && there:
		c.report("since", where, "is said to be %s, and these have it", since)
	}
	return claimed && there
}

// ever reports whether any release has what the function looks for.
func (c *comparison) ever(has func(*Facts) bool) bool {
	for _, facts := range c.history.facts {
		if has(facts) {
			return true
		}
	}
	return false
}

// endpoints compares all operations, both ways.
func (c *comparison) endpoints() {
	covered := map[string]bool{}
	for path, item := range c.spec.Paths {
		for method, operation := range item.operations() {
			endpoint := method + " " + path
			covered[endpoint] = true
			name := c.named(endpoint)
			there := name != ""
			ever := there || c.ever(func(f *Facts) bool { return f.named(endpoint) != "" })
			where := operation.ID + " " + endpoint
			if operation.Since == "" {
				c.report("since", where, "is not said")
			}
			if c.presence("endpoint", where, operation.Since, there, ever) {
				c.operation(operation, name)
			}
		}
	}
	for name, endpoints := range c.Endpoints {
		c.uncovered(name, endpoints, covered)
	}
	for _, name := range c.OtherEndpoints {
		c.report("endpoint", name, "is missing")
	}
}

// named returns the name of an endpoint's request, or "" if the release has no such endpoint.
func (f *Facts) named(endpoint string) string {
	for name, endpoints := range f.Endpoints {
		if slices.Contains(endpoints, endpoint) {
			return name
		}
	}
	return ""
}

func (c *comparison) uncovered(name string, endpoints []string, covered map[string]bool) {
	if !slices.ContainsFunc(endpoints, func(endpoint string) bool { return covered[endpoint] }) {
		c.report("endpoint", name, "is missing")
		return
	}
	for _, endpoint := range endpoints {
		if !covered[endpoint] {
			c.report("method", name, "%s is missing", endpoint)
		}
	}
}

func (c *comparison) operation(operation *Operation, name string) {
	if operation.ID != name {
		c.report("endpoint", operation.ID, "is called %s", name)
	}
	c.object(c.spec.request(operation), name, place{path: name, where: operation.ID, request: true, texts: operation.Description})
	c.object(c.spec.result(operation), name+".Response", place{path: name + ".Response", where: operation.ID + "Response"})
}

// object compares the properties of a schema with the fields of a message.
func (c *comparison) object(schema *Schema, message string, at place) {
	if schema.name != "" {
		at.where = schema.name
	}
	key := visit{at.where, "", message}
	if at.request {
		key.path = at.path
	}
	if c.seen[key] {
		return
	}
	c.seen[key] = true
	fields := c.Messages[message]
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		c.property(schema, name, message, at)
	}
	for name := range fields {
		if schema.Properties[name] == nil {
			c.report("field", at.where+"."+name, "is missing")
		}
	}
	for _, name := range schema.Required {
		if schema.Properties[name] == nil {
			c.report("required", at.where+"."+name, "is no property")
		}
	}
}

func (c *comparison) property(parent *Schema, name, message string, at place) {
	schema := c.spec.resolve(parent.Properties[name])
	at.path += "." + name
	at.where += "." + name
	at.texts = join(at.texts, parent.Description, schema.Description)
	field, there := c.Messages[message][name]
	ever := c.ever(func(f *Facts) bool { _, ok := f.Messages[message][name]; return ok })
	if !c.presence("field", at.where, schema.Since, there, ever) {
		return
	}
	words := strings.Fields(field)
	repeated := words[0] == "repeated"
	if repeated {
		words = words[1:]
	}
	if at.request {
		c.required(slices.Contains(parent.Required, name), slices.Contains(words, "required"), at)
		c.bounds(schema, words[0] == "string" && !repeated, at)
	}
	switch isList := schema.Type == "array"; {
	case isList && !repeated:
		c.report("label", at.where, "is a list, of servers one value")
	case !isList && repeated:
		c.report("label", at.where, "is one value, of servers a list")
	case isList:
		at.path += "[]"
		c.value(c.spec.resolve(schema.Items), words[0], at)
	default:
		c.value(schema, words[0], at)
	}
}

// value compares the type of one value.
func (c *comparison) value(schema *Schema, fieldType string, at place) {
	if _, ok := c.Messages[fieldType]; ok {
		if schema.Type != "object" {
			c.report("type", at.where, "is %s, of servers %s", schema.form(), fieldType)
			return
		}
		c.object(schema, fieldType, at)
		return
	}
	values, isEnum := c.Enums[fieldType]
	if isEnum {
		fieldType = "string"
	}
	if !fits(schema, fieldType) {
		c.report("type", at.where, "is %s, of servers %s", schema.form(), fieldType)
		return
	}
	if isEnum {
		c.enum(schema, values, at.request, at)
	} else if fieldType == "string" {
		// Protobuf takes any string. The values are those of the entity that the schema is named after.
		c.enum(schema, c.Enums[schema.name], false, at)
	}
}

// enum compares the values of a string. A closed one must list them: what it does not list, servers ignore in a request.
// In a response the list may be open, as later releases may send what clients should not refuse.
func (c *comparison) enum(schema *Schema, values []string, closed bool, at place) {
	where := at.where
	if schema.name != "" {
		where = schema.name
	}
	var listed []string
	for _, form := range schema.forms() {
		listed = append(listed, form.Enum...)
	}
	if len(listed) == 0 && !closed {
		return
	}
	for _, value := range values {
		if !slices.Contains(listed, value) {
			c.report("enum", where, "lacks %s", value)
		}
	}
	for _, value := range listed {
		if !slices.Contains(values, value) {
			c.report("enum", where, "has %s, which servers do not know", value)
		}
	}
}

// Patterns and values of numbers that are sent as strings.
const digits = "^-?[0-9]+$"

var specialFloats = []string{"NaN", "Infinity", "-Infinity"}

// fits reports whether a schema takes the values of a protobuf type: each of its forms does, and for numbers one at least
// is a number.
func fits(schema *Schema, fieldType string) bool {
	plain := false
	for _, form := range schema.forms() {
		switch {
		case fitsPlain(form, fieldType):
			plain = true
		case !fitsAsText(form, fieldType):
			return false
		}
	}
	return plain
}

func fitsPlain(form *Schema, fieldType string) bool {
	switch fieldType {
	case "string":
		return form.Type == "string" && form.Format == "" && form.Pattern == ""
	case "int32", "int64":
		return form.Type == "integer" && (form.Format == "" || form.Format == fieldType)
	case "double":
		return form.Type == "number" && (form.Format == "" || form.Format == "double")
	case "bool":
		return form.Type == "boolean"
	}
	return false
}

// fitsAsText reports whether a form is that of a number which protobuf's JSON mapping writes as a string.
func fitsAsText(form *Schema, fieldType string) bool {
	switch fieldType {
	case "int64":
		return form.Type == "string" && form.Pattern == digits
	case "double":
		return form.Type == "string" && slices.Equal(form.Enum, specialFloats)
	}
	return false
}

// required compares what a request must hold. Servers insist where a handler does, and promise to where the message says
// so: the handlers of some requests let pass what the message demands.
func (c *comparison) required(said, declared bool, at place) {
	wanted := c.demanded(at.path)
	switch {
	case !said && wanted:
		c.report("required", at.where, "is not said, and servers insist")
	case !said && declared:
		c.report("required", at.where, "is not said, and the message declares it")
	case said && !wanted && !declared:
		c.report("required", at.where, "is said, and servers do without")
	}
}

// demanded reports whether a handler insists on a property.
func (c *comparison) demanded(path string) bool {
	return slices.Contains(strings.Fields(c.Validators[path]), "required")
}
