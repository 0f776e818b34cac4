package wire_test

import (
	"encoding/json"
	"math"
	"strconv"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/wire"
)

// A message has one member, or two.
type message struct{ first, second string }

func (m message) AppendJSON(data []byte) []byte {
	start := len(data)
	data = append(data, `,"first":`...)
	data = wire.AppendText(data, m.first)
	if m.second != "" {
		data = append(data, `,"second":`...)
		list := len(data)
		data = append(data, `,{"inner":`...)
		data = wire.AppendText(data, m.second)
		data = append(data, '}')
		data = wire.EndList(data, list)
	}
	return wire.EndObject(data, start)
}

func TestMarshalRefusesWhatIsNotUTF8(t *testing.T) {
	t.Parallel()
	for bad, want := range map[message]string{
		{first: "\xff"}:                         "first is not valid UTF-8",
		{first: "\"\xed\xa0\x80"}:               "first is not valid UTF-8",
		{first: "a", second: "\xff"}:            "second is not valid UTF-8",
		{first: "\uFFFD\"é", second: "é\"\xc3"}: "second is not valid UTF-8",
	} {
		data, err := wire.Marshal(bad.AppendJSON)
		require.EqualError(t, err, want)
		var text *wire.TextError
		require.ErrorAs(t, err, &text)
		assert.Nil(t, data)
	}
}

func TestMarshalReturnsMemoryOfItsOwn(t *testing.T) {
	t.Parallel()
	first, err := wire.Marshal(message{first: "first"}.AppendJSON)
	require.NoError(t, err)
	_, err = wire.Marshal(message{first: "other"}.AppendJSON)
	require.NoError(t, err)
	assert.JSONEq(t, `{"first":"first"}`, string(first))
	assert.Equal(t, len(first), wire.Size(message{first: "first"}.AppendJSON))
}

// FuzzText compares the bytes of a text with those of encoding/json.
func FuzzText(f *testing.F) {
	for _, seed := range []string{"", "a\"\\/\b\f\n\r\t\x00\x1f\x7f", "<&>", "é\u2028\u2029\uFFFD😀", "\xff", "\u2027\u202a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := wire.Marshal(func(data []byte) []byte { return wire.AppendText(data, text) })
		if !utf8.ValidString(text) {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		want, err := json.Marshal(text)
		require.NoError(t, err)
		assert.Equal(t, string(want), string(got))
	})
}

// FuzzDecimal writes a value and reads it back, and reads decimals as strconv does.
func FuzzDecimal(f *testing.F) {
	for _, seed := range []float64{0, 0.1, -2.5, 1e6, 1e15, 1 << 53, 0.000001, 0.0000015, 1e22, 123456.789012, -9007199254.740993, 5e-324} {
		f.Add(math.Float64bits(seed), int64(seed*1e6), uint8(6))
	}
	f.Fuzz(func(t *testing.T, bits uint64, digits int64, scale uint8) {
		value := math.Float64frombits(bits)
		var back wire.Float64
		require.NoError(t, wire.Read(wire.Float64(value).AppendJSON(nil), &back))
		if !math.IsNaN(value) {
			assert.Equal(t, bits, math.Float64bits(float64(back)))
		}

		decimal := strconv.FormatFloat(float64(digits)/math.Pow10(int(scale%24)), 'f', int(scale%24), 64)
		want, err := strconv.ParseFloat(decimal, 64)
		require.NoError(t, err)
		require.NoError(t, wire.Read([]byte(decimal), &back))
		assert.Equal(t, math.Float64bits(want), math.Float64bits(float64(back)), decimal)
	})
}
