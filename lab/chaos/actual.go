package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
)

// Actual is what a server has. It is read without the library, which is under test.
type actual struct {
	runs   []actualRun // of one experiment, deleted ones too
	points map[series][]actualPoint
}

type actualRun struct {
	Info struct {
		RunID          string `json:"run_id"`
		Status         string `json:"status"`
		LifecycleStage string `json:"lifecycle_stage"`
	} `json:"info"`
	Data struct {
		Metrics []pair `json:"metrics"`
		Params  []pair `json:"params"`
		Tags    []pair `json:"tags"`
	} `json:"data"`
}

func (r actualRun) active() bool { return r.Info.LifecycleStage == "active" }

// A pair is a param or a tag; of a metric it is the key alone.
type pair struct {
	Key   string          `json:"key"`
	Value json.RawMessage `json:"value"`
}

func (p pair) text() string {
	var text string
	_ = json.Unmarshal(p.Value, &text) // what is no text is not what was sent
	return text
}

type actualPoint struct {
	Value     number `json:"value"`
	Timestamp int64  `json:"timestamp"`
	Step      int64  `json:"step"`
}

// A number may be written as text: "NaN".
type number float64

func (n *number) UnmarshalJSON(text []byte) error {
	value, err := strconv.ParseFloat(string(bytes.Trim(text, `"`)), 64)
	*n = number(value)
	return err
}

// read reads all that a server has of an experiment.
func read(ctx context.Context, server, experimentID string) (*actual, error) {
	a := &actual{points: make(map[series][]actualPoint)}
	for token := ""; ; {
		var page struct {
			Runs          []actualRun `json:"runs"`
			NextPageToken string      `json:"next_page_token"`
		}
		err := call(ctx, http.MethodPost, server+"/api/2.0/mlflow/runs/search", map[string]any{
			"experiment_ids": []string{experimentID}, "run_view_type": "ALL", "max_results": 1000, "page_token": token,
			"order_by": []string{"attributes.start_time ASC"},
		}, &page)
		if err != nil {
			return nil, err
		}
		a.runs = append(a.runs, page.Runs...)
		if token = page.NextPageToken; token == "" {
			break
		}
	}
	for _, run := range a.runs {
		for _, metric := range run.Data.Metrics {
			var history struct {
				Metrics []actualPoint `json:"metrics"`
			}
			query := url.Values{"run_id": {run.Info.RunID}, "metric_key": {metric.Key}, "max_results": {"100000"}}
			err := call(ctx, http.MethodGet, server+"/api/2.0/mlflow/metrics/get-history?"+query.Encode(), nil, &history)
			if err != nil {
				return nil, err
			}
			a.points[series{run.Info.RunID, metric.Key}] = history.Metrics
		}
	}
	return a, nil
}

func call(ctx context.Context, method, address string, content, result any) error {
	body, err := json.Marshal(content)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %s", method, address, response.Status, text)
	}
	return json.Unmarshal(text, result)
}

// same compares two values of a metric. NaN is the same as NaN.
func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }
