package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/tracking"
)

// TestEnd checks that a run ends with the right status, after all of its values have arrived.
func TestEnd(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		interrupted bool
		want        string
	}{
		"finished":    {false, "FINISHED"},
		"interrupted": {true, "KILLED"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			metrics, status := 0, ""
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var sent struct {
					Metrics []any `json:"metrics"`
					Status  string
					EndTime int64 `json:"end_time"`
				}
				assert.NoError(t, json.NewDecoder(r.Body).Decode(&sent))
				mu.Lock()
				defer mu.Unlock()
				if !strings.HasSuffix(r.URL.Path, "/runs/update") {
					assert.Empty(t, status, "values after the end")
					metrics += len(sent.Metrics)
					_, _ = fmt.Fprint(w, `{}`)
					return
				}
				status = sent.Status
				_, _ = fmt.Fprintf(w, `{"run_info": {"run_id": "r1", "status": %q, "end_time": %d}}`, sent.Status, sent.EndTime)
			}))
			t.Cleanup(server.Close)
			client, err := mlflow.NewClient(mlflow.WithTrackingURI(server.URL))
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			batcher := tracking.NewBatcher(client.Tracking())
			if test.interrupted {
				time.AfterFunc(20*time.Millisecond, cancel)
			}
			trainErr := train(ctx, batcher, "r1", 100)
			require.NoError(t, end(ctx, client.Tracking(), batcher, "r1", trainErr))
			assert.Equal(t, test.want, status)
			assert.EqualValues(t, batcher.Stats().Sent, metrics+1, "one param")
			assert.Zero(t, batcher.Stats().Queued)
		})
	}
}

func TestProgressLine(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "3 queued, 5 sent, lag 1.5 s, 1 refused",
		progressLine(tracking.BatcherStats{Queued: 3, Sent: 5, Failed: 1, Lag: 1500 * time.Millisecond}))
}
