package wire

import (
	"bytes"
	"encoding/json"
	"slices"
	"sync"
	"unicode/utf8"
)

// A TextError reports a text in a request that is not UTF-8. A JSON encoder would put U+FFFD for the offending bytes, and
// that is what the server would store.
type TextError struct {
	// Name is the name of the request's member, or of the parameter, that holds the text.
	Name string
}

func (e *TextError) Error() string { return e.Name + " is not valid UTF-8" }

// buffers is memory for requests that are being written.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// maxKept is the size, in bytes, of the largest memory that is kept for later requests.
const maxKept = 1 << 20

// Marshal returns the JSON that the AppendJSON method of a request appends. The only error is a [*TextError].
func Marshal(appendJSON func([]byte) []byte) (data []byte, err error) {
	use(appendJSON, func(written []byte) {
		if utf8.Valid(written) {
			data = slices.Clone(written) // net/http may read what it sends even after it has returned
		} else {
			err = &TextError{invalidMember(written)}
		}
	})
	return data, err
}

// Size returns the size, in bytes, of what the AppendJSON method of a request appends, or of a part of one.
func Size(appendJSON func([]byte) []byte) (size int) {
	use(appendJSON, func(written []byte) { size = len(written) })
	return size
}

// use hands the JSON of a request to a function, which must not keep it.
func use(appendJSON func([]byte) []byte, f func(written []byte)) {
	buffer, _ := buffers.Get().(*[]byte)
	*buffer = appendJSON((*buffer)[:0])
	f(*buffer)
	if cap(*buffer) <= maxKept {
		buffers.Put(buffer)
	}
}

// invalidMember returns the name of the member that holds the first text that is not UTF-8.
func invalidMember(written []byte) (name string) {
	valid := int64(0)
	for rest := written; ; {
		char, size := utf8.DecodeRune(rest)
		if char == utf8.RuneError && size == 1 {
			break
		}
		valid, rest = valid+int64(size), rest[size:]
	}
	decoder := json.NewDecoder(bytes.NewReader(written))
	_, _ = decoder.Token() // the bracket
	for decoder.More() && decoder.InputOffset() <= valid {
		token, _ := decoder.Token()
		name, _ = token.(string)
		var value json.RawMessage
		_ = decoder.Decode(&value)
	}
	return name
}

// EndObject ends an object of which the members have been appended, each with a comma before it, from start on. The first
// comma becomes the bracket.
func EndObject(data []byte, start int) []byte { return enclose(data, start, '{', '}') }

// EndList ends a list of which the elements have been appended, each with a comma before it, from start on.
func EndList(data []byte, start int) []byte { return enclose(data, start, '[', ']') }

func enclose(data []byte, start int, opening, closing byte) []byte {
	if len(data) == start {
		return append(data, opening, closing)
	}
	data[start] = opening
	return append(data, closing)
}

// AppendText appends a string. Bytes that are not UTF-8 stay, for [Marshal] to find.
func AppendText(data []byte, text string) []byte {
	data = append(data, '"')
	start := 0
	for i := 0; i < len(text); {
		if isSafe[text[i]] {
			i++
			continue
		}
		char, size := utf8.DecodeRuneInString(text[i:])
		if char < utf8.RuneSelf || char == '\u2028' || char == '\u2029' {
			data = append(data, text[start:i]...)
			data = appendEscape(data, char)
			start = i + size
		}
		i += size
	}
	data = append(data, text[start:]...)
	return append(data, '"')
}

// appendEscape appends a character that cannot stand for itself, or of which encoding/json takes care for the sake of HTML
// and JavaScript.
func appendEscape(data []byte, char rune) []byte {
	if short, ok := shortEscapes[char]; ok {
		return append(data, '\\', short)
	}
	const digits = "0123456789abcdef"
	return append(data, '\\', 'u', digits[char>>12], digits[char>>8&0xf], digits[char>>4&0xf], digits[char&0xf])
}

var shortEscapes = map[rune]byte{'"': '"', '\\': '\\', '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't'}

// isSafe reports for each byte whether it stands for itself in JSON.
var isSafe = func() (safe [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		safe[c] = c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
	}
	return safe
}()
