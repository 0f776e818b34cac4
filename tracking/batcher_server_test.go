package tracking_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/tracking"
)

// A batchServer is a Doer that does what MLflow does with batches, in memory and in no time. In a synctest bubble waiting
// for it keeps no clock from moving on.
type batchServer struct {
	mu       sync.Mutex
	requests []batchRequest // of log-batch
	gets     int
	runs     map[string]*batchRun
	// before, if set, is asked before a request for log-batch runs. A nil response lets it run.
	before func(*http.Request, batchRequest) (*http.Response, error)
}

type batchRequest struct {
	RunID   string `json:"run_id"`
	Metrics []struct {
		Key       string          `json:"key"`
		Value     json.RawMessage `json:"value"`
		Timestamp int64           `json:"timestamp"`
		Step      int64           `json:"step"`
	} `json:"metrics"`
	Params []struct{ Key, Value string } `json:"params"`
	Tags   []struct{ Key, Value string } `json:"tags"`
}

// A batchRun is what a run holds: a line for each metric in the order of arrival, params and tags.
type batchRun struct {
	metrics      []string
	params, tags map[string]string
	deleted      bool
}

func newBatchServer(runs ...string) *batchServer {
	s := &batchServer{runs: make(map[string]*batchRun)}
	for _, id := range runs {
		s.runs[id] = &batchRun{params: make(map[string]string), tags: make(map[string]string)}
	}
	return s
}

// client returns a client that reaches nothing but the server.
func (s *batchServer) client() *tracking.Client {
	return tracking.NewClient(&url.URL{Scheme: "http", Host: "mlflow.invalid"}, s, tracking.Config{})
}

// metrics returns the metrics of a run as "key step", in the order of their arrival.
func (s *batchServer) metrics(run string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, line := range s.runs[run].metrics {
		key, rest, _ := strings.Cut(line, " ")
		step, _, _ := strings.Cut(rest, " ")
		all = append(all, key+" "+step)
	}
	return all
}

func (s *batchServer) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

