package mlflowtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/mlflowtest"
	"github.com/mlflow-go/mlflow/tracking"
)

// What the server does with experiments and runs, the scenarios of package tracking check, and lab/differential. Here is
// what they cannot: options, and what no client sends.

func newClient(t testing.TB, handler http.Handler) *tracking.Client {
	t.Helper()
	client, err := mlflow.NewClient(mlflow.WithTrackingURI("http://mlflow.test"),
		mlflow.WithHTTPClient(&http.Client{Transport: mlflowtest.Transport(handler)}))
	require.NoError(t, err)
	return client.Tracking()
}

// send sends a request to a handler. A body without a length is sent as one of unknown length.
func send(t *testing.T, handler http.Handler, method, target string, body io.Reader, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), method, target, body)
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder
}

func post(t *testing.T, handler http.Handler, operation, body string) *httptest.ResponseRecorder {
	t.Helper()
	return send(t, handler, http.MethodPost, "/api/2.0/mlflow/"+operation, strings.NewReader(body), "Content-Type", "application/json")
}

// errorCode returns the error code of a response.
func errorCode(t *testing.T, recorder *httptest.ResponseRecorder) string {
	t.Helper()
	var body struct {
		ErrorCode string `json:"error_code"`
	}
	require.NoError(t, json.Unmarshal(recorder.Body.Bytes(), &body), recorder.Body.String())
	return body.ErrorCode
}

// TestDependencies checks that a program gets nothing of this package unless it imports it, and no testing code if it does.
func TestDependencies(t *testing.T) {
	t.Parallel()
	for path, unwanted := range map[string][]string{
		"github.com/mlflow-go/mlflow":            {"github.com/mlflow-go/mlflow/mlflowtest", "testing", "net/http/httptest"},
		"github.com/mlflow-go/mlflow/mlflowtest": {"testing", "flag", "net/http/httptest", "github.com/mlflow-go/mlflow/gen"},
	} {
		output, err := exec.CommandContext(t.Context(), "go", "list", "-deps", path).Output()
		require.NoError(t, err)
		for dependency := range strings.FieldsSeq(string(output)) {
			assert.NotContains(t, unwanted, dependency, "%s imports it", path)
			if strings.HasSuffix(path, "/mlflowtest") && dependency != path {
				assert.NotRegexp(t, `^[^/]+\.[^/]+/`, strings.TrimPrefix(dependency, "vendor/golang.org/x/"), "not of the standard library")
			}
		}
	}
}

func TestWithSeedRepeatsIDsAndTimes(t *testing.T) {
	t.Parallel()
	session := func(opts ...mlflowtest.Option) string {
		handler := mlflowtest.NewHandler(opts...)
		var log strings.Builder
		for _, body := range []string{`{"name": "a"}`, `{"name": "b"}`, `{"name": "a"}`} {
			log.WriteString(post(t, handler, "experiments/create", body).Body.String())
		}
		for range 3 {
			log.WriteString(post(t, handler, "runs/create", `{"experiment_id": "1"}`).Body.String())
		}
		log.WriteString(post(t, handler, "experiments/search", `{"max_results": 10}`).Body.String())
		return log.String()
	}
	first := session(mlflowtest.WithSeed(7))
	assert.Equal(t, first, session(mlflowtest.WithSeed(7)))
	assert.NotEqual(t, first, session(mlflowtest.WithSeed(8)))
	random, another := session(), session()
	assert.NotEqual(t, random, another)

	noon := func() time.Time { return time.UnixMilli(1772366400000) }
	for _, opts := range [][]mlflowtest.Option{
		{mlflowtest.WithSeed(7), mlflowtest.WithClock(noon)},
		{mlflowtest.WithClock(noon), mlflowtest.WithSeed(7)},
	} {
		got := session(opts...)
		assert.Contains(t, got, `"creation_time":1772366400000`, "the clock wins, in whatever order")
		assert.Equal(t, 3, strings.Count(got, `"creation_time":1772366400000`))
	}
}

func TestWithMiddlewareOrder(t *testing.T) {
	t.Parallel()
	var order []string
	note := func(name string) mlflowtest.Option {
		return mlflowtest.WithMiddleware(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				order = append(order, name)
				next.ServeHTTP(w, r)
			})
		})
	}
	handler := mlflowtest.NewHandler(note("outer"), note("inner"))
	assert.Equal(t, http.StatusOK, send(t, handler, http.MethodGet, "/health", nil).Code)
	assert.Equal(t, []string{"outer", "inner"}, order)
}

