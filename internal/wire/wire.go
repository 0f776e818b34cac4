// Package wire holds the JSON values whose form differs between MLflow servers, releases and proxies. Each type writes
// the one form that every server understands and reads all the forms that servers are known to send.
//
// A value that cannot be read is an error, never a silent zero: a metric of 0 and a metric that was lost look the same
// on a chart. MLflow never sends null, so null is such an error for numbers too, although the convention for
// [json.Unmarshaler] is to ignore it.
package wire

import (
	"encoding/json"
	"fmt"
)

// numeral returns the text of a JSON number, or the text inside a JSON string.
// What is inside a string may be anything; see isNumeral.
func numeral(data []byte) (string, error) {
	if len(data) > 0 && data[0] == '"' {
		var text string
		err := json.Unmarshal(data, &text)
		return text, err
	}
	if !isNumeral(string(data)) {
		return "", fmt.Errorf("%s is neither a number nor a string", excerpt(string(data)))
	}
	return string(data), nil
}

// isNumeral reports whether text follows JSON's grammar for numbers, which is narrower than strconv's: no hexadecimal,
// no underscores, no "inf".
func isNumeral(text string) bool {
	if text == "" {
		return false
	}
	first, last := text[0], text[len(text)-1]
	return (first == '-' || isDigit(first)) && isDigit(last) && json.Valid([]byte(text))
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