func (s *batchServer) setBefore(before func(*http.Request, batchRequest) (*http.Response, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = before
}

func (s *batchServer) Do(request *http.Request) (*http.Response, error) {
	if request.Method == http.MethodGet {
		return s.get(request.URL.Query().Get("run_id")), nil
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	var batch batchRequest
	if err := json.Unmarshal(body, &batch); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.requests = append(s.requests, batch)
	before := s.before
	s.mu.Unlock()
	if before != nil {
		if response, err := before(request, batch); response != nil || err != nil {
			return response, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log(batch), nil
}

func (s *batchServer) get(runID string) *http.Response {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gets++
	run := s.runs[runID]
	if run == nil {
		return refusal(404, "RESOURCE_DOES_NOT_EXIST", "Run '"+runID+"' not found")
	}
	stage := map[bool]string{false: "active", true: "deleted"}[run.deleted]
	return response(200, fmt.Sprintf(`{"run": {"info": {"run_id": %q, "run_uuid": %q, "experiment_id": "1", "lifecycle_stage": %q},
		"data": {}}}`, runID, runID, stage))
}

// log does what a batch asks for, as MLflow 2.x does on an SQL store: it checks all, and keeps a point once.
func (s *batchServer) log(batch batchRequest) *http.Response {
	run := s.runs[batch.RunID]
	const invalid = "INVALID_PARAMETER_VALUE"
	switch {
	case run == nil:
		return refusal(404, "RESOURCE_DOES_NOT_EXIST", "Run '"+batch.RunID+"' not found")
	case run.deleted:
		return refusal(400, invalid, "The run "+batch.RunID+" must be in the 'active' state. Current state is deleted.")
	case len(batch.Metrics)+len(batch.Params)+len(batch.Tags) > 1000 || len(batch.Params) > 100 || len(batch.Tags) > 100:
		return refusal(400, invalid, "A batch logging request can contain at most so many")
	}
	for _, m := range batch.Metrics {
		if strings.Contains(m.Key, "//") {
			return refusal(400, invalid, "Invalid metric name: '"+m.Key+"'. This name would resolve to another")
		}
		if m.Timestamp < 0 {
			return refusal(400, invalid, fmt.Sprintf("Got invalid timestamp %d for metric '%s' (value=%s).", m.Timestamp, m.Key, m.Value))
		}
	}
	for _, p := range batch.Params {
		if value, ok := run.params[p.Key]; ok && value != p.Value {
			return refusal(400, invalid, "Changing param values is not allowed. Param with key='"+p.Key+"' was already logged")
		}
	}
	for _, tag := range batch.Tags {
		if strings.Contains(tag.Key, "//") {
			return refusal(400, invalid, "a tag is not as it must be")
		}
	}
	for _, p := range batch.Params {
		run.params[p.Key] = p.Value
	}
	for _, tag := range batch.Tags {
		run.tags[tag.Key] = tag.Value
	}
	for _, m := range batch.Metrics {
		line := fmt.Sprint(m.Key, " ", m.Step, " ", string(m.Value), " ", m.Timestamp)
		if !slices.Contains(run.metrics, line) {
			run.metrics = append(run.metrics, line)
		}
	}
	return response(200, "{}")
}

func response(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewBufferString(body)),
	}
}

func refusal(status int, code, message string) *http.Response {
	body, err := json.Marshal(map[string]string{"error_code": code, "message": message})
	if err != nil {
		panic(err) // strings can be encoded
	}
	return response(status, string(body))
}

// neverRespond waits until the request's context ends.
func neverRespond(r *http.Request, _ batchRequest) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

var errRefusedConnection = &url.Error{Op: "Post", URL: "http://mlflow.invalid", Err: errors.New("connection refused")}

// steps returns "key 0" to "key n-1".
func steps(key string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprint(key, " ", i)
	}
	return all
}

// logSteps hands over a metric n times.
func logSteps(t *testing.T, b *tracking.Batcher, run, key string, n int) {
	t.Helper()
	for i := range n {
		require.NoError(t, b.LogMetric(t.Context(), run, key, float64(i), tracking.WithStep(int64(i))))
	}
}

// requireClosed closes a batcher that has nothing left to complain about.
func requireClosed(t *testing.T, b *tracking.Batcher) {
	t.Helper()
	require.NoError(t, b.Close(t.Context()))
	assert.Zero(t, b.Stats().Queued)
}

// within returns a context that ends after some time.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// failuresIn returns the failures that an error joins.
func failuresIn(err error) []*tracking.BatchFailure {
	var found []*tracking.BatchFailure
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, each := range joined.Unwrap() {
			found = append(found, failuresIn(each)...)
		}
		return found
	}
	var failure *tracking.BatchFailure
	if errors.As(err, &failure) {
		found = append(found, failure)
	}
	return found
}

// describe returns the keys and steps in failures, sorted.
func describe(failures []*tracking.BatchFailure) []string {
	var all []string
	for _, f := range failures {
		for _, m := range f.Metrics {
			all = append(all, fmt.Sprint(m.Key, " ", m.Step))
		}
		for _, p := range f.Params {
			all = append(all, p.Key)
		}
		all = slices.AppendSeq(all, maps.Keys(f.Tags))
	}
	slices.Sort(all)
	return all
}

var nan = math.NaN()

func mustURL(t *testing.T) *url.URL {
	t.Helper()
	u, err := url.Parse("http://mlflow.invalid")
	require.NoError(t, err)
	return u
}

func asError(t *testing.T, err error) *tracking.Error {
	t.Helper()
	var failure *tracking.Error
	require.ErrorAs(t, err, &failure)
	return failure
}

// withBatchServer are the options of a client that reaches nothing but the server.
func withBatchServer(s *batchServer) []mlflow.Option {
	return []mlflow.Option{
		mlflow.WithTrackingURI("http://mlflow.invalid"), mlflow.WithHTTPClient(&http.Client{Transport: viaBatchServer{s}}),
	}
}
