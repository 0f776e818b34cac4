package wire

import (
	"math"
	"strconv"
)

// Float64 is a metric value: a JSON number, or one of the strings "NaN", "Infinity" and "-Infinity".
type Float64 float64

// MarshalJSON writes f so that MLflow reads back the same 64 bits (any NaN counts as the same).
func (f Float64) MarshalJSON() ([]byte, error) {
	v := float64(f)
	switch {
	case math.IsNaN(v):
		return []byte(`"NaN"`), nil
	case math.IsInf(v, 1):
		return []byte(`"Infinity"`), nil
	case math.IsInf(v, -1):
		return []byte(`"-Infinity"`), nil
	case v == 0 && math.Signbit(v):
		// Python reads "-0" as an integer, and integers have no negative zero.
		return []byte("-0.0"), nil
	}
	return strconv.AppendFloat(nil, v, 'g', -1, 64), nil
}

// ReadJSON reads a number, one of the three strings, or a number inside a string. The result is the nearest float64; a
// number too large for one is an error, as is everything else.
func (f *Float64) ReadJSON(r *Reader) {
	const kind = "a metric value"
	text := r.numeral(kind)
	if r.err != nil {
		return
	}
	v, ok := parseFloat64(text)
	if !ok {
		r.fail("is not %s: %s", kind, excerpt(string(text)))
		return
	}
	*f = Float64(v)
}

// UnmarshalJSON makes encoding/json read what ReadJSON does.
func (f *Float64) UnmarshalJSON(data []byte) error { return Read(data, f) }

func parseFloat64(text []byte) (v float64, ok bool) {
	switch string(text) {
	case "NaN":
		return math.NaN(), true
	case "Infinity":
		return math.Inf(1), true
	case "-Infinity":
		return math.Inf(-1), true
	}
	if !isNumeral(text) {
		return 0, false
	}
	v, err := strconv.ParseFloat(string(text), 64)
	return v, err == nil
}