func TestCloseIsEnoughOnce(t *testing.T) {
	t.Parallel()
	server := mlflowtest.NewServer()
	assert.Regexp(t, `^http://127\.0\.0\.1:\d+$`, server.URL)
	server.Close()
	server.Close()
	client, err := mlflow.NewClient(mlflow.WithTrackingURI(server.URL), mlflow.WithRetry(mlflow.RetryPolicy{MaxAttempts: 1}))
	require.NoError(t, err)
	_, err = client.Tracking().GetExperiment(t.Context(), "0")
	require.ErrorIs(t, err, tracking.ErrUnavailable)
}

// TestConcurrentUse is for the race detector.
func TestServerConcurrentUse(t *testing.T) {
	t.Parallel()
	client := newClient(t, mlflowtest.NewHandler())
	run, err := client.CreateRun(t.Context(), "0")
	require.NoError(t, err)
	var workers sync.WaitGroup
	for worker := range 8 {
		workers.Go(func() {
			for step := range int64(20) {
				assert.NoError(t, client.LogMetric(t.Context(), run.Info.RunID, "loss", float64(worker), tracking.WithStep(step)))
				assert.NoError(t, client.SetTag(t.Context(), run.Info.RunID, fmt.Sprint(worker), fmt.Sprint(step)))
				_, err := client.SearchRuns(t.Context(), []string{"0"}, tracking.WithRunsOrderBy("metrics.loss"))
				assert.NoError(t, err)
				_, err = client.GetMetricHistory(t.Context(), run.Info.RunID, "loss")
				assert.NoError(t, err)
			}
		})
	}
	workers.Wait()
	history, err := client.GetMetricHistory(t.Context(), run.Info.RunID, "loss")
	require.NoError(t, err)
	assert.Len(t, history, 160)
}

// TestOddRequests has what only a program that writes its own requests sends. Each response is that of a real server.
func TestOddRequests(t *testing.T) {
	t.Parallel()
	handler := mlflowtest.NewHandler()
	for name, test := range map[string]struct {
		method, target, body string
		header               []string
		status               int
		want                 string // in the body
	}{
		"health":              {method: "GET", target: "/health", status: 200, want: "OK"},
		"version":             {method: "GET", target: "/version", status: 200, want: scenario.Memory.Version},
		"server info":         {method: "GET", target: "/api/3.0/mlflow/server-info", status: 200, want: `"workspaces_enabled":false`},
		"unknown path":        {method: "GET", target: "/api/2.0/mlflow/traces", status: 404, want: "<!doctype html>"},
		"another API":         {method: "GET", target: "/api/1.0/mlflow/runs/get", status: 404, want: "<!doctype html>"},
		"slash at the end":    {method: "GET", target: "/api/2.0/mlflow/runs/get/", status: 404, want: "<!doctype html>"},
		"wrong method":        {method: "GET", target: "/api/2.0/mlflow/runs/create", status: 405, want: "<!doctype html>"},
		"the other prefix":    {method: "GET", target: "/ajax-api/2.0/mlflow/experiments/get?experiment_id=0", status: 200, want: "Default"},
		"a search by GET":     {method: "GET", target: "/api/2.0/mlflow/experiments/search?max_results=5", status: 200, want: "Default"},
		"no content type":     {method: "POST", target: "/api/2.0/mlflow/runs/search", body: "{}", status: 400, want: "Content-Type"},
		"another one":         {method: "POST", target: "/api/2.0/mlflow/runs/search", body: "{}", header: []string{"Content-Type", "text/plain"}, status: 400, want: "Content-Type"},
		"a workspace":         {method: "GET", target: "/api/2.0/mlflow/experiments/get?experiment_id=0", header: []string{"X-MLFLOW-WORKSPACE", "a"}, status: 500, want: "FEATURE_DISABLED"},
		"multipart":           {method: "POST", target: "/api/2.0/mlflow-artifacts/mpu/create/x", status: 501, want: "NOT_IMPLEMENTED"},
		"presigned":           {method: "GET", target: "/api/2.0/mlflow-artifacts/presigned/x", status: 501, want: "NOT_IMPLEMENTED"},
		"models":              {method: "POST", target: "/api/2.0/mlflow/logged-models/search", body: "{}", status: 200, want: "{}"},
		"two spellings":       {method: "POST", target: "/api/2.0/mlflow/runs/delete", body: `{"run_id": "a", "runId": "b"}`, header: []string{"Content-Type", "application/json"}, status: 400, want: "only one of them"},
		"encoded twice":       {method: "POST", target: "/api/2.0/mlflow/experiments/create", body: `"{\"name\": \"twice\"}"`, header: []string{"Content-Type", "application/json; charset=utf-8"}, status: 200, want: "experiment_id"},
		"a list":              {method: "POST", target: "/api/2.0/mlflow/runs/delete", body: `[]`, header: []string{"Content-Type", "application/json"}, status: 400, want: "real server responds to this with status 500"},
		"no JSON, a search":   {method: "POST", target: "/api/2.0/mlflow/runs/search", body: `{"experiment_ids": ["0"`, header: []string{"Content-Type", "application/json"}, status: 200, want: "{}"},
		"no JSON, a deletion": {method: "POST", target: "/api/2.0/mlflow/runs/delete", body: `{"run_id"`, header: []string{"Content-Type", "application/json"}, status: 400, want: "Missing value"},
		"infinity, no time":   {method: "POST", target: "/api/2.0/mlflow/runs/log-metric", body: `{"run_id": "a", "key": "a", "value": 1e999}`, header: []string{"Content-Type", "application/json"}, status: 400, want: "real server responds to this with status 500"},
		"null lists":          {method: "POST", target: "/api/2.0/mlflow/runs/log-batch", body: `{"run_id": "a", "metrics": null}`, header: []string{"Content-Type", "application/json"}, status: 400, want: "real server responds to this with status 500"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := send(t, handler, test.method, test.target, strings.NewReader(test.body), test.header...)
			assert.Equal(t, test.status, got.Code, got.Body.String())
			assert.Contains(t, got.Body.String(), test.want)
		})
	}
}

