package mlflowtest

import "slices"

// logInputs logs datasets. A dataset that the experiment knows stays as it is, and so does an input that the run has.
func (s *store) logInputs(req *request) (any, error) {
	id := req.text("run_id")
	if err := checkRunID(id); err != nil {
		return nil, err
	}
	for _, in := range req.messages("datasets") {
		if err := checkInput(in); err != nil {
			return nil, err
		}
	}
	r, err := s.activeRun(id)
	if err != nil {
		return nil, err
	}
	for _, in := range req.messages("datasets") {
		r.use(in)
	}
	return emptyJSON{}, nil
}

func checkInput(in *message) error {
	d := in.message("dataset")
	for _, each := range []struct {
		name  string
		limit int
	}{
		{"name", maxDatasetName},
		{"digest", maxDatasetDigest},
		{"source", maxDatasetSource},
		{"schema", maxDatasetSchema},
		{"profile", maxDatasetProfile},
	} {
		if err := checkLength(each.name, d.text(each.name), each.limit); err != nil {
			return err
		}
	}
	for _, tag := range in.messages("tags") {
		if err := checkLength("key", tag.text("key"), maxInputTagKey); err != nil {
			return err
		}
		if err := checkLength("value", tag.text("value"), maxInputTagValue); err != nil {
			return err
		}
	}
	return nil
}

// use adds a dataset to what a run has used.
func (r *run) use(in *message) {
	d := in.message("dataset")
	key := datasetKey{d.text("name"), d.text("digest")}
	known, ok := r.experiment.datasets[key]
	if !ok {
		known = &dataset{key, d.text("source_type"), d.text("source"), d.text("schema"), d.text("profile")}
		r.experiment.datasets[key] = known
	}
	if slices.ContainsFunc(r.inputs, func(other *input) bool { return other.dataset == known }) {
		return
	}
	added := &input{dataset: known}
	for _, tag := range in.messages("tags") {
		added.tags = append(added.tags, tagJSON{tag.text("key"), tag.text("value")})
	}
	r.inputs = append(r.inputs, added)
}
