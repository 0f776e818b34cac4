package tracking

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Each operation has its own option type, so that passing an option to the wrong method does not compile. An option
// holds nothing but its setting, so it can be reused for any number of calls. If an option is given twice, the later
// one wins, except that maps of tags are merged.

// A CreateExperimentOption is an option of [Client.CreateExperiment] and [Client.GetOrCreateExperiment].
type CreateExperimentOption interface {
	applyToCreateExperiment(*createExperimentSettings)
}

// A SearchExperimentsOption is an option of [Client.SearchExperiments].
type SearchExperimentsOption interface {
	applyToSearchExperiments(*searchSettings)
}

// A CreateRunOption is an option of [Client.CreateRun].
type CreateRunOption interface{ applyToCreateRun(*createRunSettings) }

// An UpdateRunOption is an option of [Client.UpdateRun].
type UpdateRunOption interface{ applyToUpdateRun(*updateRunSettings) }

// A RunOption is an option of both [Client.CreateRun] and [Client.UpdateRun].
type RunOption interface {
	CreateRunOption
	UpdateRunOption
}

// A SetTerminatedOption is an option of [Client.SetTerminated].
type SetTerminatedOption interface {
	applyToSetTerminated(*updateRunSettings)
}

// An EndTimeOption is an option of both [Client.UpdateRun] and [Client.SetTerminated].
type EndTimeOption interface {
	UpdateRunOption
	SetTerminatedOption
}

// A SearchRunsOption is an option of [Client.SearchRuns].
type SearchRunsOption interface{ applyToSearchRuns(*searchSettings) }

// A LogMetricOption is an option of [Client.LogMetric].
type LogMetricOption interface{ applyToLogMetric(*Metric) }

type createExperimentSettings struct {
	artifactLocation string
	tags             map[string]string
}

type createExperimentOption func(*createExperimentSettings)

func (o createExperimentOption) applyToCreateExperiment(s *createExperimentSettings) { o(s) }

// WithArtifactLocation sets the URI below which the experiment's runs store their artifacts. By default the server
// chooses it.
func WithArtifactLocation(uri string) CreateExperimentOption {
	return createExperimentOption(func(s *createExperimentSettings) { s.artifactLocation = uri })
}

// WithExperimentTags sets tags of the new experiment. Servers refuse values of more than 20,000 characters; before
// MLflow 3.16 the limit was 5,000.
func WithExperimentTags(tags map[string]string) CreateExperimentOption {
	tags = maps.Clone(tags)
	return createExperimentOption(func(s *createExperimentSettings) { s.tags = merged(s.tags, tags) })
}

type createRunSettings struct {
	runName        *runName
	startTime      time.Time
	tags           map[string]string
	parentRun      *parentRun
	idempotencyKey *idempotencyKey
}

type createRunOption func(*createRunSettings)

func (o createRunOption) applyToCreateRun(s *createRunSettings) { o(s) }

// WithRunTags sets tags of the new run. The tag [TagUser] also sets the run's user.
func WithRunTags(tags map[string]string) CreateRunOption {
	tags = maps.Clone(tags)
	return createRunOption(func(s *createRunSettings) { s.tags = merged(s.tags, tags) })
}

// WithStartTime sets the time at which the run started, in milliseconds on the server. The default is the current time,
// which the zero time stands for as well.
func WithStartTime(t time.Time) CreateRunOption {
	return createRunOption(func(s *createRunSettings) { s.startTime = t })
}

type parentRun string

func (p parentRun) applyToCreateRun(s *createRunSettings) {
	s.parentRun = &p
	s.tags = merged(s.tags, map[string]string{TagParentRunID: string(p)})
}

// check refuses an empty ID, which would make a child of no run.
func (p *parentRun) check(op string) error {
	if p == nil {
		return nil
	}
	return require(op, "parent run ID", string(*p))
}

// WithParentRun makes the new run a child of another one, and MLflow's web page shows it below that. It sets the tag
// [TagParentRunID], by which a search finds all children:
//
//	tracking.WithRunsFilter("tags." + tracking.TagParentRunID + " = '" + parentID + "'")
//
// Servers don't check whether there is such a run, and neither end nor delete children with their parent.
func WithParentRun(runID string) CreateRunOption { return parentRun(runID) }

type idempotencyKey string

func (k idempotencyKey) applyToCreateRun(s *createRunSettings) { s.idempotencyKey = &k }

// get returns the key to use, or "" if none was given.
func (k *idempotencyKey) get(op string) (string, error) {
	if k == nil {
		return "", nil
	}
	key := string(*k)
	if strings.Contains(key, "'") && strings.Contains(key, `"`) {
		return "", invalid(op, "the idempotency key has both kinds of quotes, for which MLflow's filters have no escape")
	}
	return key, require(op, "idempotency key", key)
}

