package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// timeLimit is the library's own for a request.
const timeLimit = 120 * time.Second

// A plain client is what a Go programmer writes by hand in an hour.
type plain struct {
	http *http.Client
	uri  string
}

type (
	plainMetric struct {
		Key       string  `json:"key"`
		Value     float64 `json:"value"`
		Timestamp int64   `json:"timestamp"`
		Step      int64   `json:"step"`
	}
	plainPair struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	}
	plainRun struct {
		Info plainInfo `json:"info"`
		Data plainData `json:"data"`
	}
	plainInfo struct {
		RunUUID        string `json:"run_uuid"`
		ExperimentID   string `json:"experiment_id"`
		RunName        string `json:"run_name"`
		UserID         string `json:"user_id"`
		Status         string `json:"status"`
		StartTime      int64  `json:"start_time"`
		EndTime        int64  `json:"end_time,omitempty"`
		ArtifactURI    string `json:"artifact_uri"`
		LifecycleStage string `json:"lifecycle_stage"`
		RunID          string `json:"run_id"`
	}
	plainData struct {
		Metrics []plainMetric `json:"metrics,omitempty"`
		Params  []plainPair   `json:"params,omitempty"`
		Tags    []plainPair   `json:"tags,omitempty"`
	}
)

// Requests and responses.
type (
	plainLogMetric struct {
		RunID string `json:"run_id"`
		plainMetric
	}
	plainLogBatch struct {
		RunID   string        `json:"run_id"`
		Metrics []plainMetric `json:"metrics"`
	}
	plainCreateRun struct {
		ExperimentID string      `json:"experiment_id"`
		UserID       string      `json:"user_id"`
		RunName      string      `json:"run_name"`
		StartTime    int64       `json:"start_time"`
		Tags         []plainPair `json:"tags"`
	}
	plainOneRun struct {
		Run plainRun `json:"run"`
	}
	plainSearchRuns struct {
		ExperimentIDs []string `json:"experiment_ids"`
		MaxResults    int      `json:"max_results"`
		PageToken     string   `json:"page_token,omitempty"`
	}
	plainRuns struct {
		Runs          []plainRun `json:"runs"`
		NextPageToken string     `json:"next_page_token,omitempty"`
	}
	plainHistory struct {
		Metrics       []plainMetric `json:"metrics"`
		NextPageToken string        `json:"next_page_token,omitempty"`
	}
)

func (p *plain) logMetric(ctx context.Context, m plainMetric) error {
	return p.post(ctx, "runs/log-metric", plainLogMetric{runID, m}, nil)
}

func (p *plain) logBatch(ctx context.Context, metrics []plainMetric) error {
	for len(metrics) > 0 {
		n := min(1000, len(metrics))
		if err := p.post(ctx, "runs/log-batch", plainLogBatch{runID, metrics[:n]}, nil); err != nil {
			return err
		}
		metrics = metrics[n:]
	}
	return nil
}

func (p *plain) createRun(ctx context.Context, name string, tags []plainPair) (plainRun, error) {
	var response plainOneRun
	err := p.post(ctx, "runs/create", plainCreateRun{"7", "ada", name, time.Now().UnixMilli(), tags}, &response)
	return response.Run, err
}

func (p *plain) getRun(ctx context.Context) (plainRun, error) {
	var response plainOneRun
	err := p.get(ctx, "runs/get", url.Values{"run_id": {runID}}, &response)
	return response.Run, err
}

// searchRuns calls use with each run of a page, and returns the token of the next page.
func (p *plain) searchRuns(ctx context.Context, size int, token string, use func(plainRun)) (string, error) {
	var response plainRuns
	err := p.post(ctx, "runs/search", plainSearchRuns{[]string{"7"}, size, token}, &response)
	for _, run := range response.Runs {
		use(run)
	}
	return response.NextPageToken, err
}

// history calls use with each metric of a page, and returns the token of the next page.
func (p *plain) history(ctx context.Context, token string, use func(plainMetric)) (string, error) {
	query := url.Values{"run_id": {runID}, "metric_key": {"loss"}, "max_results": {"25000"}}
	if token != "" {
		query.Set("page_token", token)
	}
	var response plainHistory
	err := p.get(ctx, "metrics/get-history", query, &response)
	for _, metric := range response.Metrics {
		use(metric)
	}
	return response.NextPageToken, err
}

// allPages calls fetch with the token of each page.
func allPages(fetch func(token string) (next string, err error)) error {
	for token := ""; ; {
		next, err := fetch(token)
		if err != nil || next == "" {
			return err
		}
		token = next
	}
}

const api = "/api/2.0/mlflow/"

func (p *plain) get(ctx context.Context, path string, query url.Values, response any) error {
	return p.send(ctx, http.MethodGet, p.uri+api+path+"?"+query.Encode(), nil, response)
}

func (p *plain) post(ctx context.Context, path string, request, response any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	return p.send(ctx, http.MethodPost, p.uri+api+path, body, response)
}

// send reads the response into a pointer to a struct, or throws it away if that is nil.
func (p *plain) send(ctx context.Context, method, uri string, body []byte, response any) error {
	ctx, cancel := context.WithTimeout(ctx, timeLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, uri, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	r, err := p.http.Do(request)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", uri, r.Status)
	}
	if response != nil {
		if err := json.NewDecoder(r.Body).Decode(response); err != nil {
			return err
		}
	}
	_, err = io.Copy(io.Discard, r.Body) // else the connection is not used again
	return err
}
