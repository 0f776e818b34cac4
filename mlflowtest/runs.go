package mlflowtest

import "strings"

type getRunJSON struct {
	Run runJSON `json:"run"`
}

func (s *store) createRun(req *request) (any, error) {
	id := req.text("experiment_id")
	e, err := s.activeExperiment(id)
	if err != nil {
		return nil, err
	}
	r := &run{
		id:         s.newID(),
		experiment: e,
		user:       req.text("user_id"),
		status:     "RUNNING",
		start:      req.int("start_time"),
		tags:       newPairs[string](),
		params:     newPairs[string](),
		metrics:    newPairs[*history](),
	}
	r.uri = appendPath(e.location, r.id+"/artifacts")
	tags := req.messages("tags")
	nameTag := ""
	for _, tag := range tags { // the first one counts
		if tag.text("key") == tagRunName {
			nameTag = tag.text("value")
			break
		}
	}
	name := req.text("run_name")
	switch {
	case name != "" && nameTag != "" && name != nameTag:
		return nil, invalid("Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values "+
			"(run_name='%s', mlflow.runName='%s').", name, nameTag)
	case name != "":
		r.name = name
	case nameTag != "":
		r.name = nameTag
	default:
		r.name = s.newName()
	}
	if id == "" {
		return nil, databaseRefused("The database does not take an empty experiment ID.")
	}
	for _, tag := range tags {
		if err := r.addTag(tag.text("key"), tag.text("value")); err != nil {
			return nil, err
		}
	}
	if nameTag == "" {
		if err := r.addTag(tagRunName, r.name); err != nil {
			return nil, err
		}
	}
	s.runs[r.id] = r
	e.runs = append(e.runs, r)
	result := r.json()
	result.Outputs = nil
	result.Info.ExperimentID = id // as it was sent, such as " 5"
	return getRunJSON{result}, nil
}

// addTag adds a tag to a run that is being created.
func (r *run) addTag(key, value string) error {
	if _, twice := r.tags.get(key); twice {
		return databaseRefused("The database does not take the tag '%s' of a run a second time.", key)
	}
	r.tags.set(key, value)
	return nil
}

// appendPath appends a path to the path of a URI.
func appendPath(uri, path string) string {
	base, query, hasQuery := strings.Cut(uri, "?")
	base = strings.TrimRight(base, "/") + "/" + path
	if hasQuery {
		base += "?" + query
	}
	return base
}

func (s *store) getRun(req *request) (any, error) {
	r, err := s.run(req.runID())
	if err != nil {
		return nil, err
	}
	return getRunJSON{r.json()}, nil
}

func (s *store) updateRun(req *request) (any, error) {
	r, err := s.activeRun(req.runID())
	if err != nil {
		return nil, err
	}
	for name, number := range runStatuses {
		if number == req.enum("status", 0) {
			r.status = name
		}
	}
	if req.has("end_time") {
		r.end, r.hasEnd = req.int("end_time"), true
	}
	r.rename(req.text("run_name"))
	return struct {
		RunInfo runInfoJSON `json:"run_info"`
	}{r.infoJSON()}, nil
}

func (s *store) deleteRun(req *request) (any, error) {
	r, err := s.run(req.text("run_id"))
	if err != nil {
		return nil, err
	}
	r.deleted = true
	return emptyJSON{}, nil
}

func (s *store) restoreRun(req *request) (any, error) {
	r, err := s.run(req.text("run_id"))
	if err != nil {
		return nil, err
	}
	r.deleted = false
	return emptyJSON{}, nil
}