// WithIdempotencyKey makes CreateRun create one run for the key, however often it is called and whatever gets lost. The
// key must be unique to the run. It is stored in the tag "mlflow_go.idempotency_key".
//
//   - First, CreateRun searches the experiment for an active run with the key. If there is one, CreateRun returns it as
//     it is, whatever the other options say, so that a program that was restarted finds its run again. It marks the run
//     with the tag "mlflow_go.idempotency_used_by". If several runs have the key, the one with the smallest ID is
//     returned, so that later callers choose the same one.
//   - Otherwise CreateRun creates the run, and retries the request even if it may have run. Before such a retry it waits
//     2 seconds and searches again. If the lost request has created the run, that run is returned.
//   - After a retry it waits and searches once more, because the lost request may just have been slow. It deletes what
//     that request has created, unless somebody uses it. To be sure, it first sets the tag
//     "mlflow_go.idempotency_deleted_by", after which no other call begins to use the run.
//
// CreateRun deletes only runs that this very call has created: they have its nonce in the tag
// "mlflow_go.idempotency_nonce". It compares the tags of what a search returns, in case the server ignores the filter.
// If it may not delete a run, or cannot search again, it logs a warning and returns the run that it has.
//
// There can be two runs with a key if two calls overlap, if a lost request runs later than the last search, or if the
// search reads from a replica that lags behind. Each call returns a run that no other call deletes. A call that fails
// may have left a run; the next call with the key returns it.
func WithIdempotencyKey(key string) CreateRunOption { return idempotencyKey(key) }

type updateRunSettings struct {
	runName *runName
	status  *RunStatus
	endTime time.Time
}

type updateRunOption func(*updateRunSettings)

func (o updateRunOption) applyToUpdateRun(s *updateRunSettings) { o(s) }

// WithStatus sets the run's status. It does not change the end time: when the run is over, use
// [Client.SetTerminated], which sets both.
func WithStatus(status RunStatus) UpdateRunOption {
	return updateRunOption(func(s *updateRunSettings) { s.status = &status })
}

type endTime time.Time

func (t endTime) applyToUpdateRun(s *updateRunSettings)     { s.endTime = time.Time(t) }
func (t endTime) applyToSetTerminated(s *updateRunSettings) { s.endTime = time.Time(t) }

// WithEndTime sets the time at which the run ended, in milliseconds on the server. The zero time stands for the current
// time in SetTerminated, and sets nothing in UpdateRun. To remove an end time, set time.UnixMilli(0): servers with an SQL
// store then return the run without an end time. File stores ignore it.
func WithEndTime(t time.Time) EndTimeOption { return endTime(t) }

type runName string

func (n runName) applyToCreateRun(s *createRunSettings) { s.runName = &n }
func (n runName) applyToUpdateRun(s *updateRunSettings) { s.runName = &n }

// get returns the name to send, or "" if none was given. It refuses an empty name, which servers would ignore.
func (n *runName) get(op string) (string, error) {
	if n == nil {
		return "", nil
	}
	return string(*n), require(op, "run name", string(*n))
}

// WithRunName sets the name of the run. Names need not be unique. The server chooses a random name for a run that is
// created without one. It also stores the name in the tag [TagRunName].
func WithRunName(name string) RunOption { return runName(name) }

type logMetricOption func(*Metric)

func (o logMetricOption) applyToLogMetric(m *Metric) { o(m) }

// WithStep sets the step of the metric's value. The default is 0, and steps may be negative.
func WithStep(step int64) LogMetricOption {
	return logMetricOption(func(m *Metric) { m.Step = step })
}

// WithTimestamp sets the time at which the metric had its value, in milliseconds on the server. The default is the
// current time, which the zero time stands for as well. Servers refuse times before 1970.
func WithTimestamp(t time.Time) LogMetricOption {
	return logMetricOption(func(m *Metric) { m.Timestamp = t })
}

// defaultMaxResults is the page size of a search unless the caller sets another. Servers have the same default for
// runs, but none for experiments: they refuse a search for experiments without a page size.
const defaultMaxResults = 1000

type searchSettings struct {
	filter     string
	orderBy    []string
	maxResults int
	pageToken  string
	viewType   *ViewType
}

type searchExperimentsOption func(*searchSettings)

func (o searchExperimentsOption) applyToSearchExperiments(s *searchSettings) { o(s) }

// WithExperimentsFilter finds only experiments that match an MLflow filter, such as "name LIKE 'mnist%'" or
// "tags.team = 'vision'". The filter is sent unchanged. MLflow's filters cannot escape a quote inside a quoted value:
// write "it's" in double quotes.
func WithExperimentsFilter(filter string) SearchExperimentsOption {
	return searchExperimentsOption(func(s *searchSettings) { s.filter = filter })
}

