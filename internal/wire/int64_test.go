package wire_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/wire"
)

func TestInt64Marshal(t *testing.T) {
	t.Parallel()
	got, err := json.Marshal([]wire.Int64{0, -1, math.MaxInt64, math.MinInt64})
	require.NoError(t, err)
	assert.Equal(t, `[0,-1,9223372036854775807,-9223372036854775808]`, string(got))
}

func TestInt64Unmarshal(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		data string
		want int64
	}{
		"zero":                      {`0`, 0},
		"negative zero":             {`-0`, 0},
		"number":                    {`1700000000123`, 1700000000123},
		"string":                    {`"1700000000123"`, 1700000000123},
		"beyond 2^53":               {`9007199254740993`, 9007199254740993},
		"largest":                   {`9223372036854775807`, math.MaxInt64},
		"smallest in a string":      {`"-9223372036854775808"`, math.MinInt64},
		"empty fraction":            {`123.0`, 123},
		"exponent":                  {`1.7e3`, 1700},
		"negative exponent":         {`-12300e-2`, -123},
		"largest with fraction":     {`9223372036854775807.000`, math.MaxInt64},
		"largest with exponent":     {`9.223372036854775807E+18`, math.MaxInt64},
		"zero with any exponent":    {`0.000e999999999999999999999`, 0},
		"many zeros, then none":     {`100000000000000000000000000e-26`, 1},
		"leading zeros of fraction": {`0.00005e5`, 5},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got wire.Int64
			require.NoError(t, json.Unmarshal([]byte(tt.data), &got))
			assert.Equal(t, wire.Int64(tt.want), got)
		})
	}
}

func TestInt64UnmarshalRefuses(t *testing.T) {
	t.Parallel()
	for _, data := range []string{
		`null`, `true`, `[]`, `{}`,
		`123.5`, `1e-1`, `1e19`, `1e999999999`, `1e-999999999`, `1e9999999999999999999999`, `1e-9999999999999999999999`,
		`1e9223372036854775807`, `10.5e-9223372036854775808`,
		`9223372036854775808`, `-9223372036854775809`, `9223372036854775807.5`, `9223372036854775808.0`,
		`""`, `" 1"`, `"1 "`, `"+1"`, `"007"`, `"0x10"`, `"1_000"`, `"NaN"`, `"soon"`,
	} {
		t.Run(data, func(t *testing.T) {
			t.Parallel()
			got := wire.Int64(42)
			require.ErrorContains(t, json.Unmarshal([]byte(data), &got), "64-bit integer")
			assert.Equal(t, wire.Int64(42), got, "a refused value must not be half stored")
		})
	}
}

func FuzzInt64(f *testing.F) {
	for _, seed := range []string{
		`0`, `-0`, `"5"`, `123.0`, `1.7e3`, `9223372036854775807`, `92233720368547758.07e2`, `1e-5`, `null`, `"\ud800"`, `-`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var value, again wire.Int64
		if value.UnmarshalJSON(data) != nil {
			return
		}
		encoded, err := json.Marshal(value)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(encoded, &again), "re-encoded as %s", encoded)
		assert.Equal(t, value, again)
	})
}
