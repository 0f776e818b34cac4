package tracking

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Each operation has an option type of its own, so that an option given to the wrong call does not compile. An option
// holds nothing but its setting: it can be kept, and used for any number of calls. Given twice, the later setting
// wins; maps of tags are merged.

// A CreateExperimentOption is an option of [Client.CreateExperiment].
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

// WithArtifactLocation sets the root under which runs of the experiment keep their files. By default the server
// chooses it.
func WithArtifactLocation(uri string) CreateExperimentOption {
	return createExperimentOption(func(s *createExperimentSettings) { s.artifactLocation = uri })
}

// WithExperimentTags tags the experiment. Servers refuse long values: over 5,000 characters before MLflow 3.16, over
// 20,000 since.
func WithExperimentTags(tags map[string]string) CreateExperimentOption {
	tags = maps.Clone(tags)
	return createExperimentOption(func(s *createExperimentSettings) { s.tags = merged(s.tags, tags) })
}

type createRunSettings struct {
	runName        *runName
	startTime      time.Time
	tags           map[string]string
	idempotencyKey *idempotencyKey
}

type createRunOption func(*createRunSettings)

func (o createRunOption) applyToCreateRun(s *createRunSettings) { o(s) }

// WithRunTags tags the run. The tag "mlflow.user" also sets the run's user.
func WithRunTags(tags map[string]string) CreateRunOption {
	tags = maps.Clone(tags)
	return createRunOption(func(s *createRunSettings) { s.tags = merged(s.tags, tags) })
}

// WithStartTime sets when the run started, to the millisecond. The default, and the zero time, is now.
func WithStartTime(t time.Time) CreateRunOption {
	return createRunOption(func(s *createRunSettings) { s.startTime = t })
}

type idempotencyKey string

func (k idempotencyKey) applyToCreateRun(s *createRunSettings) { s.idempotencyKey = &k }

// get returns the key to use, "" for none.
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

// WithIdempotencyKey lets CreateRun repeat a request that may have run. The key, unique to the run and new for each
// call, is stored in the tag "mlflow_go.idempotency_key". Before a repeat the run with the key is searched for, and
// returned if it is there; after a repeat that succeeded it is searched for again, because the lost request may just
// have been slow, and of several runs with the key the one with the smallest ID is kept and the others are deleted.
// Before each search a lost request is given 2 seconds to run.
//
// So one run is left, unless the lost request runs even later, or the search reads from a replica that lags behind. If
// the last look fails, a warning is logged. A call that failed may have left runs, too. Search for the tag to make
// sure, or to find the run again after the program was restarted: a new call of CreateRun does not look for the runs of
// earlier ones before its first request.
func WithIdempotencyKey(key string) CreateRunOption { return idempotencyKey(key) }

type updateRunSettings struct {
	runName *runName
	status  *RunStatus
	endTime time.Time
}

type updateRunOption func(*updateRunSettings)

func (o updateRunOption) applyToUpdateRun(s *updateRunSettings) { o(s) }

// WithStatus sets the run's status. It leaves the end time alone: give [WithEndTime] as well when the run is over.
func WithStatus(status RunStatus) UpdateRunOption {
	return updateRunOption(func(s *updateRunSettings) { s.status = &status })
}

// WithEndTime sets when the run ended, to the millisecond. The zero time sets nothing. To take an end time back, set
// time.UnixMilli(0): servers with an SQL store leave that out of their answers. File stores ignore it.
func WithEndTime(t time.Time) UpdateRunOption {
	return updateRunOption(func(s *updateRunSettings) { s.endTime = t })
}

type runName string

func (n runName) applyToCreateRun(s *createRunSettings) { s.runName = &n }
func (n runName) applyToUpdateRun(s *updateRunSettings) { s.runName = &n }

// get returns the name to send, "" for none. Servers ignore an empty name.
func (n *runName) get(op string) (string, error) {
	if n == nil {
		return "", nil
	}
	return string(*n), require(op, "run name", string(*n))
}

// WithRunName names the run; names need not be unique. A run created without one gets a random name from the server.
// The server keeps the name in the tag "mlflow.runName" as well.
func WithRunName(name string) RunOption { return runName(name) }

