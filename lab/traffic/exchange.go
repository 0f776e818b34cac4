// Package traffic holds recorded exchanges against the OpenAPI document: requests and responses must be valid, and must
// not hold what the document does not declare.
package traffic

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/url"
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// An Exchange is a recorded request and its response.
type Exchange struct {
	Request struct {
		Method, Path string
		Query        url.Values
		Body         json.RawMessage // what is JSON
		Text         string          // what is not
	}
	Response struct {
		Status int
		Header map[string]string
		Body   json.RawMessage // what is JSON
		Text   string          // what is not
	}
}

// Check returns what the document does not allow, or does not know, in an exchange. Findings of one kind read the same.
func (s *Spec) Check(e Exchange) ([]string, error) {
	operation, ok := s.operation(e.Request.Method, e.Request.Path)
	if !ok {
		return []string{fmt.Sprintf("%s %s: no such operation", e.Request.Method, e.Request.Path)}, nil
	}
	c := check{prefix: fmt.Sprint(operation.object["operationId"], " request")}
	c.query(operation, e.Request.Query)
	c.requestBody(operation, e.Request.Body, e.Request.Text)
	c.prefix = fmt.Sprint(operation.object["operationId"], " ", e.Response.Status)
	c.response(operation, e)
	return c.findings, c.err
}

// Media types of files.
const (
	octetStream = "application/octet-stream"
	anyType     = "*/*"
)

// A check collects the findings about one exchange.
type check struct {
	prefix   string
	findings []string
	err      error // a schema of the document is not valid
}

func (c *check) found(format string, args ...any) {
	c.findings = append(c.findings, c.prefix+": "+fmt.Sprintf(format, args...))
}

func (c *check) query(operation node, query url.Values) {
	parameters := operation.query()
	for name, parameter := range parameters {
		if parameter.object["required"] == true && !query.Has(name) {
			c.found("query lacks %s", name)
		}
	}
	for name, values := range query {
		schema, ok := parameters[name].at("schema")
		if !ok {
			c.found("query parameter %s is not declared", name)
			continue
		}
		c.value(schema, queryValue(schema, values))
	}
}

// queryValue is what the text of a query parameter stands for.
func queryValue(schema node, values []string) any {
	switch schema.object["type"] {
	case "array":
		list := make([]any, len(values))
		for i, value := range values {
			list[i] = value
		}
		return list
	case "integer", "number":
		if _, err := strconv.ParseFloat(values[0], 64); err == nil {
			return json.Number(values[0])
		}
	}
	return values[0]
}

func (c *check) requestBody(operation node, body []byte, text string) {
	declared, ok := operation.at("requestBody")
	_, isFile := declared.at("content", octetStream)
	switch {
	case isFile: // any bytes, and none
	case !ok && (body != nil || text != ""):
		c.found("a body is not declared")
	case ok && body != nil:
		c.body(declared, "application/json", body, "")
	case ok && declared.object["required"] == true:
		c.found("the body is missing")
	}
}

func (c *check) response(operation node, e Exchange) {
	response, ok := operation.at("responses", strconv.Itoa(e.Response.Status))
	if !ok {
		response, ok = operation.at("responses", "default")
	}
	if !ok {
		c.found("this status is not declared")
		return
	}
	c.body(response, e.Response.Header["Content-Type"], e.Response.Body, e.Response.Text)
}

// body checks a body of a media type that the declaration must know: JSON, or else text.
func (c *check) body(declared node, contentType string, body []byte, text string) {
	if _, isFile := declared.at("content", anyType); isFile || (contentType == "" && body == nil && text == "") {
		return // any bytes, or none
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	schema, ok := declared.at("content", mediaType, "schema")
	if err != nil || !ok {
		c.found("Content-Type %q is not declared", contentType)
		return
	}
	var value any = text
	if mediaType == "application/json" {
		if value, err = jsonschema.UnmarshalJSON(bytes.NewReader(body)); err != nil {
			c.found("the body is not JSON")
			return
		}
	}
	c.value(schema, value)
}

func (c *check) value(schema node, value any) {
	violations, err := schema.violations(value)
	if err != nil {
		c.err = err
		return
	}
	for _, violation := range violations {
		c.found("%s", violation)
	}
	schema.undeclared(value, func(property string) {
		c.findings = append(c.findings, property+" is not declared") // by whichever operation refers to the schema
	})
}
