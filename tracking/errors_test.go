package tracking_test

import (
	"bytes"
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/internal/transport"
	"github.com/mlflow-go/mlflow/tracking"
)

var sentinels = []error{
	tracking.ErrNotFound, tracking.ErrAlreadyExists, tracking.ErrInvalidArgument, tracking.ErrUnauthenticated,
	tracking.ErrPermissionDenied, tracking.ErrRateLimited, tracking.ErrUnavailable, tracking.ErrUnsupported,
	tracking.ErrUnexpectedResponse,
}

// assertOnly checks that err matches one sentinel and no other; nil stands for none.
func assertOnly(t *testing.T, err, sentinel error) {
	t.Helper()
	searchError(err)
	for _, each := range sentinels {
		assert.Equal(t, each == sentinel, errors.Is(err, each), "errors.Is(%q, %q)", err, each)
	}
}

func TestErrorResponses(t *testing.T) {
	t.Parallel()
	const page = "<!doctype html>\n<title>404 Not Found</title>"
	tests := map[string]struct {
		status      int
		contentType string
		body        string
		code        tracking.ErrorCode
		message     string
		sentinel    error
	}{
		"MLflow's own": {
			404, "application/json", `{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Run 'r1' not found\n really"}`,
			"RESOURCE_DOES_NOT_EXIST", "Run 'r1' not found\n really", tracking.ErrNotFound,
		},
		"with fields of later releases": {
			400, "application/json", `{"error_code": "INVALID_PARAMETER_VALUE", "message": "no", "sqlstate": "22023", "error_class": "X"}`,
			"INVALID_PARAMETER_VALUE", "no", tracking.ErrInvalidArgument,
		},
		"the code decides, not the status": {
			500, "application/json", `{"error_code": "RESOURCE_ALREADY_EXISTS", "message": "taken"}`,
			"RESOURCE_ALREADY_EXISTS", "taken", tracking.ErrAlreadyExists,
		},
		"a wrong state":            {500, "application/json", `{"error_code": "INVALID_STATE", "message": "deleted"}`, "INVALID_STATE", "deleted", tracking.ErrInvalidArgument},
		"the database's no":        {400, "application/json", `{"error_code": "BAD_REQUEST", "message": "QueuePool limit"}`, "BAD_REQUEST", "QueuePool limit", nil},
		"an internal error":        {500, "application/json", `{"error_code": "INTERNAL_ERROR", "message": "bug"}`, "INTERNAL_ERROR", "bug", nil},
		"a disabled feature":       {500, "application/json", `{"error_code": "FEATURE_DISABLED", "message": "off"}`, "FEATURE_DISABLED", "off", tracking.ErrUnsupported},
		"a numeric code":           {404, "application/json", `{"error_code": 3002, "message": "gone"}`, "RESOURCE_DOES_NOT_EXIST", "gone", tracking.ErrNotFound},
		"an unknown number":        {403, "application/json", `{"error_code": 99, "message": "no"}`, "99", "no", tracking.ErrPermissionDenied},
		"an unknown code":          {404, "application/json", `{"error_code": "OUT_OF_TEA", "message": "no tea"}`, "OUT_OF_TEA", "no tea", tracking.ErrNotFound},
		"no code":                  {429, "application/json", `{"message": "slow down"}`, "", "slow down", tracking.ErrRateLimited},
		"another framework's JSON": {404, "application/json", `{"detail": "Not Found"}`, "", `{"detail": "Not Found"}`, tracking.ErrUnsupported},
		"a message that is none":   {400, "application/json", `{"error_code": "MALFORMED_REQUEST", "message": {"a": 1}}`, "MALFORMED_REQUEST", "map[a:1]", tracking.ErrInvalidArgument},
		"no such endpoint":         {404, "text/html", page, "", page, tracking.ErrUnsupported},
		"an empty 404":             {404, "text/html", "", "", "", tracking.ErrUnsupported},
		"wrong credentials":        {401, "text/html", "You are not authenticated.", "", "You are not authenticated.", tracking.ErrUnauthenticated},
		"no permission":            {403, "text/html", "Permission denied", "", "Permission denied", tracking.ErrPermissionDenied},
		"too large":                {413, "text/html", "<h1>413</h1>", "", "<h1>413</h1>", tracking.ErrInvalidArgument},
		"a crash":                  {500, "text/html", "<h1>Internal Server Error</h1>", "", "<h1>Internal Server Error</h1>", nil},
		"a dead upstream":          {502, "text/html", "bad gateway", "", "bad gateway", tracking.ErrUnavailable},
		"an overload":              {503, "application/json", `{"error_code": "TEMPORARILY_UNAVAILABLE", "message": "locked"}`, "TEMPORARILY_UNAVAILABLE", "locked", tracking.ErrUnavailable},
		"a late upstream":          {504, "text/plain", "late", "", "late", tracking.ErrUnavailable},
		"bytes that are no text":   {500, "application/octet-stream", "\xff\xfe\x00", "", "\uFFFD\x00", nil},
		"a long page":              {500, "text/plain", strings.Repeat("é", 5000), "", strings.Repeat("é", 128) + "…", nil},
		"an error that says 200":   {200, "application/json", `{"error_code": "PERMISSION_DENIED", "message": "no"}`, "PERMISSION_DENIED", "no", tracking.ErrPermissionDenied},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, op := range operations {
				err := op.use(t.Context(), newTestServer(t, respondWith(tt.status, tt.contentType, tt.body)))
				var got *tracking.Error
				require.ErrorAs(t, err, &got)
				assert.Equal(t, op.name, got.Op)
				assert.Equal(t, tt.status, got.StatusCode)
				assert.Equal(t, tt.code, got.Code)
				assert.Equal(t, tt.message, got.Message)
				assert.Equal(t, 1, got.Attempts)
				assertOnly(t, err, tt.sentinel)
				assert.NotContains(t, err.Error(), "\n")
				assert.Less(t, len(err.Error()), 2000)
			}
		})
	}
}

