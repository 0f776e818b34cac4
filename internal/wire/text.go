package wire

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// Text reads a string.
func (r *Reader) Text() string {
	if r.peek() != '"' {
		r.failAsNo("a string")
	}
	return r.texts.keep(r.text())
}

// text reads a string. What it returns may be a part of the response, and is to be copied.
func (r *Reader) text() []byte {
	raw, escaped := r.quoted()
	if !escaped {
		return raw
	}
	text := make([]byte, 0, len(raw))
	for {
		before, after, found := bytes.Cut(raw, []byte{'\\'})
		if text = append(text, before...); !found {
			return text
		}
		char, size := unescape(after)
		text, raw = utf8.AppendRune(text, char), after[size:]
	}
}

// quoted reads a string, and returns what is between its quotes, and whether that has escapes. They are checked.
func (r *Reader) quoted() (raw []byte, escaped bool) {
	if r.pos == len(r.data) || r.data[r.pos] != '"' {
		r.failHere()
		return nil, false
	}
	start, ascii := r.pos+1, true
	for i := start; i < len(r.data); i++ {
		c := r.data[i]
		if isPlain[c] {
			continue
		}
		switch {
		case c == '"':
			r.pos = start
			if !r.check(r.data[start:i], ascii, escaped) {
				return nil, false
			}
			raw, r.pos = r.data[start:i], i+1
			return raw, escaped
		case c == '\\':
			escaped = true
			i++ // it may be a quote
		case c < ' ':
			r.pos = i
			r.failHere()
			return nil, false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	r.pos = len(r.data)
	r.failHere()
	return nil, false
}

// isPlain reports for each byte whether it is ASCII text that needs no look inside quotes.
var isPlain = func() (plain [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		plain[c] = c != '"' && c != '\\'
	}
	return plain
}()

// check reports whether what is between quotes is text.
func (r *Reader) check(raw []byte, ascii, escaped bool) bool {
	if !ascii && !utf8.Valid(raw) {
		r.fail("is not UTF-8")
		return false
	}
	if !escaped {
		return true
	}
	for rest := raw; ; {
		_, after, found := bytes.Cut(rest, []byte{'\\'})
		if !found {
			return true
		}
		char, size := unescape(after)
		if size == 0 {
			r.pos += len(raw) - len(after)
			r.failHere()
			return false
		}
		if utf16.IsSurrogate(char) {
			r.fail("holds half a surrogate pair")
			return false
		}
		rest = after[size:]
	}
}

// unescape reads what follows a backslash. Its size is 0 if that is no escape. Half a surrogate pair is left as it is.
func unescape(after []byte) (char rune, size int) {
	if len(after) == 0 {
		return 0, 0
	}
	switch c := after[0]; c {
	case '"', '\\', '/':
		return rune(c), 1
	case 'b':
		return '\b', 1
	case 'f':
		return '\f', 1
	case 'n':
		return '\n', 1
	case 'r':
		return '\r', 1
	case 't':
		return '\t', 1
	case 'u':
		return unescapeUnit(after[1:])
	}
	return 0, 0
}

// unescapeUnit reads what follows \u, and the escape after it if that is the other half of a pair.
func unescapeUnit(after []byte) (char rune, size int) {
	const digits = 4
	first, ok := hexadecimal(after)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(first) {
		return first, 1 + digits
	}
	if rest := after[digits:]; len(rest) > 1 && rest[0] == '\\' && rest[1] == 'u' {
		second, _ := hexadecimal(rest[2:])
		if char = utf16.DecodeRune(first, second); char != utf8.RuneError {
			return char, 1 + digits + 2 + digits
		}
	}
	return first, 1 + digits
}

// hexadecimal reads four digits.
func hexadecimal(text []byte) (value rune, ok bool) {
	if len(text) < 4 {
		return 0, false
	}
	for _, c := range text[:4] {
		switch {
		case isDigit(c):
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		value = value<<4 | rune(c)
	}
	return value, true
}