// WithExperimentsOrderBy sorts the results by the given fields, such as "name ASC" or "creation_time DESC". The
// servers' default is "creation_time DESC".
func WithExperimentsOrderBy(fields ...string) SearchExperimentsOption {
	fields = slices.Clone(fields)
	return searchExperimentsOption(func(s *searchSettings) { s.orderBy = fields })
}

// WithExperimentsMaxResults limits the number of experiments in a page. The default is 1000. Servers accept 1 to
// 50,000.
func WithExperimentsMaxResults(n int) SearchExperimentsOption {
	return searchExperimentsOption(func(s *searchSettings) { s.maxResults = n })
}

// WithExperimentsPageToken requests the page whose token an earlier search returned in NextPageToken. The other options
// must be the same as for that search.
func WithExperimentsPageToken(token string) SearchExperimentsOption {
	return searchExperimentsOption(func(s *searchSettings) { s.pageToken = token })
}

// WithExperimentsViewType sets whether to find active experiments (the default), deleted ones, or both.
func WithExperimentsViewType(view ViewType) SearchExperimentsOption {
	return searchExperimentsOption(func(s *searchSettings) { s.viewType = &view })
}

type searchRunsOption func(*searchSettings)

func (o searchRunsOption) applyToSearchRuns(s *searchSettings) { o(s) }

// WithRunsFilter finds only runs that match an MLflow filter, such as "metrics.loss < 0.1 AND params.optimizer =
// 'adam'". The filter is sent unchanged. MLflow's filters cannot escape a quote inside a quoted value: write "it's" in
// double quotes. Before MLflow 3.17 servers compare a NaN metric as if it were 0.
func WithRunsFilter(filter string) SearchRunsOption {
	return searchRunsOption(func(s *searchSettings) { s.filter = filter })
}

// WithRunsOrderBy sorts the results by the given fields, such as "metrics.loss ASC" or "attributes.start_time DESC".
// The servers' default is "attributes.start_time DESC". Runs whose metric is NaN or missing come last.
func WithRunsOrderBy(fields ...string) SearchRunsOption {
	fields = slices.Clone(fields)
	return searchRunsOption(func(s *searchSettings) { s.orderBy = fields })
}

// WithRunsMaxResults limits the number of runs in a page. The default is 1000. Servers accept 1 to 50,000.
func WithRunsMaxResults(n int) SearchRunsOption {
	return searchRunsOption(func(s *searchSettings) { s.maxResults = n })
}

// WithRunsPageToken requests the page whose token an earlier search returned in NextPageToken. The other options must
// be the same as for that search.
func WithRunsPageToken(token string) SearchRunsOption {
	return searchRunsOption(func(s *searchSettings) { s.pageToken = token })
}

// WithRunsViewType sets whether to find active runs (the default), deleted ones, or both.
func WithRunsViewType(view ViewType) SearchRunsOption {
	return searchRunsOption(func(s *searchSettings) { s.viewType = &view })
}

// merged returns the union of two maps, in which the values of b win. It changes neither.
func merged(a, b map[string]string) map[string]string {
	union := make(map[string]string, len(a)+len(b))
	maps.Copy(union, a)
	maps.Copy(union, b)
	return union
}

// A MetricHistoryOption is an option of [Client.GetMetricHistory] and [Client.AllMetrics].
type MetricHistoryOption interface {
	applyToMetricHistory(*metricHistorySettings)
}

type metricHistorySettings struct{ pageSize int }

type historyPageSize int

func (n historyPageSize) applyToMetricHistory(s *metricHistorySettings) { s.pageSize = int(n) }

// WithHistoryPageSize sets how many values of a metric are requested at once. The default is 25,000; 0, a negative
// number, and one that an int32 cannot hold are refused with [ErrInvalidArgument]. It does not limit how many there are
// in all. MLflow before 3.1.1 ignores it.
func WithHistoryPageSize(n int) MetricHistoryOption { return historyPageSize(n) }

// A SampleOption is an option of [Client.SampleMetricHistory].
type SampleOption interface{ applyToSample(*sampleSettings) }

type sampleSettings struct {
	first, last *int64
	maxPoints   *int
}

type sampleOption func(*sampleSettings)

func (o sampleOption) applyToSample(s *sampleSettings) { o(s) }

// WithStepRange leaves out the values at steps before the first and after the last. MLflow 2.11, and no other release,
// goes through all numbers of the range, and ends a request that takes more than 30 seconds: give it no range of more than
// some millions of steps.
func WithStepRange(first, last int64) SampleOption {
	return sampleOption(func(s *sampleSettings) { s.first, s.last = &first, &last })
}

// WithMaxPoints sets how many values of each run to return. The default is 2500, which is also the most that servers
// accept; numbers below 1 are refused before anything is sent.
func WithMaxPoints(n int) SampleOption {
	return sampleOption(func(s *sampleSettings) { s.maxPoints = &n })
}
