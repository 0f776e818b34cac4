package wire

import (
	"fmt"
	"strconv"
	"strings"
)

// Int64 is a 64-bit integer: a time in milliseconds, or a step. It is written as a JSON number. MLflow's own server
// answers with numbers too, but others follow protobuf's JSON mapping and send strings.
type Int64 int64

// UnmarshalJSON reads a number, or a number inside a string, exactly: no digit passes through a float64. A fraction or
// an exponent is accepted where the value is an integer all the same (123.0, 1.7e3); anything else is an error.
func (i *Int64) UnmarshalJSON(data []byte) error {
	text, err := numeral(data)
	if err != nil {
		return fmt.Errorf("64-bit integer: %w", err)
	}
	if !isNumeral(text) {
		return fmt.Errorf("64-bit integer: %s is not a number", excerpt(text))
	}
	plain, ok := plainInteger(text)
	if !ok {
		return fmt.Errorf("64-bit integer: %s is not an integer, or out of range", excerpt(text))
	}
	v, err := strconv.ParseInt(plain, 10, 64)
	if err != nil {
		return fmt.Errorf("64-bit integer: %s is out of range", excerpt(text))
	}
	*i = Int64(v)
	return nil
}

// plainInteger rewrites a JSON number without fraction and exponent. It reports false if there is no such form, or
// none short enough to be an int64. The work is limited by the length of text, whatever exponent it holds.
func plainInteger(text string) (string, bool) {
	const maxDigits = 19 // of an int64

	mantissa, exponent, scaled := strings.Cut(strings.ToLower(text), "e")
	whole, fraction, fractional := strings.Cut(mantissa, ".")
	if !scaled && !fractional {
		return text, true
	}
	whole, negative := strings.CutPrefix(whole, "-")
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return "0", true
	}

	shift := 0
	if scaled {
		var err error
		if shift, err = strconv.Atoi(exponent); err != nil {
			return "", false
		}
	}
	significant := strings.TrimRight(digits, "0")
	zeros := shift - len(fraction) + len(digits) - len(significant)
	if zeros < 0 || zeros > maxDigits-len(significant) {
		return "", false
	}
	plain := significant + strings.Repeat("0", zeros)
	if negative {
		plain = "-" + plain
	}
	return plain, true
}
