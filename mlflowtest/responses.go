package mlflowtest

import "math"

// The types here are what responses are made of, in MLflow's order. Pointers are for members that a response has or has
// not, whatever their value.

type emptyJSON struct{}

type tagJSON struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

type experimentJSON struct {
	ExperimentID     string    `json:"experiment_id"`
	Name             string    `json:"name"`
	ArtifactLocation string    `json:"artifact_location"`
	LifecycleStage   string    `json:"lifecycle_stage"`
	LastUpdateTime   int64     `json:"last_update_time,omitempty"`
	CreationTime     int64     `json:"creation_time,omitempty"`
	Tags             []tagJSON `json:"tags,omitempty"`
	Workspace        string    `json:"workspace"`
}

type runJSON struct {
	Info    runInfoJSON   `json:"info"`
	Data    runDataJSON   `json:"data"`
	Inputs  runInputsJSON `json:"inputs"`
	Outputs *emptyJSON    `json:"outputs,omitempty"`
}

type runInfoJSON struct {
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

type runDataJSON struct {
	Metrics []metricJSON `json:"metrics,omitempty"`
	Params  []tagJSON    `json:"params,omitempty"`
	Tags    []tagJSON    `json:"tags,omitempty"`
}

type runInputsJSON struct {
	DatasetInputs []datasetInputJSON `json:"dataset_inputs,omitempty"`
}

type datasetInputJSON struct {
	Tags    []tagJSON   `json:"tags,omitempty"`
	Dataset datasetJSON `json:"dataset"`
}

type datasetJSON struct {
	Name       string `json:"name"`
	Digest     string `json:"digest"`
	SourceType string `json:"source_type"`
	Source     string `json:"source"`
	Schema     string `json:"schema,omitempty"`
	Profile    string `json:"profile,omitempty"`
}

type metricJSON struct {
	Key       string `json:"key"`
	Value     any    `json:"value"` // a float64, or "NaN"
	Timestamp int64  `json:"timestamp"`
	Step      int64  `json:"step"`
	RunID     string `json:"run_id,omitempty"` // only in samples
}

func stageOf(deleted bool) string {
	if deleted {
		return "deleted"
	}
	return "active"
}

func (e *experiment) json() experimentJSON {
	return experimentJSON{
		ExperimentID:     formatID(e.id),
		Name:             e.name,
		ArtifactLocation: e.location,
		LifecycleStage:   stageOf(e.deleted),
		LastUpdateTime:   e.updated,
		CreationTime:     e.created,
		Tags:             tagsJSON(e.tags),
		Workspace:        "default",
	}
}

// tagsJSON returns tags or params.
func tagsJSON(tags pairs[string]) []tagJSON {
	list := make([]tagJSON, len(tags.keys))
	for i, key := range tags.keys {
		list[i] = tagJSON{key, tags.values[key]}
	}
	return list
}

func (r *run) infoJSON() runInfoJSON {
	return runInfoJSON{
		RunUUID:        r.id,
		ExperimentID:   formatID(r.experiment.id),
		RunName:        r.name,
		UserID:         r.user,
		Status:         r.status,
		StartTime:      r.start,
		EndTime:        r.end,
		ArtifactURI:    r.uri,
		LifecycleStage: stageOf(r.deleted),
		RunID:          r.id,
	}
}

func (r *run) json() runJSON {
	result := runJSON{
		Info:    r.infoJSON(),
		Data:    runDataJSON{Params: tagsJSON(r.params), Tags: tagsJSON(r.tags)},
		Outputs: &emptyJSON{},
	}
	for _, key := range r.metrics.keys {
		result.Data.Metrics = append(result.Data.Metrics, r.metrics.values[key].latest.json(key))
	}
	for _, in := range r.inputs {
		result.Inputs.DatasetInputs = append(result.Inputs.DatasetInputs, in.json())
	}
	return result
}

func (in *input) json() datasetInputJSON {
	return datasetInputJSON{
		Tags: in.tags,
		Dataset: datasetJSON{
			Name:       in.dataset.name,
			Digest:     in.dataset.digest,
			SourceType: in.dataset.sourceType,
			Source:     in.dataset.source,
			Schema:     in.dataset.schema,
			Profile:    in.dataset.profile,
		},
	}
}

func (p point) json(key string) metricJSON {
	result := metricJSON{Key: key, Value: p.value, Timestamp: p.timestamp, Step: p.step}
	if p.nan {
		result.Value = "NaN"
	}
	return result
}

// storedValue returns what the database keeps of a value: in place of an infinity the largest number, and of NaN a mark.
func storedValue(v float64) (value float64, nan bool) {
	switch {
	case math.IsNaN(v):
		return 0, true
	case math.IsInf(v, 1):
		return math.MaxFloat64, false
	case math.IsInf(v, -1):
		return -math.MaxFloat64, false
	case v == 0:
		return 0, false // SQLite does not keep the sign of -0
	}
	return v, false
}
