package config

import "fmt"

// A Value is a setting that one layer may have, and where it came from: an option, a variable or a file.
type Value[T any] struct {
	v      T
	source string
	set    bool
}

// Set returns a value that is set, even to zero.
func Set[T any](v T, source string) Value[T] { return Value[T]{v, source, true} }

// SetNonZero returns a value that is set unless it is zero: an empty string, say, leaves the setting to lower layers.
func SetNonZero[T comparable](v T, source string) Value[T] {
	var zero T
	if v == zero {
		return Value[T]{}
	}
	return Set(v, source)
}

// or returns the value, or that of a lower layer if it is not set.
func (v Value[T]) or(lower Value[T]) Value[T] {
	if v.set {
		return v
	}
	return lower
}

// problems collects all that is wrong, so that it can be reported at once.
type problems []error

// add notes what is wrong with a setting, and where that came from.
func (p *problems) add(source, format string, args ...any) {
	*p = append(*p, fmt.Errorf("%s: "+format, append([]any{source}, args...)...))
}
