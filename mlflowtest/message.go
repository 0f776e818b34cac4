package mlflowtest

import (
	"math"
	"strings"
	"unicode/utf8"
)

// A message is a request as protobuf sees it: MLflow turns JSON and queries into messages of types with typed fields.
// What cannot be converted ends the conversion, and the server continues with what it had until then.
type message struct {
	*messageType
	values []any // one for each field; nil if it is not set
}

// A messageType lists the fields of a message.
type messageType struct {
	fields []field
	index  map[string]int // of fields, by their names in snake case and in camel case
}

// A field is one of a message.
type field struct {
	name     string
	kind     kind
	repeated bool
	message  *messageType   // of kindMessage
	names    map[string]int // of kindEnum
}

type kind int

const (
	kindString kind = iota
	kindInt32
	kindInt64
	kindDouble
	kindEnum
	kindMessage
)

func newMessageType(fields ...field) *messageType {
	t := &messageType{fields: fields, index: map[string]int{}}
	for i, f := range fields {
		t.index[f.name] = i
		t.index[f.jsonName()] = i
	}
	return t
}

func (f field) jsonName() string {
	words := strings.Split(f.name, "_")
	for i, word := range words[1:] {
		words[i+1] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, "")
}

func (t *messageType) new() *message {
	return &message{messageType: t, values: make([]any, len(t.fields))}
}

// read sets the fields from JSON, and reports whether all of it could be read.
func (m *message) read(value any) bool {
	var members *object
	switch value := value.(type) {
	case *object:
		members = value
	case string:
		return true // protobuf takes each character for the name of a field, and no field has it
	case []any:
		return m.readNames(value)
	default:
		return false
	}
	for i, name := range members.names {
		at, known := m.index[name]
		if !known {
			if strings.HasPrefix(name, "[") && strings.HasSuffix(name, "]") {
				return false // would be an extension, of which there are none
			}
			continue
		}
		if !m.readField(at, members.values[i]) {
			return false
		}
	}
	return true
}

// readNames is read of a list in place of an object: its elements count as names, and none may be that of a field.
func (m *message) readNames(list []any) bool {
	for _, each := range list {
		name, ok := each.(string)
		if _, known := m.index[name]; known || !ok {
			return false
		}
	}
	return true
}

func (m *message) readField(at int, value any) bool {
	f := m.fields[at]
	m.values[at] = nil
	switch {
	case value == nil:
		return true
	case f.repeated && f.kind == kindMessage:
		return m.readMessages(at, value)
	case f.repeated:
		return m.readTexts(at, value)
	case f.kind == kindMessage:
		part := f.message.new()
		m.values[at] = part
		return part.read(value)
	}
	converted, ok := f.convert(value)
	if ok {
		m.values[at] = converted
	}
	return ok
}

func (m *message) readMessages(at int, value any) bool {
	list, ok := value.([]any)
	if !ok {
		return false
	}
	messages := make([]*message, 0, len(list))
	for _, each := range list {
		part := m.fields[at].message.new()
		messages = append(messages, part)
		if each == nil || !part.read(each) {
			ok = false
			break
		}
	}
	m.values[at] = messages
	return ok
}

func (m *message) readTexts(at int, value any) bool {
	list, ok := value.([]any)
	if !ok {
		return false
	}
	texts := make([]string, 0, len(list))
	for _, each := range list {
		text, isText := each.(string)
		if !isText || !utf8.ValidString(text) {
			ok = false
			break
		}
		texts = append(texts, text)
	}
	m.values[at] = texts
	return ok
}

// convert converts a scalar. An enum's unknown name is left out: nil, true.
func (f field) convert(value any) (any, bool) {
	switch f.kind {
	case kindInt32:
		n, ok := toInt(value)
		return n, ok && n >= math.MinInt32 && n <= math.MaxInt32
	case kindInt64:
		return toInt(value)
	case kindDouble:
		return toDouble(value)
	case kindEnum:
		return f.toEnum(value)
	default:
		text, ok := value.(string)
		return text, ok && utf8.ValidString(text)
	}
}

func toInt(value any) (int64, bool) {
	switch value := value.(type) {
	case integer:
		return pythonInt(string(value))
	case float64:
		return wholeFloat(value)
	case string:
		if strings.Contains(value, " ") {
			return 0, false
		}
		if n, ok := pythonInt(value); ok {
			return n, true
		}
		v, ok := pythonFloat(value)
		if !ok {
			return 0, false
		}
		return wholeFloat(v)
	}
	return 0, false
}

func wholeFloat(v float64) (int64, bool) {
	whole := v == math.Trunc(v) && v >= math.MinInt64 && v < math.MaxInt64
	return int64(v), whole
}

func toDouble(value any) (float64, bool) {
	switch value := value.(type) {
	case float64:
		return value, !math.IsNaN(value) && !math.IsInf(value, 0)
	case integer:
		return pythonFloat(string(value))
	case bool:
		if value {
			return 1, true
		}
		return 0, true
	case string:
		if value == "nan" {
			return 0, false
		}
		return pythonFloat(value)
	}
	return 0, false
}

func (f field) toEnum(value any) (any, bool) {
	var number int64
	switch value := value.(type) {
	case string:
		if n, known := f.names[value]; known {
			return n, true
		}
		n, ok := pythonInt(value)
		if !ok {
			return nil, true
		}
		number = n
	case integer:
		n, ok := pythonInt(string(value))
		if !ok {
			return nil, false
		}
		number = n
	case float64:
		if math.IsNaN(value) {
			return nil, true
		}
		number = int64(value)
	case bool:
		if value {
			number = 1
		}
	default:
		return nil, false
	}
	for _, n := range f.names {
		if int64(n) == number {
			return n, true
		}
	}
	return nil, false
}

// has reports whether a field is set.
func (m *message) has(name string) bool { return m.values[m.index[name]] != nil }

// text returns a string field, "" if it is not set.
func (m *message) text(name string) string {
	text, _ := m.values[m.index[name]].(string)
	return text
}

// runID returns the run that a request names, by either of two fields.
func (m *message) runID() string {
	if id := m.text("run_id"); id != "" {
		return id
	}
	return m.text("run_uuid")
}

// int returns an integer field, 0 if it is not set.
func (m *message) int(name string) int64 {
	n, _ := m.values[m.index[name]].(int64)
	return n
}

// double returns a float field, 0 if it is not set.
func (m *message) double(name string) float64 {
	v, _ := m.values[m.index[name]].(float64)
	return v
}

// enum returns the number of an enum field, or otherwise if it is not set.
func (m *message) enum(name string, otherwise int) int {
	if n, ok := m.values[m.index[name]].(int); ok {
		return n
	}
	return otherwise
}

// texts returns a repeated string field.
func (m *message) texts(name string) []string {
	texts, _ := m.values[m.index[name]].([]string)
	return texts
}

// messages returns a repeated message field.
func (m *message) messages(name string) []*message {
	messages, _ := m.values[m.index[name]].([]*message)
	return messages
}

// message returns a message field, an empty one if it is not set.
func (m *message) message(name string) *message {
	at := m.index[name]
	if part, ok := m.values[at].(*message); ok {
		return part
	}
	return m.fields[at].message.new()
}
