package tracking_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/tracking"
)

// TestGetOrCreateExperimentMeetsOthers plays what a server can say to the three requests when other programs create and
// delete the experiment meanwhile.
func TestGetOrCreateExperimentMeetsOthers(t *testing.T) {
	t.Parallel()
	type reply struct {
		status int
		body   string
	}
	var (
		missing   = reply{404, notThere}
		taken     = reply{400, alreadyThere}
		found     = reply{200, `{"experiment": {"experiment_id": "7", "name": "iris", "lifecycle_stage": "active"}}`}
		deleted   = reply{200, `{"experiment": {"experiment_id": "7", "name": "iris", "lifecycle_stage": "deleted"}}`}
		created   = reply{200, `{"experiment_id": "7"}`}
		forbidden = reply{403, `{"error_code": "PERMISSION_DENIED", "message": "not yours"}`}
		crashed   = reply{500, `{"error_code": "INTERNAL_ERROR", "message": "oops"}`}
		tooLong   = reply{400, `{"error_code": "INVALID_PARAMETER_VALUE", "message": "too long"}`}
		busy      = reply{400, `{"error_code": "BAD_REQUEST", "message": "(sqlite3.IntegrityError) UNIQUE constraint failed"}`}
	)
	for name, test := range map[string]struct {
		replies []reply
		want    error  // nil if the experiment is returned
		text    string // of the error
	}{
		"it is there":                        {[]reply{found}, nil, ""},
		"it is deleted":                      {[]reply{deleted}, tracking.ErrAlreadyExists, "deleted"},
		"it is missing":                      {[]reply{missing, created, found}, nil, ""},
		"another program was faster":         {[]reply{missing, taken, found}, nil, ""},
		"and the server did not say so":      {[]reply{missing, busy, found}, nil, ""},
		"and deleted it again":               {[]reply{missing, taken, deleted}, tracking.ErrAlreadyExists, "deleted"},
		"and it is gone":                     {[]reply{missing, taken, missing}, tracking.ErrAlreadyExists, "already there"},
		"the database refuses it":            {[]reply{missing, busy, missing}, nil, "UNIQUE constraint"},
		"the server refuses it":              {[]reply{missing, tooLong}, tracking.ErrInvalidArgument, "too long"},
		"nobody may look":                    {[]reply{forbidden}, tracking.ErrPermissionDenied, "not yours"},
		"nobody may create":                  {[]reply{missing, forbidden}, tracking.ErrPermissionDenied, "not yours"},
		"the server fails at the first look": {[]reply{crashed}, nil, "oops"},
		"the server fails at the next look":  {[]reply{missing, taken, crashed}, nil, "oops"},
		"what was created cannot be read":    {[]reply{missing, created, forbidden}, tracking.ErrPermissionDenied, "not yours"},
		"what was created is deleted at once": {
			[]reply{missing, created, missing}, tracking.ErrNotFound, "not there",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requests := 0
			client := newTestServer(t, func(w http.ResponseWriter, r *http.Request) {
				if !assert.Less(t, requests, len(test.replies), "a request too many: %s", r.URL) {
					return
				}
				next := test.replies[requests]
				requests++
				respondWith(next.status, "application/json", next.body)(w, r)
			}, mlflow.WithRetry(mlflow.RetryPolicy{MaxAttempts: 1}))

			got, err := client.GetOrCreateExperiment(t.Context(), "iris")
			assert.Equal(t, len(test.replies), requests)
			if test.text == "" {
				require.NoError(t, err)
				assert.Equal(t, "7", got.ID)
				return
			}
			assert.Nil(t, got)
			require.ErrorContains(t, err, test.text)
			require.ErrorContains(t, err, "GetOrCreateExperiment")
			if test.want != nil {
				require.ErrorIs(t, err, test.want)
			}
		})
	}
}

// TestSetTerminatedTakesTheTimeOnce checks the default of the end time, and that a retry sends the same.
func TestSetTerminatedTakesTheTimeOnce(t *testing.T) {
	t.Parallel()
	var bodies []string
	client := newTestServer(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		bodies = append(bodies, string(body))
		if len(bodies) == 1 {
			respondWith(503, "text/html", "not now")(w, r)
			return
		}
		info := strings.Replace(string(body), "{", `{"experiment_id":"7",`, 1)
		respondWith(200, "application/json", fmt.Sprintf(`{"run_info": %s}`, info))(w, r)
	}, mlflow.WithRetry(mlflow.RetryPolicy{MaxAttempts: 2, MinBackoff: 1, MaxBackoff: 1}))

	before := time.Now().UnixMilli()
	require.NoError(t, client.SetTerminated(t.Context(), "r1", tracking.RunStatusKilled, tracking.WithEndTime(time.Time{})))
	require.Len(t, bodies, 2)
	assert.Equal(t, bodies[0], bodies[1])
	var sent struct {
		Status  string `json:"status"`
		EndTime int64  `json:"end_time"`
	}
	require.NoError(t, json.Unmarshal([]byte(bodies[0]), &sent))
	assert.Equal(t, "KILLED", sent.Status)
	assert.GreaterOrEqual(t, sent.EndTime, before)
	assert.LessOrEqual(t, sent.EndTime, time.Now().UnixMilli())
}

// TestSetTerminatedChecksTheRun plays a server that does not do what it was asked for.
func TestSetTerminatedChecksTheRun(t *testing.T) {
	t.Parallel()
	end := time.UnixMilli(1704067200123)
	for name, info := range map[string]string{
		"the status is ignored":   `{"run_id": "r1", "status": "RUNNING", "end_time": 1704067200123}`,
		"the end time is ignored": `{"run_id": "r1", "status": "FAILED"}`,
		"another run":             `{"run_id": "r2", "status": "FAILED", "end_time": 1704067200123}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := newTestServer(t, respondWith(200, "application/json", `{"run_info": `+info+`}`))
			err := client.SetTerminated(t.Context(), "r1", tracking.RunStatusFailed, tracking.WithEndTime(end))
			require.ErrorIs(t, err, tracking.ErrUnexpectedResponse)
			require.ErrorContains(t, err, "SetTerminated")
		})
	}
}
