package wire

import "fmt"

// numeral reads a number, or a string, and returns its text and whether that is a number.
func (r *Reader) numeral(kind string) (text []byte, isNumber bool) {
	switch c := r.peek(); {
	case c == '"':
		text = r.text()
		return text, isNumeral(text)
	case c == '-', isDigit(c):
		return r.number(), true
	}
	r.failAsNo(kind)
	return nil, false
}

// number reads a JSON number.
func (r *Reader) number() []byte {
	size := numeralSize(r.data[r.pos:])
	if size == 0 {
		r.failHere()
		return nil
	}
	text := r.data[r.pos : r.pos+size]
	r.pos += size
	return text
}

// isNumeral reports whether text follows JSON's grammar for numbers, which is narrower than strconv's: no hexadecimal,
// no underscores, no "inf".
func isNumeral[T string | []byte](text T) bool {
	return len(text) > 0 && numeralSize(text) == len(text)
}

// numeralSize returns the size of the JSON number that text begins with, or 0.
func numeralSize[T string | []byte](text T) int {
	whole := 0
	if len(text) > 0 && text[0] == '-' {
		whole = 1
	}
	end := digitsEnd(text, whole)
	switch {
	case end == whole:
		return 0
	case text[whole] == '0':
		end = whole + 1 // a digit after it belongs to nothing
	}
	if end < len(text) && text[end] == '.' {
		fraction := end + 1
		if end = digitsEnd(text, fraction); end == fraction {
			return 0
		}
	}
	if end < len(text) && text[end]|' ' == 'e' {
		exponent := end + 1
		if exponent < len(text) && (text[exponent] == '+' || text[exponent] == '-') {
			exponent++
		}
		if end = digitsEnd(text, exponent); end == exponent {
			return 0
		}
	}
	return end
}

// shortDecimal parses a JSON number of at most 15 digits and no exponent: digits, divided by ten to the power of scale.
func shortDecimal(text []byte) (digits int64, scale int, ok bool) {
	const maxLength = 15 + len(".")
	unsigned := text
	if text[0] == '-' {
		unsigned = text[1:]
	}
	if len(unsigned) > maxLength {
		return 0, 0, false
	}
	for i, c := range unsigned {
		switch {
		case isDigit(c):
			digits = 10*digits + int64(c-'0')
		case c == '.':
			scale = len(unsigned) - 1 - i
		default:
			return 0, 0, false
		}
	}
	if text[0] == '-' {
		digits = -digits
	}
	return digits, scale, len(unsigned) < maxLength || scale > 0
}

// digitsEnd returns where the digits end that start at the given index.
func digitsEnd[T string | []byte](text T, start int) int {
	end := start
	for end < len(text) && isDigit(text[end]) {
		end++
	}
	return end
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// excerpt quotes text for an error message, without letting a huge value into it. It quotes no part of one either: what
// is redacted later is whole secrets.
func excerpt(text string) string {
	const limit = 40
	if len(text) > limit {
		return fmt.Sprintf("text of %d bytes", len(text))
	}
	return fmt.Sprintf("%q", text)
}
