package mlflowtest

import (
	"slices"
	"strings"
)

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
	inputs, err := r.newInputs(req.messages("datasets"))
	if err != nil {
		return nil, err
	}
	for _, in := range inputs {
		r.experiment.datasets[in.dataset.datasetKey] = in.dataset
	}
	r.inputs = append(r.inputs, inputs...)
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

// newInputs returns the inputs that a run does not have yet.
func (r *run) newInputs(messages []*message) ([]*input, error) {
	var inputs []*input
	for _, m := range messages {
		d := m.message("dataset")
		key := datasetKey{d.text("name"), d.text("digest")}
		same := func(other *input) bool { return other.dataset.datasetKey == key }
		if slices.ContainsFunc(r.inputs, same) || slices.ContainsFunc(inputs, same) {
			continue
		}
		known, ok := r.experiment.datasets[key]
		if !ok {
			known = &dataset{key, d.text("source_type"), d.text("source"), d.text("schema"), d.text("profile")}
		}
		tags, err := inputTags(m.messages("tags"))
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, &input{known, tags})
	}
	return inputs, nil
}

// inputTags returns the tags of an input by key.
func inputTags(messages []*message) ([]tagJSON, error) {
	var tags []tagJSON
	for _, m := range messages {
		tags = append(tags, tagJSON{m.text("key"), m.text("value")})
	}
	slices.SortFunc(tags, func(a, b tagJSON) int { return strings.Compare(a.Key, b.Key) })
	for i := range tags {
		if i > 0 && tags[i].Key == tags[i-1].Key {
			return nil, databaseRefused("The database does not take the tag '%s' of an input a second time.", tags[i].Key)
		}
	}
	return tags, nil
}
