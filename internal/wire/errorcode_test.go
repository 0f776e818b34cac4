package wire_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/wire"
)

func TestErrorCodeUnmarshal(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		data string
		want wire.ErrorCode
	}{
		"name":                 {`"RESOURCE_DOES_NOT_EXIST"`, "RESOURCE_DOES_NOT_EXIST"},
		"unknown name":         {`"OUT_OF_TEA"`, "OUT_OF_TEA"},
		"number":               {`404`, "404"},
		"number in a string":   {`"404"`, "404"},
		"number of any length": {`12345678901234567890`, "12345678901234567890"},
		"null":                 {`null`, ""},
		"boolean":              {`false`, ""},
		"object":               {`{"code":"X"}`, ""},
		"list":                 {`["X"]`, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := struct {
				ErrorCode wire.ErrorCode `json:"error_code"`
				Message   string         `json:"message"`
			}{ErrorCode: "STALE"}
			require.NoError(t, json.Unmarshal([]byte(`{"error_code":`+tt.data+`,"message":"why"}`), &body))
			assert.Equal(t, tt.want, body.ErrorCode)
			assert.Equal(t, "why", body.Message, "the message must survive any code")
		})
	}
}
