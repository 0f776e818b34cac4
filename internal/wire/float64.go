package wire

import (
	"math"
	"strconv"
)

// Float64 is a metric value: a JSON number, or one of the strings "NaN", "Infinity" and "-Infinity".
type Float64 float64

// AppendJSON appends f so that MLflow reads back the same 64 bits (any NaN counts as the same).
func (f Float64) AppendJSON(data []byte) []byte {
	v := float64(f)
	switch {
	case math.IsNaN(v):
		return append(data, `"NaN"`...)
	case math.IsInf(v, 1):
		return append(data, `"Infinity"`...)
	case math.IsInf(v, -1):
		return append(data, `"-Infinity"`...)
	case v == 0 && math.Signbit(v):
		// Python reads "-0" as an integer, and integers have no negative zero.
		return append(data, "-0.0"...)
	}
	if short, ok := appendDecimal(data, v); ok {
		return short
	}
	return strconv.AppendFloat(data, v, 'g', -1, 64)
}

// appendDecimal appends a number that has at most six digits behind the point, as most values of metrics do: several
// times faster than strconv, which tries to find the shortest decimal.
func appendDecimal(data []byte, v float64) (short []byte, ok bool) {
	const (
		scale  = 1e6
		digits = 6
		exact  = 1 << 53 // up to here, each integer is a float64
	)
	scaled := math.Round(v * scale)
	// If the quotient of two exact numbers is v, then v is the nearest float64 to that decimal.
	if math.Abs(scaled) >= exact || scaled/scale != v {
		return data, false
	}
	n := int64(scaled)
	if n < 0 {
		data, n = append(data, '-'), -n
	}
	data = strconv.AppendInt(data, n/scale, 10)
	fraction := n % scale
	if fraction == 0 {
		return data, true
	}
	data = append(data, '.')
	for range digits {
		fraction *= 10
		data = append(data, byte('0'+fraction/scale))
		if fraction %= scale; fraction == 0 {
			break
		}
	}
	return data, true
}

// MarshalJSON makes encoding/json write what AppendJSON does.
func (f Float64) MarshalJSON() ([]byte, error) { return f.AppendJSON(nil), nil }

// ReadJSON reads a number, one of the three strings, or a number inside a string. The result is the nearest float64; a
// number too large for one is an error, as is everything else.
func (f *Float64) ReadJSON(r *Reader) {
	const kind = "a metric value"
	text, isNumber := r.numeral(kind)
	if r.err != nil {
		return
	}
	var v float64
	var ok bool
	if isNumber {
		v, ok = parseFloat64(text)
	} else {
		v, ok = namedFloats[string(text)]
	}
	if !ok {
		r.fail("is not %s: %s", kind, excerpt(string(text)))
		return
	}
	*f = Float64(v)
}

// UnmarshalJSON makes encoding/json read what ReadJSON does.
func (f *Float64) UnmarshalJSON(data []byte) error { return Read(data, f) }

// namedFloats are the values that JSON has no numbers for.
var namedFloats = map[string]float64{"NaN": math.NaN(), "Infinity": math.Inf(1), "-Infinity": math.Inf(-1)}

// parseFloat64 parses a JSON number.
func parseFloat64(text []byte) (v float64, ok bool) {
	// Both numbers are exact in a float64, so that the quotient is the nearest one to the decimal.
	if digits, scale, ok := shortDecimal(text); ok && digits != 0 {
		return float64(digits) / powersOfTen[scale], true
	}
	v, err := strconv.ParseFloat(string(text), 64)
	return v, err == nil
}

var powersOfTen = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}
