package transport_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/mlflow-go/mlflow/internal/transport"
)

func TestErrorCodeOfResponse(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		data, want string
		kind       transport.Kind
	}{
		"name":                {`"RESOURCE_DOES_NOT_EXIST"`, "RESOURCE_DOES_NOT_EXIST", transport.NotFound},
		"known number":        {`3002`, "RESOURCE_DOES_NOT_EXIST", transport.NotFound},
		"known, says nothing": {`2001`, "INVALID_STATE_TRANSITION", transport.InvalidArgument},
		"unknown number":      {`404`, "404", transport.InvalidArgument},
		"number in quotes":    {`"3002"`, "3002", transport.InvalidArgument},
		"boolean":             {`false`, "", transport.InvalidArgument},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			responses := []response{{status: http.StatusBadRequest, body: `{"error_code": ` + test.data + `, "message": "why"}`}}
			attempt(t, transport.Config{}, transport.Operation{}, responses, func(t *testing.T, _ *fake, o transport.Outcome) {
				assert.Equal(t, test.want, o.Code)
				assert.Equal(t, test.kind, o.Kind)
				assert.Equal(t, "why", o.Message)
			})
		})
	}
}

func TestErrorCodesAreUnique(t *testing.T) {
	t.Parallel()
	texts, numbers := make(map[string]bool), make(map[int]bool)
	for _, code := range transport.ErrorCodes {
		assert.False(t, texts[code.Text], code.Text)
		assert.False(t, numbers[code.Number], code.Number)
		texts[code.Text], numbers[code.Number] = true, true
	}
}
