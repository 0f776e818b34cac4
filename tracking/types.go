package tracking

import "time"

// An Experiment groups runs under a name that is unique on its server.
type Experiment struct {
	// ID is chosen by the server. It is opaque: most servers count, some don't.
	ID   string
	Name string
	// ArtifactLocation is the root under which runs of the experiment keep their files.
	ArtifactLocation string
	// LifecycleStage tells whether the experiment is deleted. A deleted experiment keeps its name and can be read.
	LifecycleStage LifecycleStage
	Tags           map[string]string
	CreationTime   time.Time
	LastUpdateTime time.Time
}

// A Run is one execution of training or evaluation code: what describes it, and what was logged to it.
type Run struct {
	Info RunInfo
	Data RunData
}

// RunInfo describes a run.
type RunInfo struct {
	RunID        string
	ExperimentID string
	RunName      string
	UserID       string
	Status       RunStatus
	StartTime    time.Time
	// EndTime is zero while no end time is stored. Setting a run back to [RunStatusRunning] keeps the old one.
	EndTime        time.Time
	ArtifactURI    string
	LifecycleStage LifecycleStage
}

// RunData is what was logged to a run.
type RunData struct {
	// Metrics holds the latest value of each metric: the one with the greatest step, then timestamp, then value,
	// whatever was sent last.
	Metrics []Metric
	Params  []Param
	Tags    map[string]string
}

// A Metric is one value of a metric at one point in time and training.
type Metric struct {
	Key string
	// Value may be NaN or infinite. SQL-backed servers store an infinity as ±[math.MaxFloat64].
	Value float64
	// Timestamp has millisecond resolution on the server. When logging, the zero time means now.
	Timestamp time.Time
	// Step is any number that orders the values of a metric, such as an epoch; it may be negative.
	Step int64
}

// A Param is a named input of a run. Once logged, its value cannot change.
type Param struct {
	Key   string
	Value string
}

// An ExperimentList is one page of found experiments.
type ExperimentList struct {
	Experiments []Experiment
	// NextPageToken asks for the next page through [WithExperimentsPageToken]; it is empty on the last page.
	NextPageToken string
}

// A RunList is one page of found runs.
type RunList struct {
	Runs []Run
	// NextPageToken asks for the next page through [WithRunsPageToken]; it is empty on the last page.
	NextPageToken string
}
