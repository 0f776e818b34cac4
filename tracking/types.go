package tracking

import (
	"slices"
	"time"
)

// An Experiment groups runs under a name that is unique on its server.
type Experiment struct {
	// ID is chosen by the server. Treat it as opaque: on most servers it is a small number, but not on all.
	ID   string
	Name string
	// ArtifactLocation is the URI below which the experiment's runs store their artifacts.
	ArtifactLocation string
	// LifecycleStage says whether the experiment is deleted. A deleted experiment keeps its name and can still be read.
	LifecycleStage LifecycleStage
	Tags           map[string]string
	CreationTime   time.Time
	LastUpdateTime time.Time
}

// A Run is one execution of training or evaluation code: its description, the data that was logged to it, and the
// datasets that it has used.
type Run struct {
	Info   RunInfo
	Data   RunData
	Inputs RunInputs
}

// RunInfo describes a run.
type RunInfo struct {
	RunID        string
	ExperimentID string
	RunName      string
	UserID       string
	Status       RunStatus
	StartTime    time.Time
	// EndTime is zero if no end time is stored. Setting a run back to [RunStatusRunning] does not remove its end time.
	EndTime        time.Time
	ArtifactURI    string
	LifecycleStage LifecycleStage
}

// RunData holds the data that was logged to a run.
type RunData struct {
	// Metrics holds the latest value of each metric. The latest is the one with the greatest step, then timestamp, then
	// value, which need not be the one that was logged last.
	Metrics []Metric
	Params  []Param
	Tags    map[string]string
}

// Metric returns the latest value of the metric with the given key, and whether there is one.
func (d RunData) Metric(key string) (Metric, bool) {
	i := slices.IndexFunc(d.Metrics, func(m Metric) bool { return m.Key == key })
	if i < 0 {
		return Metric{}, false
	}
	return d.Metrics[i], true
}

// Param returns the value of the param with the given key, and whether there is one.
func (d RunData) Param(key string) (string, bool) {
	i := slices.IndexFunc(d.Params, func(p Param) bool { return p.Key == key })
	if i < 0 {
		return "", false
	}
	return d.Params[i].Value, true
}

// RunInputs holds what a run has used.
type RunInputs struct {
	Datasets []DatasetInput
}

// A DatasetInput is a dataset that a run has used, with tags that say for what. MLflow's web page shows the value of
// "mlflow.data.context", such as "training", beside the dataset.
type DatasetInput struct {
	Dataset Dataset
	Tags    map[string]string
}

// A Dataset describes data that is kept elsewhere. Name and digest tell it from the other datasets of an experiment.
type Dataset struct {
	Name string
	// Digest tells versions of the dataset apart, such as the hash of its content. It has at most 36 characters.
	Digest string
	// SourceType says what Source is, such as "s3", "http" or "local".
	SourceType string
	// Source says where the data is. Python's client writes JSON, such as {"uri": "s3://bucket/iris.csv"}.
	Source string
	// Schema says what the data consists of, and Profile sums it up. Both are optional, and JSON if Python's client is to
	// read them.
	Schema  string
	Profile string
}

// A Metric is one value of a metric at one point in time and training.
type Metric struct {
	Key string
	// Value may be NaN or infinite. Servers with an SQL store keep an infinity as plus or minus [math.MaxFloat64].
	Value float64
	// Timestamp has millisecond resolution on the server. When logging, the zero time stands for the current time.
	Timestamp time.Time
	// Step orders the values of a metric, such as the number of an epoch. It may be negative.
	Step int64
}

// A Param is a named input of a run. Once logged, its value cannot change.
type Param struct {
	Key   string
	Value string
}

// An ExperimentList is one page of the experiments that a search found.
type ExperimentList struct {
	Experiments []Experiment
	// NextPageToken is the token of the next page, for [WithExperimentsPageToken]. It is empty on the last page.
	NextPageToken string
}

// A RunList is one page of the runs that a search found.
type RunList struct {
	Runs []Run
	// NextPageToken is the token of the next page, for [WithRunsPageToken]. It is empty on the last page.
	NextPageToken string
}
