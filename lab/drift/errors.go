package drift

import (
	"regexp"
	"slices"
	"strconv"
)

// code matches the name of an error in the description of a response.
var code = regexp.MustCompile("`([A-Z]+(?:_[A-Z]+)+)`")

// errors compares the error codes that the spec names with those that servers have, their statuses, and the properties of
// an error.
func (c *comparison) errors() {
	for _, claim := range c.spec.statuses {
		c.status("a description", claim)
	}
	for _, item := range c.spec.Paths {
		for _, operation := range item.operations() {
			for status := range operation.Responses {
				c.response(status, c.spec.response(operation, status))
			}
		}
	}
	for name := range c.Errors {
		if !c.spec.codes[name] {
			c.report("error", name, "is not named")
		}
	}
	c.errorProperties()
}

func (c *comparison) response(status string, response *Response) {
	if status[0] < '4' || status[0] > '5' {
		return
	}
	for _, match := range code.FindAllStringSubmatch(response.Description, -1) {
		c.status("a response", claim{match[1], status})
	}
}

func (c *comparison) status(where string, said claim) {
	actual, ok := c.Errors[said.code]
	if !ok {
		c.report("error", said.code, "is named by %s and unknown to servers", where)
		return
	}
	if strconv.Itoa(actual) != said.status {
		c.report("error", said.code, "has status %s by %s, of servers %d", said.status, where, actual)
	}
}

func (c *comparison) errorProperties() {
	schema := c.spec.resolve(&Schema{Ref: "#/components/schemas/ErrorResponse"})
	for name, property := range schema.Properties {
		there := slices.Contains(c.ErrorProperties, name)
		ever := c.ever(func(f *Facts) bool { return slices.Contains(f.ErrorProperties, name) })
		c.presence("field", "ErrorResponse."+name, c.spec.resolve(property).Since, there, ever)
	}
	for _, name := range c.ErrorProperties {
		if schema.Properties[name] == nil {
			c.report("field", "ErrorResponse."+name, "is missing")
		}
	}
}
