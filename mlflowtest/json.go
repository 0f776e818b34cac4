package mlflowtest

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// MLflow reads requests with Python's json and then with protobuf, and both take more than the standards say. What they
// take is part of how a server behaves, so requests are read here as Python does: NaN and Infinity may be bare, an
// object keeps the order of its members, integers differ from floats, and half a surrogate pair is kept.
//
// A value is nil, a bool, a string, an integer, a float64, a []any or a *object.

// An integer is a JSON number without fraction and exponent, of any size.
type integer string

// An object is a JSON object. The last of several members with one name counts, in the place of the first.
type object struct {
	names  []string
	values []any
}

// get returns the value of a member.
func (o *object) get(name string) (any, bool) {
	for i, each := range o.names {
		if each == name {
			return o.values[i], true
		}
	}
	return nil, false
}

func (o *object) set(name string, value any) {
	for i, each := range o.names {
		if each == name {
			o.values[i] = value
			return
		}
	}
	o.names, o.values = append(o.names, name), append(o.values, value)
}

// maxDepth is how deep Python's recursion lets values be nested, about.
const maxDepth = 900

// parseJSON returns the value of data, and false if Python refuses it.
func parseJSON(data []byte) (any, bool) {
	if !utf8.Valid(data) {
		return nil, false
	}
	d := decoder{data: data}
	value, ok := d.value(0)
	d.space()
	return value, ok && d.at == len(d.data)
}

type decoder struct {
	data []byte
	at   int
}

func (d *decoder) space() {
	for d.at < len(d.data) && strings.IndexByte(" \t\r\n", d.data[d.at]) >= 0 {
		d.at++
	}
}

// take skips space and then what is given, if it is there.
func (d *decoder) take(text string) bool {
	d.space()
	if !bytes.HasPrefix(d.data[d.at:], []byte(text)) {
		return false
	}
	d.at += len(text)
	return true
}

var literals = []struct {
	text  string
	value any
}{
	{"null", nil},
	{"true", true},
	{"false", false},
	{"NaN", math.NaN()},
	{"Infinity", math.Inf(1)},
	{"-Infinity", math.Inf(-1)},
}

func (d *decoder) value(depth int) (any, bool) {
	if depth > maxDepth {
		return nil, false
	}
	switch {
	case d.take(`"`):
		return d.text()
	case d.take("{"):
		return d.object(depth)
	case d.take("["):
		return d.list(depth)
	}
	for _, literal := range literals {
		if d.take(literal.text) {
			return literal.value, true
		}
	}
	return d.number()
}

func (d *decoder) object(depth int) (any, bool) {
	o := new(object)
	if d.take("}") {
		return o, true
	}
	for {
		if !d.take(`"`) {
			return nil, false
		}
		name, ok := d.text()
		if !ok || !d.take(":") {
			return nil, false
		}
		value, ok := d.value(depth + 1)
		if !ok {
			return nil, false
		}
		o.set(name, value)
		if d.take("}") {
			return o, true
		}
		if !d.take(",") {
			return nil, false
		}
	}
}

func (d *decoder) list(depth int) (any, bool) {
	list := []any{}
	if d.take("]") {
		return list, true
	}
	for {
		value, ok := d.value(depth + 1)
		if !ok {
			return nil, false
		}
		list = append(list, value)
		if d.take("]") {
			return list, true
		}
		if !d.take(",") {
			return nil, false
		}
	}
}

// number reads -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
func (d *decoder) number() (any, bool) {
	rest := d.data[d.at:]
	n := 0
	digits := func() int {
		begin := n
		for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
			n++
		}
		return n - begin
	}
	if n < len(rest) && rest[n] == '-' {
		n++
	}
	if n < len(rest) && rest[n] == '0' {
		n++
	} else if digits() == 0 {
		return nil, false
	}
	whole := n
	if n < len(rest) && rest[n] == '.' {
		n++
		if digits() == 0 {
			n = whole
		}
	}
	mantissa := n
	if n < len(rest) && (rest[n] == 'e' || rest[n] == 'E') {
		n++
		if n < len(rest) && (rest[n] == '+' || rest[n] == '-') {
			n++
		}
		if digits() == 0 {
			n = mantissa
		}
	}
	text := string(rest[:n])
	d.at += n
	if n == whole {
		return integer(text), true
	}
	value, _ := strconv.ParseFloat(text, 64) // 1e999 is an infinity, as in Python
	return value, true
}

