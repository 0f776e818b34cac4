package mlflowtest

import (
	"io"
	"math"
	"net/http"
	"strings"
	"unicode/utf8"
)

// A request is one for an operation.
type request struct {
	*message
	members *object // what the message was read from
}

// readRequest reads a request as the server does: first the message, as far as it can be read, and then the checks of
// what the request says.
func readRequest(r *http.Request, e *endpoint) (*request, error) {
	members, err := readMembers(r, e.request)
	if err != nil {
		return nil, err
	}
	if err := refuseOddities(members, e.request); err != nil {
		return nil, err
	}
	req := &request{e.request.new(), members}
	whole := req.read(members)
	for _, p := range e.params {
		if err := p.check(members, whole); err != nil {
			return nil, err
		}
	}
	return req, nil
}

// readMembers returns the query of a GET, and otherwise the body, as an object.
func readMembers(r *http.Request, t *messageType) (*object, error) {
	if r.Method == http.MethodGet && r.URL.RawQuery != "" {
		return queryMembers(r.URL.Query(), t), nil
	}
	if r.Method == http.MethodPost {
		contentType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
		if contentType != "application/json" {
			return nil, invalid("Bad Request. Content-Type must be application/json.")
		}
	}
	value, err := readBody(r)
	if err != nil {
		return nil, err
	}
	if text, isText := value.(string); isText { // old clients encode twice
		var ok bool
		if value, ok = parseJSON([]byte(text)); !ok {
			return nil, accident("the body is a string that is not JSON")
		}
	}
	if value == nil {
		return new(object), nil
	}
	members, ok := value.(*object)
	if !ok {
		return nil, accident("the body is JSON, but not an object")
	}
	return members, nil
}

// readBody returns the JSON in a body, nil if there is none. MLflow's web server takes a body without Content-Length for
// an empty one.
func readBody(r *http.Request) (any, error) {
	if r.ContentLength < 0 {
		return nil, nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, databaseRefused("the body could not be read: %v", err)
	}
	value, _ := parseJSON(body)
	return value, nil
}

func queryMembers(query map[string][]string, t *messageType) *object {
	members := new(object)
	for _, f := range t.fields {
		values, ok := query[f.name]
		switch {
		case !ok:
		case f.repeated:
			list := make([]any, len(values))
			for i, value := range values {
				list[i] = value
			}
			members.set(f.name, list)
		default:
			members.set(f.name, values[0])
		}
	}
	return members
}

// refuseOddities refuses an object that names a field in snake case and in camel case, or has something in place of an
// enum that a server fails at.
func refuseOddities(value any, t *messageType) error {
	members, ok := value.(*object)
	if !ok {
		return nil
	}
	for _, f := range t.fields {
		snake, hasSnake := members.get(f.name)
		camel, hasCamel := members.get(f.jsonName())
		if f.name != f.jsonName() && hasSnake && hasCamel {
			return invalid("Request specifies both '%s' and '%s'; provide only one of them.", f.name, f.jsonName())
		}
		if !hasSnake {
			snake = camel
		}
		if f.kind == kindEnum && unreadable(snake) {
			return accident("'%s' has a value that no enum has", f.name)
		}
		if f.kind != kindMessage {
			continue
		}
		items, isList := snake.([]any)
		if !isList {
			items = []any{snake}
		}
		for _, item := range items {
			// In place of a list it is no object, but refused as no list.
			if text, isText := item.(string); isText && unreadable(text) && isList == f.repeated {
				return accident("'%s' is half a surrogate pair in place of an object", f.name)
			}
			if err := refuseOddities(item, f.message); err != nil {
				return err
			}
		}
	}
	return nil
}

// unreadable reports whether a value is half a surrogate pair or an infinity, at which protobuf fails in the place of an
// enum or a message.
func unreadable(value any) bool {
	switch value := value.(type) {
	case string:
		return !utf8.ValidString(value)
	case float64:
		return math.IsInf(value, 0)
	}
	return false
}

