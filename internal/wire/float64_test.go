package wire_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/wire"
)

func TestFloat64Marshal(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		value float64
		want  string
	}{
		"zero":          {0, `0`},
		"negative zero": {math.Copysign(0, -1), `-0.0`},
		"integer":       {5, `5`},
		"fraction":      {0.1, `0.1`},
		"large":         {1e20, `1e+20`},
		"small":         {-1e-7, `-1e-07`},
		"beyond 2^53":   {9007199254740994, `9.007199254740994e+15`},
		"largest":       {math.MaxFloat64, `1.7976931348623157e+308`},
		"smallest":      {math.SmallestNonzeroFloat64, `5e-324`},
		"NaN":           {math.NaN(), `"NaN"`},
		"+Inf":          {math.Inf(1), `"Infinity"`},
		"-Inf":          {math.Inf(-1), `"-Infinity"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := json.Marshal(wire.Float64(tt.value))
			require.NoError(t, err)
			assert.Equal(t, tt.want, string(got))
		})
	}
}

func TestFloat64Unmarshal(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		data string
		want float64
	}{
		"integer":             {`5`, 5},
		"fraction":            {`-0.25`, -0.25},
		"Python repr":         {`1e+20`, 1e20},
		"negative zero":       {`-0.0`, math.Copysign(0, -1)},
		"largest":             {`1.7976931348623157e+308`, math.MaxFloat64},
		"too small is zero":   {`1e-400`, 0},
		"NaN":                 {`"NaN"`, math.NaN()},
		"+Inf":                {`"Infinity"`, math.Inf(1)},
		"-Inf":                {`"-Infinity"`, math.Inf(-1)},
		"number in a string":  {`"2.5"`, 2.5},
		"escapes in a string": {`"\u0032"`, 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got wire.Float64
			require.NoError(t, json.Unmarshal([]byte(tt.data), &got))
			assertSameFloat(t, tt.want, float64(got))
		})
	}
}

func TestFloat64UnmarshalRefuses(t *testing.T) {
	t.Parallel()
	for _, data := range []string{
		`null`, `true`, `[]`, `{}`, `1e999`, `-1e999`, `"1e999"`,
		`""`, `" 1"`, `"1 "`, `"nan"`, `"inf"`, `"+Infinity"`, `"0x1p4"`, `"1_0"`, `"+1"`, `".5"`, `"null"`, `"one"`,
	} {
		t.Run(data, func(t *testing.T) {
			t.Parallel()
			got := wire.Float64(42)
			require.ErrorContains(t, json.Unmarshal([]byte(data), &got), "metric value")
			assert.Equal(t, wire.Float64(42), got, "a refused value must not be half stored")
		})
	}
}

func FuzzFloat64(f *testing.F) {
	for _, seed := range []string{
		`0`, `-0.0`, `0.1`, `1e308`, `1e309`, `"NaN"`, `"Infinity"`, `"-Infinity"`, `"1"`, `null`, `"\ud800"`, `-`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var value, again wire.Float64
		if value.UnmarshalJSON(data) != nil {
			return
		}
		encoded, err := json.Marshal(value)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(encoded, &again), "re-encoded as %s", encoded)
		assertSameFloat(t, float64(value), float64(again))
	})
}

// assertSameFloat compares bits, so that -0 is not 0, but takes every NaN for the same.
func assertSameFloat(t *testing.T, want, got float64) {
	t.Helper()
	if math.IsNaN(want) {
		assert.True(t, math.IsNaN(got), "want NaN, got %v", got)
		return
	}
	assert.Equal(t, math.Float64bits(want), math.Float64bits(got), "want %v, got %v", want, got)
}
