package wire_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/wire"
)

func TestTexts(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]wire.Texts{
		`{}`:                         {},
		` { "a" : "b", "c": "" } `:   {"a": "b", "c": ""},
		`{"Content-Type": "text/x"}`: {"Content-Type": "text/x"},
	} {
		var texts wire.Texts
		require.NoError(t, wire.Read([]byte(data), &texts), data)
		assert.Equal(t, want, texts)
	}
	for _, data := range []string{`[]`, `null`, `"a"`, `{"a": 1}`, `{"a": null}`, `{"a": "b", "a": "c"}`, `{"a"}`, `{a: "b"}`, `{"a": "b"`, `{"a": "b"} x`} {
		assert.Error(t, wire.Read([]byte(data), new(wire.Texts)), data)
	}
}

func TestBool(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]wire.Bool{`true`: true, `false`: false} {
		b := !want
		require.NoError(t, wire.Read([]byte(data), &b), data)
		assert.Equal(t, want, b)
	}
	for _, data := range []string{`1`, `"true"`, `null`, `tru`, `{}`, ``} {
		assert.Error(t, wire.Read([]byte(data), new(wire.Bool)), data)
	}
}