// TestBodyOfUnknownLength checks that such a body is read as empty, which loses data without an error.
func TestBodyOfUnknownLength(t *testing.T) {
	t.Parallel()
	handler := mlflowtest.NewHandler()
	chunked := io.MultiReader(strings.NewReader(`{"experiment_ids": ["0"], "max_results": 0}`))
	got := send(t, handler, http.MethodPost, "/api/2.0/mlflow/runs/search", chunked, "Content-Type", "application/json")
	assert.Equal(t, http.StatusOK, got.Code)
	assert.JSONEq(t, "{}", got.Body.String())
}

// TestPartlyReadRequests checks what a server keeps of a request that it reads only until something odd comes.
func TestPartlyReadRequests(t *testing.T) {
	t.Parallel()
	handler := mlflowtest.NewHandler(mlflowtest.WithSeed(1))
	client := newClient(t, handler)
	run, err := client.CreateRun(t.Context(), "0", tracking.WithRunName("run"))
	require.NoError(t, err)
	id := run.Info.RunID

	for _, body := range []string{
		`{"run_id": %q, "key": "bare", "value": NaN, "timestamp": 5}`,
		`{"run_id": %q, "key": "lower", "value": "nan", "timestamp": 5}`,
		`{"run_id": %q, "key": "large", "value": 1e999, "timestamp": 5}`,
		`{"run_id": %q, "key": "time", "value": 1, "timestamp": 5.5}`,
	} {
		assert.Equal(t, http.StatusOK, post(t, handler, "runs/log-metric", fmt.Sprintf(body, id)).Code)
	}
	batch := `{"run_id": %q, "metrics": [{"key": "first", "value": 1, "timestamp": 1}, {"key": "second", "value": NaN, "timestamp": 1},
		{"key": "third", "value": 1, "timestamp": 1}], "params": [{"key": "p", "value": "v"}]}`
	assert.Equal(t, http.StatusOK, post(t, handler, "runs/log-batch", fmt.Sprintf(batch, id)).Code)
	assert.Equal(t, "INVALID_PARAMETER_VALUE", errorCode(t, post(t, handler, "runs/set-tag", fmt.Sprintf(`{"run_id": %q, "key": "k", "value": 5}`, id))))
	assert.Equal(t, http.StatusOK, post(t, handler, "runs/update", fmt.Sprintf(`{"run_id": %q, "status": "finished"}`, id)).Code)

	run, err = client.GetRun(t.Context(), id)
	require.NoError(t, err)
	values := map[string]float64{}
	for _, metric := range run.Data.Metrics {
		values[metric.Key] = metric.Value
		if metric.Key != "first" {
			assert.Equal(t, int64(0), metric.Timestamp.UnixMilli(), metric.Key)
		}
	}
	assert.Equal(t, map[string]float64{"bare": 0, "lower": 0, "large": 0, "time": 1, "first": 1, "second": 0}, values)
	assert.Empty(t, run.Data.Params)
	assert.Equal(t, tracking.RunStatusRunning, run.Info.Status)
}

