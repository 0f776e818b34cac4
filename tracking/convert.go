package tracking

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/mlflow-go/mlflow/gen"
	"github.com/mlflow-go/mlflow/internal/wire"
)

// Conversions between the types of this package and those on the wire. Lists on the way out are never nil, which
// would be null on the wire and a 500 from the server; tags are sorted by key, so that the same call makes the same
// bytes.

// The promised objects that a response can lack.
var (
	errNoExperiment = errors.New("the response holds no experiment")
	errNoRun        = errors.New("the response holds no run")
)

func toExperiment(e *gen.Experiment) (*Experiment, error) {
	if e == nil || e.ExperimentID == "" {
		return nil, errNoExperiment
	}
	return &Experiment{
		ID:               e.ExperimentID,
		Name:             e.Name,
		ArtifactLocation: e.ArtifactLocation,
		LifecycleStage:   LifecycleStage(e.LifecycleStage),
		Tags:             experimentTagMap(e.Tags),
		CreationTime:     fromMillis(e.CreationTime),
		LastUpdateTime:   fromMillis(e.LastUpdateTime),
	}, nil
}

func toExperimentID(a gen.CreateExperimentResult) (string, error) {
	if a.ExperimentID == "" {
		return "", errors.New("the response holds no experiment ID")
	}
	return a.ExperimentID, nil
}

func toExperimentList(a gen.SearchExperimentsResult) (*ExperimentList, error) {
	list := &ExperimentList{Experiments: make([]Experiment, 0, len(a.Experiments)), NextPageToken: a.NextPageToken}
	for i := range a.Experiments {
		e, err := toExperiment(&a.Experiments[i])
		if err != nil {
			return nil, err
		}
		list.Experiments = append(list.Experiments, *e)
	}
	return list, nil
}

func toRun(r *gen.Run) (*Run, error) {
	if r == nil {
		return nil, errNoRun
	}
	info, err := toRunInfo(r.Info)
	if err != nil {
		return nil, err
	}
	return &Run{Info: *info, Data: toRunData(r.Data), Inputs: toRunInputs(r.Inputs)}, nil
}

func toRunInfo(i *gen.RunInfo) (*RunInfo, error) {
	if i == nil || i.RunID == "" {
		return nil, errNoRun
	}
	return &RunInfo{
		RunID:          i.RunID,
		ExperimentID:   i.ExperimentID,
		RunName:        i.RunName,
		UserID:         i.UserID,
		Status:         RunStatus(i.Status),
		StartTime:      fromMillis(i.StartTime),
		EndTime:        fromMillis(i.EndTime),
		ArtifactURI:    i.ArtifactURI,
		LifecycleStage: LifecycleStage(i.LifecycleStage),
	}, nil
}

func toRunData(d *gen.RunData) RunData {
	if d == nil {
		d = &gen.RunData{}
	}
	data := RunData{
		Metrics: toMetrics(d.Metrics),
		Params:  make([]Param, len(d.Params)),
		Tags:    make(map[string]string), // of no size: all tags of a hostile response may have one key
	}
	for i, p := range d.Params {
		data.Params[i] = Param(p)
	}
	for _, tag := range d.Tags {
		data.Tags[tag.Key] = tag.Value
	}
	return data
}

func toRunInputs(i *gen.RunInputs) RunInputs {
	if i == nil {
		i = &gen.RunInputs{}
	}
	inputs := RunInputs{Datasets: make([]DatasetInput, len(i.DatasetInputs))}
	for n, input := range i.DatasetInputs {
		inputs.Datasets[n] = DatasetInput{Dataset: toDataset(input.Dataset), Tags: make(map[string]string)}
		for _, tag := range input.Tags {
			inputs.Datasets[n].Tags[tag.Key] = tag.Value
		}
	}
	return inputs
}

func toDataset(d gen.Dataset) Dataset {
	return Dataset{
		Name: d.Name, Digest: d.Digest, SourceType: d.SourceType, Source: d.Source, Schema: d.Schema, Profile: d.Profile,
	}
}

func toMetrics(metrics []gen.Metric) []Metric {
	list := make([]Metric, len(metrics))
	for i, m := range metrics {
		list[i] = toMetric(m)
	}
	return list
}