// TestErrorCodes goes through the codes that MLflow defines; a code decides whatever the status says.
func TestErrorCodes(t *testing.T) {
	t.Parallel()
	for code, want := range map[tracking.ErrorCode]error{
		tracking.ErrorCodeInternalError:          nil,
		tracking.ErrorCodeTemporarilyUnavailable: tracking.ErrUnavailable,
		tracking.ErrorCodeBadRequest:             nil,
		tracking.ErrorCodeDeadlineExceeded:       tracking.ErrUnavailable,
		tracking.ErrorCodeResourceExhausted:      tracking.ErrRateLimited,
		tracking.ErrorCodeNotFound:               tracking.ErrNotFound,
		tracking.ErrorCodeAlreadyExists:          tracking.ErrAlreadyExists,
		tracking.ErrorCodeUnauthenticated:        tracking.ErrUnauthenticated,
		tracking.ErrorCodeInvalidParameterValue:  tracking.ErrInvalidArgument,
		tracking.ErrorCodeEndpointNotFound:       tracking.ErrUnsupported,
		tracking.ErrorCodeMalformedRequest:       tracking.ErrInvalidArgument,
		tracking.ErrorCodeInvalidState:           tracking.ErrInvalidArgument,
		tracking.ErrorCodePermissionDenied:       tracking.ErrPermissionDenied,
		tracking.ErrorCodeFeatureDisabled:        tracking.ErrUnsupported,
		tracking.ErrorCodeCustomerUnauthorized:   tracking.ErrUnauthenticated,
		tracking.ErrorCodeRequestLimitExceeded:   tracking.ErrRateLimited,
		tracking.ErrorCodeResourceConflict:       nil,
		tracking.ErrorCodeNotImplemented:         tracking.ErrUnsupported,
		tracking.ErrorCodeResourceAlreadyExists:  tracking.ErrAlreadyExists,
		tracking.ErrorCodeResourceDoesNotExist:   tracking.ErrNotFound,
	} {
		assertOnly(t, &tracking.Error{Op: "GetRun", StatusCode: http.StatusTeapot, Code: code, Attempts: 1}, want)
	}
}

// TestErrorCodesHaveRows holds the constants against the table of package transport, by their names and texts.
func TestErrorCodesHaveRows(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "errors.go", nil, 0)
	require.NoError(t, err)
	var constants, rows []string
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "ErrorCode") {
			return true
		}
		text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		require.NoError(t, err)
		name := strings.TrimPrefix(spec.Names[0].Name, "ErrorCode")
		assert.Equal(t, strings.ReplaceAll(text, "_", ""), strings.ToUpper(name))
		constants = append(constants, text)
		return true
	})
	for _, code := range transport.ErrorCodes {
		if code.Kind != transport.Success {
			rows = append(rows, code.Text)
		}
	}
	assert.Equal(t, rows, constants)
}

// TestSuccessWithoutPromise checks that a 2xx alone convinces nobody.
func TestSuccessWithoutPromise(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ contentType, body string }{
		"a login page":     {"text/html", "<html>Please sign in</html>"},
		"nothing":          {"application/json", ""},
		"white space":      {"application/json", " \n"},
		"null":             {"application/json", "null"},
		"a list":           {"application/json", "[]"},
		"text":             {"application/json", `"OK"`},
		"half an object":   {"application/json", `{"run": {"info": {"run_id": "r1"`},
		"more than one":    {"application/json", `{} {}`},
		"JSON, then a tag": {"application/json", `{}</html>`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, op := range operations {
				err := op.use(t.Context(), newTestServer(t, respondWith(200, tt.contentType, tt.body)))
				var got *tracking.Error
				require.ErrorAs(t, err, &got, op.name)
				assert.Equal(t, 200, got.StatusCode)
				assert.Equal(t, tt.body, got.Message)
				assertOnly(t, err, tracking.ErrUnexpectedResponse)
			}
		})
	}
}