// TestServerDoesWhatIsNewIn318 has what MLflow 3.18.0 does and 3.17.2 does not. The random calls of lab/differential leave it out.
func TestServerDoesWhatIsNewIn318(t *testing.T) {
	t.Parallel()
	handler := mlflowtest.NewHandler()
	for _, filter := range []string{"attributes.name = 'Default'", "name like 'Def%'", "name ILIKE 'def%'", "experiment_id in ('0')"} {
		got := post(t, handler, "experiments/search", fmt.Sprintf(`{"max_results": 5, "filter": %q}`, filter))
		assert.Contains(t, got.Body.String(), "Default", filter)
	}
	assert.Equal(t, "INVALID_PARAMETER_VALUE", errorCode(t, post(t, handler, "experiments/create", `{"name": " \t"}`)))
	run := post(t, handler, "runs/create", `{"experiment_id": "0"}`).Body.String()
	id := regexp.MustCompile("[0-9a-f]{32}").FindString(run)
	assert.Equal(t, "INVALID_PARAMETER_VALUE", errorCode(t, post(t, handler, "runs/set-tag", fmt.Sprintf(`{"run_id": %q, "key": "a\n"}`, id))))
	uploaded := send(t, handler, http.MethodPost, "/ajax-api/2.0/mlflow/upload-artifact?path=a&run_id="+id, strings.NewReader("x"))
	assert.Equal(t, http.StatusOK, uploaded.Code)
}

// TestManyConditions checks the limit of SQLite.
func TestManyConditions(t *testing.T) {
	t.Parallel()
	handler := mlflowtest.NewHandler()
	filter := func(n int) string {
		return fmt.Sprintf(`{"experiment_ids": ["0"], "filter": %q}`, strings.TrimSuffix(strings.Repeat("params.a = 'b' AND ", n), " AND "))
	}
	assert.Equal(t, http.StatusOK, post(t, handler, "runs/search", filter(63)).Code)
	refused := post(t, handler, "runs/search", filter(64))
	assert.Equal(t, http.StatusServiceUnavailable, refused.Code)
	assert.Equal(t, "TEMPORARILY_UNAVAILABLE", errorCode(t, refused))
}

func BenchmarkLogMetric(b *testing.B) {
	client := newClient(b, mlflowtest.NewHandler())
	run, err := client.CreateRun(b.Context(), "0")
	require.NoError(b, err)
	b.ReportAllocs()
	for step := int64(0); b.Loop(); step++ {
		if err := client.LogMetric(b.Context(), run.Info.RunID, "loss", 0.25, tracking.WithStep(step)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHandlerLogMetric is BenchmarkLogMetric without a client.
func BenchmarkHandlerLogMetric(b *testing.B) {
	handler := mlflowtest.NewHandler()
	run, err := newClient(b, handler).CreateRun(b.Context(), "0")
	require.NoError(b, err)
	b.ReportAllocs()
	for step := 0; b.Loop(); step++ {
		body := fmt.Appendf(nil, `{"run_id": %q, "key": "loss", "value": 0.25, "timestamp": %d, "step": %d}`, run.Info.RunID, step, step)
		request := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/api/2.0/mlflow/runs/log-metric", bytes.NewReader(body))
		request.Header.Set("Content-Type", "application/json")
		recorder := httptest.NewRecorder()
		if handler.ServeHTTP(recorder, request); recorder.Code != http.StatusOK {
			b.Fatal(recorder.Body.String())
		}
	}
}

func BenchmarkSearch10000Runs(b *testing.B) {
	client := newClient(b, mlflowtest.NewHandler())
	for i := range 10_000 {
		run, err := client.CreateRun(b.Context(), "0")
		require.NoError(b, err)
		require.NoError(b, client.LogBatch(context.WithoutCancel(b.Context()), run.Info.RunID,
			[]tracking.Metric{{Key: "loss", Value: float64(i % 100)}}, []tracking.Param{{Key: "rate", Value: fmt.Sprint(i % 10)}}, nil))
	}
	b.ReportAllocs()
	for b.Loop() {
		found := 0
		for _, err := range client.AllRuns(b.Context(), []string{"0"}, tracking.WithRunsFilter("params.rate = '3'"),
			tracking.WithRunsOrderBy("metrics.loss DESC")) {
			require.NoError(b, err)
			found++
		}
		require.Equal(b, 1000, found)
	}
}