type logMetricOption func(*Metric)

func (o logMetricOption) applyToLogMetric(m *Metric) { o(m) }

// WithStep sets the step of the metric's value, 0 by default; it may be negative.
func WithStep(step int64) LogMetricOption {
	return logMetricOption(func(m *Metric) { m.Step = step })
}

// WithTimestamp sets when the metric had its value, to the millisecond. The default, and the zero time, is now.
// Servers refuse times before 1970.
func WithTimestamp(t time.Time) LogMetricOption {
	return logMetricOption(func(m *Metric) { m.Timestamp = t })
}

// defaultMaxResults is how many results a page of a search holds unless the caller says otherwise. Servers have no
// default for experiments (none given is refused) and this one for runs.
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
// "tags.team = 'vision'". The filter is sent as it is. MLflow has no escape for quotes in a quoted value: write
// "it's" in double quotes.
func WithExperimentsFilter(filter string) SearchExperimentsOption {
	return searchExperimentsOption(func(s *searchSettings) { s.filter = filter })
}

// WithExperimentsOrderBy sorts the results by the given fields, such as "name ASC" or "creation_time DESC". Servers
// sort by "creation_time DESC" by default.
func WithExperimentsOrderBy(fields ...string) SearchExperimentsOption {
	fields = slices.Clone(fields)
	return searchExperimentsOption(func(s *searchSettings) { s.orderBy = fields })
}

// WithExperimentsMaxResults sets how many experiments a page holds at most, 1000 by default. Servers take 1 to 50,000.
func WithExperimentsMaxResults(n int) SearchExperimentsOption {
	return searchExperimentsOption(func(s *searchSettings) { s.maxResults = n })
}

// WithExperimentsPageToken asks for the page that an earlier search named in NextPageToken. Give the other options as
// that search had them.
func WithExperimentsPageToken(token string) SearchExperimentsOption {
	return searchExperimentsOption(func(s *searchSettings) { s.pageToken = token })
}

// WithExperimentsViewType says whether to find active experiments (the default), deleted ones, or both.
func WithExperimentsViewType(view ViewType) SearchExperimentsOption {
	return searchExperimentsOption(func(s *searchSettings) { s.viewType = &view })
}

type searchRunsOption func(*searchSettings)

func (o searchRunsOption) applyToSearchRuns(s *searchSettings) { o(s) }

// WithRunsFilter finds only runs that match an MLflow filter, such as "metrics.loss < 0.1 AND params.optimizer =
// 'adam'". The filter is sent as it is. MLflow has no escape for quotes in a quoted value: write "it's" in double
// quotes. Before MLflow 3.17 a NaN metric is compared as if it were 0.
func WithRunsFilter(filter string) SearchRunsOption {
	return searchRunsOption(func(s *searchSettings) { s.filter = filter })
}

// WithRunsOrderBy sorts the results by the given fields, such as "metrics.loss ASC" or "attributes.start_time DESC".
// Servers sort by "attributes.start_time DESC" by default, and put runs whose metric is NaN or missing last.
func WithRunsOrderBy(fields ...string) SearchRunsOption {
	fields = slices.Clone(fields)
	return searchRunsOption(func(s *searchSettings) { s.orderBy = fields })
}

// WithRunsMaxResults sets how many runs a page holds at most, 1000 by default. Servers take 1 to 50,000.
func WithRunsMaxResults(n int) SearchRunsOption {
	return searchRunsOption(func(s *searchSettings) { s.maxResults = n })
}

// WithRunsPageToken asks for the page that an earlier search named in NextPageToken. Give the other options as that
// search had them.
func WithRunsPageToken(token string) SearchRunsOption {
	return searchRunsOption(func(s *searchSettings) { s.pageToken = token })
}

// WithRunsViewType says whether to find active runs (the default), deleted ones, or both.
func WithRunsViewType(view ViewType) SearchRunsOption {
	return searchRunsOption(func(s *searchSettings) { s.viewType = &view })
}

// merged returns the union of two maps in which b wins, and leaves both alone.
func merged(a, b map[string]string) map[string]string {
	union := make(map[string]string, len(a)+len(b))
	maps.Copy(union, a)
	maps.Copy(union, b)
	return union
}