// TestSuccessWithoutObject checks the responses that are JSON objects, but not the ones that were promised.
func TestSuccessWithoutObject(t *testing.T) {
	t.Parallel()
	bodies := map[string][]string{
		"CreateExperiment":    {`{}`, `{"experiment_id": ""}`, `{"experiment_id": 7}`},
		"GetExperiment":       {`{}`, `{"experiment": {}}`, `{"experiment": null}`},
		"GetExperimentByName": {`{}`, `{"experiment": {}}`, `{"experiment": {"name": "iris"}}`},
		"SearchExperiments":   {`{"experiments": [{}]}`, `{"experiments": {}}`},
		"CreateRun":           {`{}`, `{"run": {}}`, `{"run": {"info": {}}}`, `{"run": {"data": {}}}`},
		"GetRun":              {`{}`, `{"run": {}}`, `{"run": {"info": {}}}`, `{"run": {"info": {"run_id": "r1", "start_time": "noon"}}}`, `{"run": {"info": {"run_id": "r1"}, "inputs": {"dataset_inputs": [{}]}}}`},
		"UpdateRun":           {`{}`, `{"run_info": {}}`},
		"GetMetricHistory":    {`{"metrics": [{}]}`, `{"metrics": {}}`, `{"next_page_token": 5}`},
		"SampleMetricHistory": {`{"metrics": [{"key": "loss", "value": 1, "timestamp": 1}]}`},
		"SearchRuns": {
			`{"runs": [{}]}`, `{"runs": [{"info": {"run_id": ""}}]}`,
			`{"runs": [{"info": {"run_id": "r1"}, "data": {"metrics": [{"key": "loss", "value": "nan"}]}}]}`,
		},
	}
	for _, op := range operations {
		for _, body := range bodies[op.name] {
			t.Run(op.name+" "+body, func(t *testing.T) {
				t.Parallel()
				err := op.use(t.Context(), newTestServer(t, respondWith(200, "application/json", body)))
				assertOnly(t, err, tracking.ErrUnexpectedResponse)
			})
		}
	}
}

// TestUpdateRunChecksStatus plays a server that responds with 200 to a status and ignores it.
func TestUpdateRunChecksStatus(t *testing.T) {
	t.Parallel()
	client := newTestServer(t, respondWith(200, "application/json", `{"run_info": {"run_id": "r1", "status": "RUNNING"}}`))
	_, err := client.UpdateRun(t.Context(), "r1", tracking.WithStatus(tracking.RunStatusFailed))
	assertOnly(t, err, tracking.ErrUnexpectedResponse)
	assert.ErrorContains(t, err, "the status is RUNNING after setting it to FAILED")

	info, err := client.UpdateRun(t.Context(), "r1", tracking.WithEndTime(time.UnixMilli(0)))
	require.NoError(t, err)
	assert.Equal(t, tracking.RunStatusRunning, info.Status)
}

func TestUnknownValuesFromTheServerPassThrough(t *testing.T) {
	t.Parallel()
	client := newTestServer(t, respondWith(200, "application/json", `{"run": {"info": {"run_id": "r1", "status": "PAUSED",
		"lifecycle_stage": "archived", "start_time": "9007199254740993", "new": {"field": []}}, "later": 1}}`))
	run, err := client.GetRun(t.Context(), "r1")
	require.NoError(t, err)
	assert.Equal(t, tracking.RunStatus("PAUSED"), run.Info.Status)
	assert.Equal(t, tracking.LifecycleStage("archived"), run.Info.LifecycleStage)
	assert.Equal(t, int64(9007199254740993), run.Info.StartTime.UnixMilli(), "an int64 can be a string, and is never rounded")
}