func toMetric(m gen.Metric) Metric {
	return Metric{Key: m.Key, Value: float64(m.Value), Timestamp: fromMillis(&m.Timestamp), Step: int64(m.Step)}
}

func toMetricPage(a gen.GetMetricHistoryResult) (metricPage, error) {
	return metricPage{toMetrics(a.Metrics), a.NextPageToken}, nil
}

func toMetricsByRun(a gen.SampleMetricHistoryResult) (map[string][]Metric, error) {
	byRun := make(map[string][]Metric)
	for _, m := range a.Metrics {
		metric := toMetric(gen.Metric{Key: m.Key, Value: m.Value, Timestamp: m.Timestamp, Step: m.Step})
		byRun[m.RunID] = append(byRun[m.RunID], metric)
	}
	return byRun, nil
}

func toRunList(a gen.SearchRunsResult) (*RunList, error) {
	list := &RunList{Runs: make([]Run, 0, len(a.Runs)), NextPageToken: a.NextPageToken}
	for i := range a.Runs {
		r, err := toRun(&a.Runs[i])
		if err != nil {
			return nil, err
		}
		list.Runs = append(list.Runs, *r)
	}
	return list, nil
}

func experimentTagMap(tags []gen.ExperimentTag) map[string]string {
	m := make(map[string]string)
	for _, tag := range tags {
		m[tag.Key] = tag.Value
	}
	return m
}

func experimentTags(tags map[string]string) []gen.ExperimentTag {
	if len(tags) == 0 {
		return []gen.ExperimentTag{}
	}
	list := make([]gen.ExperimentTag, 0, len(tags))
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, gen.ExperimentTag{Key: key, Value: tags[key]})
	}
	return list
}

func runTags(tags map[string]string) []gen.RunTag {
	list := make([]gen.RunTag, 0, len(tags))
	for _, tag := range experimentTags(tags) {
		list = append(list, gen.RunTag(tag))
	}
	return list
}

func fromParams(params []Param) []gen.Param {
	list := make([]gen.Param, len(params))
	for i, p := range params {
		list[i] = gen.Param(p)
	}
	return list
}

func fromDatasetInputs(inputs []DatasetInput) []gen.DatasetInput {
	list := make([]gen.DatasetInput, len(inputs))
	for i, input := range inputs {
		list[i] = gen.DatasetInput{Dataset: fromDataset(input.Dataset), Tags: inputTags(input.Tags)}
	}
	return list
}

func fromDataset(d Dataset) gen.Dataset {
	return gen.Dataset{
		Name: d.Name, Digest: d.Digest, SourceType: d.SourceType, Source: d.Source, Schema: d.Schema, Profile: d.Profile,
	}
}

func inputTags(tags map[string]string) []gen.InputTag {
	list := make([]gen.InputTag, 0, len(tags))
	for _, tag := range experimentTags(tags) {
		list = append(list, gen.InputTag(tag))
	}
	return list
}

// fromMetrics appends metrics to a list.
func fromMetrics(list []gen.Metric, metrics []Metric) []gen.Metric {
	list = slices.Grow(list, len(metrics))
	for _, m := range metrics {
		list = append(list, fromMetric(m))
	}
	return list
}

func fromMetric(m Metric) gen.Metric {
	return gen.Metric{
		Key:       m.Key,
		Value:     wire.Float64(m.Value),
		Timestamp: toMillis(m.Timestamp),
		Step:      wire.Int64(m.Step),
	}
}

// orNow returns t, or now for the zero time.
func orNow(t, now time.Time) time.Time {
	if t.IsZero() {
		return now
	}
	return t
}

// toMillis returns a time as MLflow counts it, in milliseconds since 1970.
func toMillis(t time.Time) wire.Int64 { return wire.Int64(t.UnixMilli()) }

// fromMillis returns the time for a number of milliseconds since 1970, and the zero time for none.
func fromMillis(ms *wire.Int64) time.Time {
	if ms == nil {
		return time.Time{}
	}
	return time.UnixMilli(int64(*ms)).UTC()
}
