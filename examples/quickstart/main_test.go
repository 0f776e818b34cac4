package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
)

// TestEndRun checks that a run gets an end even after an interruption, and which one.
func TestEndRun(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		interrupted, finished bool
		want                  string
	}{
		"finished":                       {false, true, "FINISHED"},
		"finished, and then interrupted": {true, true, "FINISHED"},
		"failed":                         {false, false, "FAILED"},
		"interrupted":                    {true, false, "KILLED"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sent struct {
				Status  string `json:"status"`
				EndTime int64  `json:"end_time"`
			}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				assert.NoError(t, json.NewDecoder(r.Body).Decode(&sent))
				_, _ = fmt.Fprintf(w, `{"run_info": {"run_id": "r1", "status": %q, "end_time": %d}}`, sent.Status, sent.EndTime)
			}))
			t.Cleanup(server.Close)
			client, err := mlflow.NewClient(mlflow.WithTrackingURI(server.URL))
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if test.interrupted {
				cancel()
			}
			require.NoError(t, endRun(ctx, client.Tracking(), "r1", test.finished))
			assert.Equal(t, test.want, sent.Status)
		})
	}
}
