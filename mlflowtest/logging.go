package mlflowtest

import "slices"

func (s *store) logMetric(req *request) (any, error) {
	if req.text("model_id") != "" {
		if _, err := s.activeRun(req.runID()); err != nil {
			return nil, err
		}
		return nil, noModel(req.text("model_id"))
	}
	key, p, err := readMetric(req.message)
	if err != nil {
		return nil, err
	}
	r, err := s.activeRun(req.runID())
	if err != nil {
		return nil, err
	}
	r.log(key, p)
	return emptyJSON{}, nil
}

// noModel is the refusal of a metric of a logged model, of which this server has none.
func noModel(id string) error {
	return databaseRefused("The database has no logged model '%s'.", id)
}

// readMetric reads and checks a metric.
func readMetric(m *message) (string, point, error) {
	key, timestamp := m.text("key"), m.int("timestamp")
	if err := checkKey(key); err != nil {
		return "", point{}, err
	}
	if timestamp < 0 {
		return "", point{}, invalid("Invalid value %d for parameter 'timestamp' of metric '%s'. "+
			"Timestamp must be a nonnegative long (64-bit integer).", timestamp, key)
	}
	if err := checkLength("Metric name", key, maxKey); err != nil {
		return "", point{}, err
	}
	value, nan := storedValue(m.double("value"))
	return key, point{timestamp: timestamp, step: m.int("step"), value: value, nan: nan}, nil
}

// log adds a point to the history of a metric.
func (r *run) log(key string, p point) {
	h, ok := r.metrics.get(key)
	if !ok {
		h = newHistory()
		r.metrics.set(key, h)
	}
	h.add(p)
}

func (s *store) logParam(req *request) (any, error) {
	p, err := readParam(req.message)
	if err != nil {
		return nil, err
	}
	r, err := s.activeRun(req.runID())
	if err != nil {
		return nil, err
	}
	if err := r.checkParam(p); err != nil {
		return nil, err
	}
	r.params.set(p.Key, p.Value)
	return emptyJSON{}, nil
}

// readParam reads and checks a param, and cuts its value.
func readParam(m *message) (tagJSON, error) {
	p := tagJSON{m.text("key"), m.text("value")}
	if err := checkKey(p.Key); err != nil {
		return p, err
	}
	p.Value = cut(p.Value, maxParam)
	return p, checkLength("Param key", p.Key, maxKey)
}

// checkParam returns an error if a param has another value.
func (r *run) checkParam(p tagJSON) error {
	if old, ok := r.params.get(p.Key); ok && old != p.Value {
		return invalid("Changing param values is not allowed. Param with key='%s' was already logged with value='%s' "+
			"for run ID='%s'. Attempted logging new value '%s'.", p.Key, old, r.id, p.Value)
	}
	return nil
}

func (s *store) setTag(req *request) (any, error) {
	t, err := readTag(req.message)
	if err != nil {
		return nil, err
	}
	r, err := s.activeRun(req.runID())
	if err != nil {
		return nil, err
	}
	r.tag(t)
	return emptyJSON{}, nil
}

// readTag reads and checks a tag, and cuts its value.
func readTag(m *message) (tagJSON, error) {
	t := tagJSON{m.text("key"), m.text("value")}
	if err := checkKey(t.Key); err != nil {
		return t, err
	}
	t.Value = cut(t.Value, maxTag)
	return t, checkLength("key", t.Key, maxKey)
}

func (r *run) tag(t tagJSON) {
	if t.Key == tagRunName {
		r.rename(t.Value)
		return
	}
	r.tags.set(t.Key, t.Value)
}

func (s *store) deleteTag(req *request) (any, error) {
	r, err := s.activeRun(req.text("run_id"))
	if err != nil {
		return nil, err
	}
	key := req.text("key")
	if !r.tags.remove(key) {
		return nil, missing("No tag with name: %s in run with id %s", key, r.id)
	}
	return emptyJSON{}, nil
}

// logBatch logs params, metrics and tags, in this order. What is wrong in the request itself is found before anything
// is stored.
func (s *store) logBatch(req *request) (any, error) {
	if err := checkRunID(req.text("run_id")); err != nil {
		return nil, err
	}
	b, err := readBatch(req)
	if err != nil {
		return nil, err
	}
	r, err := s.activeRun(req.text("run_id"))
	if err != nil {
		return nil, err
	}
	for _, p := range b.params {
		if err := r.checkParam(p); err != nil {
			return nil, err
		}
	}
	for _, p := range b.params {
		r.params.set(p.Key, p.Value)
	}
	for _, m := range b.metrics {
		r.log(m.key, m.point)
	}
	if b.model != "" {
		return nil, noModel(b.model)
	}
	for _, t := range b.tags {
		r.tag(t)
	}
	return emptyJSON{}, nil
}

// A batch is what a request to log a batch holds.
type batch struct {
	metrics []metric
	params  []tagJSON
	tags    []tagJSON
	model   string // the first model that a metric names
}

type metric struct {
	key string
	point
}

func readBatch(req *request) (batch, error) {
	var b batch
	for _, m := range req.messages("metrics") {
		key, p, err := readMetric(m)
		if err != nil {
			return b, err
		}
		b.metrics = append(b.metrics, metric{key, p})
		if b.model == "" {
			b.model = m.text("model_id")
		}
	}
	for _, m := range req.messages("params") {
		p, err := readParam(m)
		if err != nil {
			return b, err
		}
		b.params = append(b.params, p)
	}
	for _, m := range req.messages("tags") {
		t, err := readTag(m)
		if err != nil {
			return b, err
		}
		b.tags = append(b.tags, t)
	}
	return b, b.check()
}

// check checks how much a batch holds.
func (b batch) check() error {
	all := len(b.metrics) + len(b.params) + len(b.tags)
	for _, part := range []struct {
		name        string
		length, max int
	}{
		{"metrics", len(b.metrics), maxMetrics},
		{"params", len(b.params), maxParamsOrTags},
		{"tags", len(b.tags), maxParamsOrTags},
		{"metrics, params, and tags", all, maxMetrics},
	} {
		if part.length > part.max {
			return invalid("A batch logging request can contain at most %d %s. Got %d %s.", part.max, part.name, part.length, part.name)
		}
	}
	for i, p := range b.params {
		if slices.ContainsFunc(b.params[:i], func(other tagJSON) bool { return other.Key == p.Key }) {
			return invalid("Duplicate parameter keys have been submitted: '%s'.", p.Key)
		}
	}
	return nil
}
