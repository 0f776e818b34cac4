package tracking_test

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/tracking"
)

// newTestServer returns a client for a server of the test's own, which sits below a path as it would behind a proxy.
func newTestServer(t *testing.T, handler http.HandlerFunc, opts ...mlflow.Option) *tracking.Client {
	t.Helper()
	if os.Getenv("MLFLOW_TEST_MODE") != "" {
		t.Skip("has a server of its own: it runs without MLFLOW_TEST_MODE")
	}
	server := httptest.NewServer(http.StripPrefix("/behind/proxy", handler))
	t.Cleanup(server.Close)
	return newClient(t, append([]mlflow.Option{mlflow.WithTrackingURI(server.URL + "/behind/proxy")}, opts...)...)
}

// respondWith returns a handler that gives one response, whatever it is asked.
func respondWith(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

const (
	runJSON        = `{"run": {"info": {"run_id": "r1", "run_uuid": "r1", "experiment_id": "7", "status": "RUNNING"}, "data": {}}}`
	runInfoJSON    = `{"run_info": {"run_id": "r1", "run_uuid": "r1", "experiment_id": "7", "status": "FINISHED"}}`
	experimentJSON = `{"experiment": {"experiment_id": "7", "name": "a b/c+d&e=ü"}}`
	namedRunJSON   = `{"run": {"info": {"run_id": "r1", "run_uuid": "r1", "experiment_id": "7", "run_name": "first", "status": "RUNNING"},
		"data": {"tags": [{"key": "a", "value": "1"}, {"key": "b", "value": ""}, {"key": "mlflow.user", "value": "ada"}]}}}`
	updatedJSON = `{"run_info": {"run_id": "r1", "run_uuid": "r1", "experiment_id": "7", "run_name": "renamed", "status": "FINISHED"}}`
)

var epoch2024 = time.UnixMilli(1704067200123)

func TestRequests(t *testing.T) {
	t.Parallel()
	for _, op := range operations {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			requests := 0
			client := newTestServer(t, func(w http.ResponseWriter, r *http.Request) {
				requests++
				body, err := io.ReadAll(r.Body)
				assert.NoError(t, err)
				assert.Equal(t, op.route, r.Method+" "+r.URL.Path)
				assert.Equal(t, op.query, r.URL.RawQuery)
				assert.Equal(t, op.body, string(body))
				if op.body != "" {
					assert.Equal(t, int64(len(op.body)), r.ContentLength, "MLflow reads a chunked body as an empty one")
					assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
				}
				assert.NotContains(t, r.Header, "Origin", "MLflow refuses writes from elsewhere")
				assert.NotContains(t, r.Header, "Content-Encoding", "MLflow does not decode bodies")
				respondWith(200, "application/json", op.reply)(w, r)
			})
			require.NoError(t, op.use(t.Context(), client))
			assert.Equal(t, 1, requests)
		})
	}
}

// TestTimesDefaultToNow checks the times that the library takes from the clock itself.
func TestTimesDefaultToNow(t *testing.T) {
	t.Parallel()
	times := regexp.MustCompile(`"(?:start_time|timestamp)":(\d{13})\b`)
	replies := map[string]string{"CreateRun": runJSON, "LogMetric": `{}`, "LogBatch": `{}`}
	for name, use := range map[string]func(context.Context, *tracking.Client) error{
		"CreateRun": func(ctx context.Context, c *tracking.Client) error {
			_, err := c.CreateRun(ctx, "7", tracking.WithStartTime(time.Time{}))
			return err
		},
		"LogMetric": func(ctx context.Context, c *tracking.Client) error {
			return c.LogMetric(ctx, "r1", "loss", 1, tracking.WithTimestamp(time.Time{}))
		},
		"LogBatch": func(ctx context.Context, c *tracking.Client) error {
			return c.LogBatch(ctx, "r1", []tracking.Metric{{Key: "a"}, {Key: "b"}}, nil, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := time.Now().UnixMilli()
			client := newTestServer(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				for _, match := range times.FindAllStringSubmatch(string(body), -1) {
					assert.GreaterOrEqual(t, match[1], strconv.FormatInt(before, 10))
					assert.LessOrEqual(t, match[1], strconv.FormatInt(time.Now().UnixMilli(), 10))
				}
				assert.NotEmpty(t, times.FindString(string(body)))
				respondWith(200, "application/json", replies[name])(w, r)
			})
			require.NoError(t, use(t.Context(), client))
		})
	}
}

// recorder is a server without a network: it keeps the body of the last request, and gives one response.
type recorder struct {
	status int // 200 if zero
	reply  string
	body   []byte
}

func (s *recorder) client() *tracking.Client {
	return tracking.NewClient(&url.URL{Scheme: "http", Host: "mlflow.invalid"}, s, tracking.Config{})
}

// Do makes recorder a [tracking.Doer].
func (s *recorder) Do(request *http.Request) (*http.Response, error) {
	if request.Body != nil {
		var err error
		if s.body, err = io.ReadAll(request.Body); err != nil {
			return nil, err
		}
	}
	return &http.Response{
		StatusCode: cmp.Or(s.status, http.StatusOK),
		Header:     http.Header{},
		Body:       io.NopCloser(strings.NewReader(s.reply)),
	}, nil
}

func validText(texts ...string) bool {
	return !slices.ContainsFunc(texts, func(text string) bool { return !utf8.ValidString(text) })
}
