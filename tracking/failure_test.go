package tracking_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/failure"
	"github.com/mlflow-go/mlflow/internal/transport"
	"github.com/mlflow-go/mlflow/internal/wire"
	"github.com/mlflow-go/mlflow/tracking"
)

// TestFailureMakers checks what each error matches, and whether it counts as an attempt.
func TestFailureMakers(t *testing.T) {
	t.Parallel()
	errOwn := errors.New("own")
	for name, test := range map[string]struct {
		err      error
		matches  error
		attempts int
		text     string
	}{
		"Refused":       {failure.Refused("GetRun", "no %s", "ID"), tracking.ErrInvalidArgument, 0, "mlflow: GetRun: no ID"},
		"Unsupported":   {failure.Unsupported("GetRun", "no %s", "S3"), tracking.ErrUnsupported, 0, "mlflow: GetRun: no S3"},
		"AlreadyExists": {failure.AlreadyExists("GetRun", "is %s", "there"), tracking.ErrAlreadyExists, 0, "mlflow: GetRun: is there"},
		"NotFound":      {failure.NotFound("GetRun", "no %s", "file"), tracking.ErrNotFound, 1, "mlflow: GetRun: no file"},
		"Unexpected":    {failure.Unexpected("GetRun", 200, "a circle"), tracking.ErrUnexpectedResponse, 1, "mlflow: GetRun: 200 OK: a circle"},
		"NotSent":       {failure.NotSent("GetRun", errOwn), errOwn, 1, "mlflow: GetRun: own"},
		"Canceled":      {failure.Canceled("GetRun", context.Canceled), context.Canceled, 1, "mlflow: GetRun: context canceled"},
		"OfOutcome": {
			failure.OfOutcome("GetRun", transport.Outcome{Kind: transport.RateLimited, Status: 429, Attempts: 3}),
			tracking.ErrRateLimited, 3, "mlflow: GetRun: 429 Too Many Requests (after 3 attempts)",
		},
		"OfOutcome of a refusal": {
			failure.OfOutcome("Do", transport.Outcome{Kind: transport.Refused, Message: "no path"}),
			tracking.ErrInvalidArgument, 0, "mlflow: Do: no path",
		},
		"OfOutcome of a text": {
			failure.OfOutcome("GetRun", transport.Outcome{Kind: transport.NotSent, Err: new(wire.TextError)}),
			tracking.ErrInvalidArgument, 0, "mlflow: GetRun: is not valid UTF-8",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.EqualError(t, test.err, test.text)
			require.ErrorIs(t, test.err, test.matches)
			var failed *tracking.Error
			require.ErrorAs(t, test.err, &failed)
			assert.Equal(t, test.attempts, failed.Attempts)
		})
	}
}