// text reads the rest of a string, after its opening quote.
func (d *decoder) text() (string, bool) {
	begin := d.at
	for d.at < len(d.data) {
		switch c := d.data[d.at]; {
		case c == '"':
			d.at++
			return string(d.data[begin : d.at-1]), true
		case c == '\\':
			return d.escaped(d.data[begin:d.at])
		case c < ' ':
			return "", false
		}
		d.at++
	}
	return "", false
}

var escapes = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escaped reads the rest of a string with escapes, of which head was read.
func (d *decoder) escaped(head []byte) (string, bool) {
	text := bytes.Clone(head)
	for d.at < len(d.data) {
		c := d.data[d.at]
		d.at++
		switch {
		case c == '"':
			return string(text), true
		case c < ' ' || c == '\\' && d.at == len(d.data):
			return "", false
		case c != '\\':
			text = append(text, c)
			continue
		}
		c = d.data[d.at]
		d.at++
		if plain, ok := escapes[c]; ok {
			text = append(text, plain)
			continue
		}
		if c != 'u' {
			return "", false
		}
		r, ok := d.hex()
		if !ok {
			return "", false
		}
		if utf16.IsSurrogate(r) && bytes.HasPrefix(d.data[d.at:], []byte(`\u`)) {
			after := d.at
			d.at += 2
			second, ok := d.hex()
			if pair := utf16.DecodeRune(r, second); ok && pair != utf8.RuneError {
				r = pair
			} else {
				d.at = after
			}
		}
		text = appendRune(text, r)
	}
	return "", false
}

func (d *decoder) hex() (rune, bool) {
	if len(d.data)-d.at < 4 {
		return 0, false
	}
	code, err := strconv.ParseUint(string(d.data[d.at:d.at+4]), 16, 16)
	d.at += 4
	return rune(code), err == nil
}

// appendRune appends a character as UTF-8. Of half a surrogate pair it makes three bytes that are not UTF-8, so that the
// text can be told apart from any other.
func appendRune(text []byte, r rune) []byte {
	if utf16.IsSurrogate(r) {
		return append(text, 0xe0|byte(r>>12&0xf), 0x80|byte(r>>6&0x3f), 0x80|byte(r&0x3f))
	}
	return utf8.AppendRune(text, r)
}

// pythonInt reads text as int() does in Python, if the result has 64 bits.
func pythonInt(text string) (n int64, ok bool) {
	n, err := strconv.ParseInt(withoutUnderscores(strings.TrimSpace(text)), 10, 64)
	return n, err == nil
}

// pythonIntOfAnySize is pythonInt, but takes what is too large for 64 bits for the largest that has them.
func pythonIntOfAnySize(text string) (n int64, ok bool) {
	n, err := strconv.ParseInt(withoutUnderscores(strings.TrimSpace(text)), 10, 64)
	return n, err == nil || errors.Is(err, strconv.ErrRange)
}

// pythonFloat reads text as float() does in Python.
func pythonFloat(text string) (v float64, ok bool) {
	text = withoutUnderscores(strings.TrimSpace(text))
	if strings.ContainsAny(text, "xXpP_") {
		return 0, false
	}
	v, err := strconv.ParseFloat(text, 64)
	return v, err == nil || math.IsInf(v, 0)
}

// withoutUnderscores removes the underscores that Python allows, between two digits. Others make a number unreadable.
func withoutUnderscores(text string) string {
	isDigit := func(i int) bool { return i >= 0 && i < len(text) && text[i] >= '0' && text[i] <= '9' }
	var plain []byte
	for i := range len(text) {
		if text[i] != '_' || !isDigit(i-1) || !isDigit(i+1) {
			plain = append(plain, text[i])
		}
	}
	return string(plain)
}
