package mlflowtest

import "net/http"

func (s *store) createExperiment(req *request) (any, error) {
	name, location := req.text("name"), req.text("artifact_location")
	if location != "" {
		if err := checkLocation(location); err != nil {
			return nil, err
		}
	}
	if err := checkExperimentName(name); err != nil {
		return nil, err
	}
	tags := newPairs[string]()
	twice := false
	for _, tag := range req.messages("tags") {
		key, value := tag.text("key"), tag.text("value")
		if err := checkExperimentTag(key, value); err != nil {
			return nil, err
		}
		_, has := tags.get(key)
		twice = twice || has
		tags.set(key, value)
	}
	if _, taken := s.byName[name]; taken || twice {
		// The server takes any error of the database for this one.
		return nil, &failure{http.StatusBadRequest, "RESOURCE_ALREADY_EXISTS", "Experiment(name=" + name + ") already exists."}
	}
	e := &experiment{name: name, location: absolute(location), tags: tags}
	s.add(e)
	return struct {
		ExperimentID string `json:"experiment_id"`
	}{formatID(e.id)}, nil
}

type getExperimentJSON struct {
	Experiment experimentJSON `json:"experiment"`
}

func (s *store) getExperiment(req *request) (any, error) {
	e, err := s.experiment(req.text("experiment_id"))
	if err != nil {
		return nil, err
	}
	return getExperimentJSON{e.json()}, nil
}

func (s *store) getExperimentByName(req *request) (any, error) {
	e, ok := s.byName[req.text("experiment_name")]
	if !ok {
		return nil, missing("Could not find experiment with name '%s'", req.text("experiment_name"))
	}
	return getExperimentJSON{e.json()}, nil
}

func (s *store) updateExperiment(req *request) (any, error) {
	name := req.text("new_name")
	if name == "" { // the message could not be read so far
		return emptyJSON{}, nil
	}
	if err := checkExperimentName(name); err != nil {
		return nil, err
	}
	e, err := s.experiment(req.text("experiment_id"))
	if err != nil {
		return nil, err
	}
	if e.deleted {
		return nil, &failure{http.StatusInternalServerError, "INVALID_STATE", "Cannot rename a non-active experiment."}
	}
	if other, taken := s.byName[name]; taken && other != e {
		return nil, databaseRefused("The database does not take the name '%s' a second time.", name)
	}
	delete(s.byName, e.name)
	s.byName[name] = e
	e.name, e.updated = name, s.stamp()
	return emptyJSON{}, nil
}

func (s *store) deleteExperiment(req *request) (any, error) {
	return s.setDeleted(req.text("experiment_id"), true)
}

func (s *store) restoreExperiment(req *request) (any, error) {
	return s.setDeleted(req.text("experiment_id"), false)
}

// setDeleted deletes or restores an experiment with all its runs.
func (s *store) setDeleted(id string, deleted bool) (any, error) {
	e, err := s.experiment(id)
	if err != nil {
		return nil, err
	}
	if e.deleted == deleted {
		return nil, missing("No Experiment with id=%d exists", e.id)
	}
	if id == "" { // the message could not be read so far, and means the default experiment until its runs are looked for
		return nil, invalid("Invalid experiment ID ''. Experiment ID must be a valid integer.")
	}
	e.deleted, e.updated = deleted, s.stamp()
	for _, r := range e.runs {
		r.deleted = deleted
	}
	return emptyJSON{}, nil
}

func (s *store) setExperimentTag(req *request) (any, error) {
	key, value := req.text("key"), req.text("value")
	if err := checkExperimentTag(key, value); err != nil {
		return nil, err
	}
	e, err := s.activeExperiment(req.text("experiment_id"))
	if err != nil {
		return nil, err
	}
	if req.text("experiment_id") == "" {
		return nil, databaseRefused("The database does not take an empty experiment ID.")
	}
	e.tags.set(key, value)
	return emptyJSON{}, nil
}

func (s *store) deleteExperimentTag(req *request) (any, error) {
	e, err := s.activeExperiment(req.text("experiment_id"))
	if err != nil {
		return nil, err
	}
	if req.text("experiment_id") == "" {
		return nil, invalid("Invalid experiment ID ''. Experiment ID must be a valid integer.")
	}
	key := req.text("key")
	if !e.tags.remove(key) {
		return nil, missing("No tag with name: %s in experiment with id %d", key, e.id)
	}
	return emptyJSON{}, nil
}