// A param is a member of a request that the server checks.
type param struct {
	name      string
	required  bool
	typed     check   // counts only if the message could not be read to its end
	typeFirst bool    // before it counts whether there is a value
	checks    []check // count always
}

// A check returns an error if a value is not what it must be.
type check func(name string, value any) error

func (p param) check(members *object, whole bool) error {
	value, ok := members.get(p.name)
	if alias, hasAlias := members.get("run_uuid"); p.name == "run_id" && value == nil && hasAlias {
		value = alias
	}
	if !ok && !p.required {
		return nil
	}
	if p.typeFirst && !whole {
		if err := p.typed(p.name, value); err != nil {
			return err
		}
	}
	if p.required && (value == nil || value == "") {
		return invalid("Missing value for required parameter '%s'.", p.name)
	}
	if !whole {
		if err := p.typed(p.name, value); err != nil {
			return err
		}
	}
	for _, check := range p.checks {
		if err := check(p.name, value); err != nil {
			return err
		}
	}
	return nil
}

func wrongType(name string, value any) error {
	return invalid("Invalid value %v for parameter '%s'.", value, name)
}

func isString(name string, value any) error {
	if _, ok := value.(string); !ok {
		return wrongType(name, value)
	}
	return nil
}

func isArray(name string, value any) error {
	if _, ok := value.([]any); !ok {
		return wrongType(name, value)
	}
	return nil
}

func isStrings(name string, value any) error {
	list, ok := value.([]any)
	if !ok {
		return wrongType(name, value)
	}
	for _, each := range list {
		if err := isString(name, each); err != nil {
			return err
		}
	}
	return nil
}

func isInt(name string, value any) error {
	switch value := value.(type) {
	case integer, bool:
		return nil
	case float64:
		if math.IsNaN(value) {
			return wrongType(name, value)
		}
		if !math.IsInf(value, 0) {
			return nil
		}
	case string:
		if _, ok := pythonIntOfAnySize(value); ok {
			return nil
		}
		return wrongType(name, value)
	}
	return accident("'%s' is not a number", name)
}

func isFloat(name string, value any) error {
	switch value := value.(type) {
	case integer, bool, float64:
		return nil
	case string:
		if _, ok := pythonFloat(value); ok {
			return nil
		}
		return wrongType(name, value)
	}
	return accident("'%s' is not a number", name)
}

// between checks that a number is within limits.
func between(least, most int64) check {
	return func(name string, value any) error {
		n, ok := int64(0), false
		switch value := value.(type) {
		case integer:
			n, ok = pythonIntOfAnySize(string(value))
		case string:
			n, ok = pythonIntOfAnySize(value)
		case float64:
			n, ok = int64(value), true
		case bool:
			ok = true
		}
		if !ok {
			return accident("'%s' is not an integer", name)
		}
		if n < least || n > most {
			return invalid("'%s' must be between %d and %d.", name, least, most)
		}
		return nil
	}
}

// atMost checks the length of a list.
func atMost(limit int) check {
	return func(name string, value any) error {
		list, ok := value.([]any)
		if !ok {
			return accident("'%s' is not a list", name)
		}
		if len(list) > limit {
			return invalid("'%s' may have at most %d elements, and has %d.", name, limit, len(list))
		}
		return nil
	}
}

// eachHas checks that each object of a list has certain members.
func eachHas(names ...string) check {
	return func(name string, value any) error {
		list, ok := value.([]any)
		if !ok {
			return accident("'%s' is not a list", name)
		}
		for i, each := range list {
			members, ok := each.(*object)
			if !ok {
				return accident("'%s[%d]' is not an object", name, i)
			}
			for _, needed := range names {
				if value, _ := members.get(needed); value == nil || value == "" {
					return invalid("Missing value for required parameter '%s[%d].%s'.", name, i, needed)
				}
			}
		}
		return nil
	}
}
