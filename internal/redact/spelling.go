package redact

import (
	"encoding/hex"
	"html"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// A spelling is a text with its escapes decoded. It knows where each byte stands in the original.
type spelling struct {
	text string
	from []int // one for each byte, and one for the end
}

// An escape is one way to write a text so that it survives inside another.
type escape struct {
	marks string // what escapes begin with
	// decode returns what the escape at the start of a text stands for, and its length, or 0 if it is not one. It looks at
	// a few bytes only.
	decode func(text string) (decoded string, length int)
}

// escapes are those of JSON and of quoted text, of URLs, of forms, and of HTML.
var escapes = []escape{
	{`\`, decodeBackslash},
	{"%", decodePercent},
	{"+%", decodeForm},
	{"&", decodeEntity},
}

// eachSpelling calls visit with the text as it is, and as it reads with the escapes of one kind decoded, and then with
// those of a second one: an error page quotes a URL, say, and is itself quoted. A number of bytes is looked at that grows
// only with the length of the text.
func eachSpelling(text string, visit func(spelling)) {
	verbatim := spelling{text, make([]int, len(text)+1)}
	for i := range verbatim.from {
		verbatim.from[i] = i
	}
	verbatim.each(2, visit)
}

func (s spelling) each(depth int, visit func(spelling)) {
	visit(s)
	if depth == 0 {
		return
	}
	for _, kind := range escapes {
		if !strings.Contains(s.text, kind.marks[:1]) { // a form without a plus sign reads as a URL does
			continue
		}
		if decoded := s.decode(kind); decoded.text != s.text {
			decoded.each(depth-1, visit)
		}
	}
}

func (s spelling) decode(kind escape) spelling {
	var text strings.Builder
	from := make([]int, 0, len(s.from))
	for i := 0; i < len(s.text); {
		decoded, length := s.text[i:i+1], 1
		if strings.IndexByte(kind.marks, s.text[i]) >= 0 {
			if d, n := kind.decode(s.text[i:]); n > 0 {
				decoded, length = d, n
			}
		}
		text.WriteString(decoded)
		for range len(decoded) {
			from = append(from, s.from[i])
		}
		i += length
	}
	return spelling{text.String(), append(from, s.from[len(s.text)])}
}

// find calls visit with where a secret stands in the original. A short one counts only as a word of its own: it would
// blank out parts of ordinary words.
func (s spelling) find(secret string, visit func(start, end int)) {
	const short = 5
	for at := 0; ; {
		i := strings.Index(s.text[at:], secret)
		if i < 0 {
			return
		}
		start, end := at+i, at+i+len(secret)
		if len(secret) < short && s.isInWord(start, end) {
			at = start + 1
			continue
		}
		at = end
		for end < len(s.text) && s.from[end] == s.from[end-1] { // the rest of what one escape stands for
			end++
		}
		visit(s.from[start], s.from[end])
	}
}

// isInWord reports whether a part of the text is only a part of a word or of a number.
func (s spelling) isInWord(start, end int) bool {
	first, _ := utf8.DecodeRuneInString(s.text[start:end])
	last, _ := utf8.DecodeLastRuneInString(s.text[start:end])
	before, n := utf8.DecodeLastRuneInString(s.text[:start])
	beforePoint, _ := utf8.DecodeLastRuneInString(s.text[:start-n])
	after, n := utf8.DecodeRuneInString(s.text[end:])
	afterPoint, _ := utf8.DecodeRuneInString(s.text[end+n:])
	return isOfWord(before) || isOfWord(after) ||
		before == '.' && unicode.IsDigit(beforePoint) && unicode.IsDigit(first) ||
		after == '.' && unicode.IsDigit(afterPoint) && unicode.IsDigit(last)
}

func isOfWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

func decodeBackslash(text string) (string, int) {
	if len(text) < 2 {
		return "", 0
	}
	switch text[1] {
	case 'u':
		return decodeUTF16(text)
	case 'U':
		return decodeHex(text, 2, 8)
	case 'x':
		return decodeByte(text, 2)
	}
	const letters, meaning = `"'/\abfnrtv`, "\"'/\\\a\b\f\n\r\t\v"
	i := strings.IndexByte(letters, text[1])
	if i < 0 {
		return "", 0
	}
	return meaning[i : i+1], 2
}

// decodeUTF16 decodes \u0000, or two of them that make one character.
func decodeUTF16(text string) (string, int) {
	first, ok := parseHex(text, 2, 4)
	if !ok || !utf16.IsSurrogate(first) {
		return decodeHex(text, 2, 4)
	}
	second, ok := parseHex(text, 8, 4)
	if !ok || text[6:8] != `\u` {
		return "", 0
	}
	return string(utf16.DecodeRune(first, second)), 12
}

// decodeHex decodes the digits from the given place on as one character.
func decodeHex(text string, start, digits int) (string, int) {
	r, ok := parseHex(text, start, digits)
	return string(r), lengthIf(ok, start+digits)
}

func decodePercent(text string) (string, int) { return decodeByte(text, 1) }

// decodeByte decodes the two digits at the given place as one byte, perhaps one of several that make a character.
func decodeByte(text string, start int) (string, int) {
	end := min(len(text), start+2)
	decoded, err := hex.DecodeString(text[start:end])
	return string(decoded), lengthIf(err == nil && len(decoded) == 1, end)
}

func decodeForm(text string) (string, int) {
	if text[0] == '+' {
		return " ", 1
	}
	return decodePercent(text)
}

func decodeEntity(text string) (string, int) {
	const longest = 33
	end := 1
	for end < min(len(text), longest) && (text[end] == '#' || isASCIILetterOrDigit(text[end])) {
		end++
	}
	if end < len(text) && text[end] == ';' {
		end++
	}
	decoded := html.UnescapeString(text[:end])
	return decoded, lengthIf(decoded != text[:end], end)
}

func isASCIILetterOrDigit(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func parseHex(text string, start, digits int) (rune, bool) {
	if len(text) < start+digits {
		return 0, false
	}
	n, err := strconv.ParseUint(text[start:start+digits], 16, 31)
	return rune(n), err == nil
}

func lengthIf(ok bool, length int) int {
	if ok {
		return length
	}
	return 0
}
