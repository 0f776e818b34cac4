package redact

import (
	"strings"
	"unicode/utf8"
)

// maxText limits how much of a text is looked at, and how much is looked at behind the end of what is shown: a secret that
// is cut there is still one.
const maxText = 64 << 10

// Mask returns text, or the start of a very long one, with "[redacted]" in place of each secret, however it is spelled.
func (s Secrets) Mask(text string) string { return s.maskStart(text, maxText) }

// MaskStart returns the start of a page that somebody else wrote, for a person to recognize, with the secrets masked.
func (s Secrets) MaskStart(page []byte) string {
	const shown, read = 256, 4 << 10 // read more than is shown: masking can remove most of it
	text := strings.ToValidUTF8(string(page[:min(len(page), read+maxText)]), "\uFFFD")
	return Truncate(s.maskStart(text, read), shown)
}

// maskStart returns about n bytes at the start of a text with the secrets masked. It looks at more of the text: a secret
// that continues behind the end is masked too.
func (s Secrets) maskStart(text string, n int) string {
	if text == "" {
		return ""
	}
	text = text[:min(len(text), n+maxText)]
	hidden := make([]bool, len(text))
	eachSpelling(text, func(spelled spelling) {
		for secret := range s {
			spelled.find(secret, func(start, end int) {
				for i := start; i < end; i++ {
					hidden[i] = true
				}
			})
		}
	})
	end := cutAt(text, n)
	if end == len(text) {
		return mask(text, hidden)
	}
	return mask(text[:end], hidden) + "…"
}

// mask returns a text with [redacted] in place of each hidden range.
func mask(text string, hidden []bool) string {
	var left strings.Builder
	for i := range len(text) {
		switch {
		case !hidden[i]:
			left.WriteByte(text[i])
		case i == 0 || !hidden[i-1]:
			left.WriteString("[redacted]")
		}
	}
	return left.String()
}

// Truncate returns text, cut to about n bytes between two runes if it is longer.
func Truncate(text string, n int) string {
	end := cutAt(text, n)
	if end == len(text) {
		return text
	}
	return text[:end] + "…"
}

// cutAt returns where to cut a text that is longer than n bytes, and else where it ends.
func cutAt(text string, n int) int {
	if len(text) <= n {
		return len(text)
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return n
}
