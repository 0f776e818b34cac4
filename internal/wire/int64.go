package wire

import (
	"bytes"
	"strconv"
	"strings"
)

// Int64 is a 64-bit integer: a time in milliseconds, or a step. It is written as a JSON number. MLflow's own server
// sends numbers too, but others follow protobuf's JSON mapping and send strings.
type Int64 int64

// AppendJSON appends a number.
func (i Int64) AppendJSON(data []byte) []byte { return strconv.AppendInt(data, int64(i), 10) }

// ReadJSON reads a number, or a number inside a string, exactly: no digit passes through a float64. A fraction or an
// exponent is accepted where the value is an integer all the same (123.0, 1.7e3); anything else is an error.
func (i *Int64) ReadJSON(r *Reader) {
	const kind = "a 64-bit integer"
	text, ok := r.numeral(kind)
	if r.err != nil {
		return
	}
	var v int64
	if ok {
		v, ok = parseInt64(text)
	}
	if !ok {
		r.fail("is not %s: %s", kind, excerpt(string(text)))
		return
	}
	*i = Int64(v)
}

// UnmarshalJSON makes encoding/json read what ReadJSON does.
func (i *Int64) UnmarshalJSON(data []byte) error { return Read(data, i) }

// parseInt64 parses a JSON number.
func parseInt64(text []byte) (v int64, ok bool) {
	if digits, scale, ok := shortDecimal(text); ok && scale == 0 {
		return digits, true
	}
	if !bytes.ContainsAny(text, ".eE") {
		v, err := strconv.ParseInt(string(text), 10, 64)
		return v, err == nil
	}
	plain, ok := plainInteger(string(text))
	if !ok {
		return 0, false
	}
	v, err := strconv.ParseInt(plain, 10, 64)
	return v, err == nil
}

// plainInteger rewrites a JSON number without fraction and exponent. It reports false if there is no such form, or
// none short enough to be an int64. The work is limited by the length of text, whatever exponent it holds.
func plainInteger(text string) (string, bool) {
	const maxDigits = 19 // of an int64

	mantissa, exponent, scaled := strings.Cut(strings.ToLower(text), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
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
