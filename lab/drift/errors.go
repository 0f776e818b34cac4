package main

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	// statusAndCode matches how descriptions name errors: 400 `BAD_REQUEST`.
	statusAndCode = regexp.MustCompile("\\b([45]\\d\\d)\\s+`([A-Z][A-Z_]+)`")
	code          = regexp.MustCompile("`([A-Z]+(?:_[A-Z]+)+)`")
)

// errors compares the error codes that the spec names with those that servers have, their statuses, and the properties of
// an error.
func (c *comparison) errors() {
	for _, item := range c.spec.Paths {
		for _, operation := range item.operations() {
			for _, match := range statusAndCode.FindAllStringSubmatch(operation.Description, -1) {
				c.status(operation.ID, match[2], match[1])
			}
			for status := range operation.Responses {
				c.response(status, c.spec.response(operation, status))
			}
		}
	}
	for name := range c.Errors {
		if !strings.Contains(c.spec.text, "`"+name+"`") {
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
		c.status("response", match[1], status)
	}
}

func (c *comparison) status(where, name, said string) {
	actual, ok := c.Errors[name]
	if !ok {
		c.report("error", name, "is named by %s and unknown to servers", where)
		return
	}
	if strconv.Itoa(actual) != said {
		c.report("error", name, "has status %s by %s, of servers %d", said, where, actual)
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
