package mlflowtest

import (
	"cmp"
	"math"
	"slices"
)

// A point is one value of a metric. A NaN is kept as 0, and marked.
type point struct {
	timestamp, step int64
	value           float64
	nan             bool
}

// A history holds the points of a metric.
type history struct {
	points []point
	known  map[point]struct{}
	sorted bool // points is in the order of a history
	latest point
}

func newHistory() *history { return &history{known: map[point]struct{}{}, sorted: true} }

// add adds a point that is not there yet.
func (h *history) add(p point) {
	if _, ok := h.known[p]; ok {
		return
	}
	if len(h.points) == 0 || compareRecency(p, h.latest) > 0 {
		h.latest = p
	}
	h.sorted = h.sorted && (len(h.points) == 0 || compareTimes(h.points[len(h.points)-1], p) <= 0)
	h.points = append(h.points, p)
	h.known[p] = struct{}{}
}

// ordered returns the points in the order of a history.
func (h *history) ordered() []point {
	if !h.sorted {
		slices.SortStableFunc(h.points, compareTimes)
		h.sorted = true
	}
	return h.points
}

// compareRecency says which of two points is the latest: by step, whenever it was logged. NaN counts as 0.
func compareRecency(a, b point) int {
	return cmp.Or(cmp.Compare(a.step, b.step), cmp.Compare(a.timestamp, b.timestamp), cmp.Compare(a.value, b.value))
}

func compareTimes(a, b point) int {
	return cmp.Or(cmp.Compare(a.timestamp, b.timestamp), cmp.Compare(a.step, b.step), cmp.Compare(a.value, b.value))
}

// compareSteps is the order of samples.
func compareSteps(a, b point) int {
	return cmp.Or(compareRecency(a, b), compareBools(a.nan, b.nan))
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

type metricsJSON struct {
	Metrics       []metricJSON `json:"metrics,omitempty"`
	NextPageToken string       `json:"next_page_token,omitempty"`
}

// getMetricHistory returns a page of a history. That of a missing run is empty.
func (s *store) getMetricHistory(req *request) (any, error) {
	limit := int64(math.MaxInt32)
	if req.has("max_results") {
		if limit = req.int("max_results"); limit <= 0 {
			return nil, invalid("Invalid value %d for parameter 'max_results' supplied. It must be a positive integer.", limit)
		}
	}
	offset, err := parseToken(req.text("page_token"))
	if err != nil {
		return nil, err
	}
	var points []point
	key := req.text("metric_key")
	if h := s.history(req.runID(), key); h != nil {
		points = h.ordered()
	}
	page, token := cutPage(points, offset, limit)
	result := metricsJSON{NextPageToken: token}
	for _, p := range page {
		result.Metrics = append(result.Metrics, p.json(key))
	}
	return result, nil
}

// history returns the history of a run's metric, nil if there is none.
func (s *store) history(runID, key string) *history {
	r, ok := s.runs[runID]
	if !ok {
		return nil
	}
	return r.metrics.values[key]
}

// sampleMetricHistory returns some points of the histories of several runs.
func (s *store) sampleMetricHistory(req *request) (any, error) {
	first, last, limited, err := readSteps(req)
	if err != nil {
		return nil, err
	}
	size := maxSamples
	if n, ok := req.number("max_results"); ok {
		size = int(n)
	}
	key := req.text("metric_key")
	var result metricsJSON
	for _, id := range req.texts("run_ids") {
		h := s.history(id, key)
		if h == nil {
			continue
		}
		points := slices.Clone(h.points)
		if limited {
			points = slices.DeleteFunc(points, func(p point) bool { return p.step < first || p.step > last })
		}
		slices.SortFunc(points, compareSteps)
		for _, p := range sample(points, size) {
			m := p.json(key)
			m.RunID = id
			result.Metrics = append(result.Metrics, m)
		}
	}
	return result, nil
}

// readSteps reads a range of steps.
func readSteps(req *request) (first, last int64, limited bool, err error) {
	_, hasFirst := req.members.get("start_step")
	_, hasLast := req.members.get("end_step")
	if !hasFirst && !hasLast {
		return 0, 0, false, nil
	}
	if !hasFirst || !hasLast {
		return 0, 0, false, invalid("If either start step or end step are specified, both must be specified.")
	}
	first, firstOK := req.number("start_step")
	last, lastOK := req.number("end_step")
	if !firstOK || !lastOK {
		return 0, 0, false, accident("a step is no 64-bit integer")
	}
	if first > last {
		return 0, 0, false, invalid("end_step must be greater than start_step. Found start_step=%d and end_step=%d.", first, last)
	}
	return first, last, true, nil
}

// number returns a number of a query. A message holds 32 bits of those of a sample, and nothing after one that has more.
func (req *request) number(name string) (int64, bool) {
	value, _ := req.members.get(name)
	text, _ := value.(string)
	return pythonInt(text)
}

// sample returns size points at most: the first of each of as many equal parts, and the last one of all.
func sample(points []point, size int) []point {
	if len(points) <= size {
		return points
	}
	samples := make([]point, 0, size)
	for part := range size {
		// The first parts are larger by one if the points cannot be divided equally.
		whole, rest := len(points)/size, len(points)%size
		samples = append(samples, points[part*whole+min(part, rest)])
	}
	samples[size-1] = points[len(points)-1]
	return samples
}
