package wire

import (
	"fmt"
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

// UnmarshalJSON reads a number, one of the three strings, or a number inside a string. The result is the nearest
// float64; a number too large for one is an error, as is everything else.
func (f *Float64) UnmarshalJSON(data []byte) error {
	text, err := numeral(data)
	if err != nil {
		return fmt.Errorf("metric value: %w", err)
	}
	switch text {
	case "NaN":
		*f = Float64(math.NaN())
		return nil
	case "Infinity":
		*f = Float64(math.Inf(1))
		return nil
	case "-Infinity":
		*f = Float64(math.Inf(-1))
		return nil
	}
	if !isNumeral(text) {
		return fmt.Errorf("metric value: %s is not a number", excerpt(text))
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return fmt.Errorf("metric value: %s is out of range", excerpt(text))
	}
	*f = Float64(v)
	return nil
}