func TestCutOffResponse(t *testing.T) {
	t.Parallel()
	client := newTestServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `{"run": `)
	})
	_, err := client.GetRun(t.Context(), "r1")
	assertOnly(t, err, tracking.ErrUnexpectedResponse)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	var got *tracking.Error
	require.ErrorAs(t, err, &got)
	assert.Equal(t, 200, got.StatusCode)
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{
		"7": 7 * time.Second, "-1": 0, "soon": 0, "": 0, "99999999999999": math.MaxInt32 * time.Second,
		time.Now().Add(time.Hour).UTC().Format(http.TimeFormat): time.Hour,
	} {
		client := newTestServer(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", header)
			respondWith(429, "text/plain", "slow down")(w, r)
		})
		_, err := client.GetRun(t.Context(), "r1")
		var got *tracking.Error
		require.ErrorAs(t, err, &got)
		assert.InDelta(t, want, got.RetryAfter, float64(5*time.Second), header)
		assertOnly(t, err, tracking.ErrRateLimited)
	}
}

func TestRefusedConnection(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	server := &url.URL{Scheme: "http", Host: listener.Addr().String(), User: url.UserPassword("ada", "s3cret")}

	_, err = tracking.NewClient(server, http.DefaultClient, tracking.Config{}).GetRun(t.Context(), "r1")
	assertOnly(t, err, tracking.ErrUnavailable)
	var got *tracking.Error
	require.ErrorAs(t, err, &got)
	assert.Zero(t, got.StatusCode)
	assert.Equal(t, 1, got.Attempts)
	var cause *url.Error
	require.ErrorAs(t, err, &cause)
	assert.NotContains(t, err.Error(), "s3cret")
	assert.NotContains(t, err.Error(), "r1", "a query can hold what is private")
}

func TestContextEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"canceled": func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(10*time.Millisecond, cancel)
			return ctx, cancel
		},
		"deadline": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 10*time.Millisecond)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := newTestServer(t, func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				<-r.Context().Done()
			})
			for _, op := range operations {
				ctx, cancel := end(t.Context())
				err := op.use(ctx, client)
				require.ErrorIs(t, err, ctx.Err())
				assertOnly(t, err, nil)
				cancel()
			}
		})
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		err  tracking.Error
		want string
	}{
		"with a code": {
			tracking.Error{Op: "GetRun", StatusCode: 404, Code: "RESOURCE_DOES_NOT_EXIST", Message: "no run", Attempts: 1},
			"mlflow: GetRun: 404 RESOURCE_DOES_NOT_EXIST: no run",
		},
		"without one": {
			tracking.Error{Op: "GetRun", StatusCode: 404, Message: "<title>\n\t404\x1b[31m", Attempts: 1},
			"mlflow: GetRun: 404 Not Found: <title> 404 [31m (no such endpoint: check the path of the tracking URI, and the server's release)",
		},
		"after repeats": {
			tracking.Error{Op: "GetRun", StatusCode: 503, Message: "busy", Attempts: 3},
			"mlflow: GetRun: 503 Service Unavailable: busy (after 3 attempts)",
		},
		"of a host check": {
			tracking.Error{Op: "GetRun", StatusCode: 403, Message: "Invalid Host header - possible DNS rebinding attack detected", Attempts: 1},
			"mlflow: GetRun: 403 Forbidden: Invalid Host header - possible DNS rebinding attack detected (the server's option --allowed-hosts must name this host)",
		},
		"of an odd status": {
			tracking.Error{Op: "GetRun", StatusCode: 599, Attempts: 1},
			"mlflow: GetRun: 599",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, tt.err.Error())
		})
	}
}

func TestErrorLogsItself(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	_, err := newTestServer(t, respondWith(404, "application/json", `{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no\nrun"}`)).GetRun(t.Context(), "r1")
	logger.Info("failed", "error", err)
	assert.Contains(t, log.String(), `error.op=GetRun error.status=404 error.code=RESOURCE_DOES_NOT_EXIST error.message="no run" error.attempts=1`)
}

// TestErrorOfOnesOwn checks that code which handles errors can be tested without a server.
func TestErrorOfOnesOwn(t *testing.T) {
	t.Parallel()
	assertOnly(t, &tracking.Error{StatusCode: 404, Code: tracking.ErrorCodeResourceDoesNotExist, Attempts: 1}, tracking.ErrNotFound)
	assertOnly(t, &tracking.Error{StatusCode: 503, Attempts: 4}, tracking.ErrUnavailable)
}

// Releases since 3.5 respond to no name but their own, so that a page in somebody's browser cannot reach them.
func TestHostNotAllowed(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		if s.Server == scenario.Memory {
			t.Skip("mlflowtest has no name of its own")
		}
		client := newScenarioClient(t, s, mlflow.WithHeaders(map[string]string{"Host": "mlflow.example"}))
		_, err := client.CreateExperiment(t.Context(), s.Name("experiment"))
		if s.Server.Before("3.5") || s.Server.FastTrackML() {
			require.NoError(t, err)
			return
		}
		requireRefused(t, err, 403, "", tracking.ErrPermissionDenied)
		assert.ErrorContains(t, err, "Invalid Host header")
	})
}
