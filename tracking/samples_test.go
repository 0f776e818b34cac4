package tracking_test

import (
	"context"
	"math"
	"time"

	"github.com/mlflow-go/mlflow/tracking"
)

// What the tests need to know of each method stands here: what it sends, and a use that is sent twice to a real server.

// An operation is a use of one of the methods, what it must send, and the smallest response that holds what it promises.
type operation struct {
	name  string
	use   func(ctx context.Context, c *tracking.Client) error
	route string // method and path below the tracking URI
	query string
	body  string
	reply string
}

// operations holds one use of each method with all its options, and another with none where that differs.
var operations = []operation{
	{
		name: "CreateExperiment",
		use: func(ctx context.Context, c *tracking.Client) error {
			_, err := c.CreateExperiment(ctx, "iris")
			return err
		},
		route: "POST /api/2.0/mlflow/experiments/create",
		body:  `{"name":"iris"}`,
		reply: `{"experiment_id": "7"}`,
	},
	{
		name: "CreateExperiment",
		use: func(ctx context.Context, c *tracking.Client) error {
			_, err := c.CreateExperiment(ctx, "iris", tracking.WithArtifactLocation("s3://bucket"),
				tracking.WithExperimentTags(map[string]string{"z": "last", "a": "", "m": "<&>"}))
			return err
		},
		route: "POST /api/2.0/mlflow/experiments/create",
		body:  `{"artifact_location":"s3://bucket","name":"iris","tags":[{"key":"a","value":""},{"key":"m","value":"\u003c\u0026\u003e"},{"key":"z","value":"last"}]}`,
		reply: `{"experiment_id": "7"}`,
	},
	{
		name: "GetExperiment",
		use: func(ctx context.Context, c *tracking.Client) error {
			_, err := c.GetExperiment(ctx, "7")
			return err
		},
		route: "GET /api/2.0/mlflow/experiments/get",
		query: "experiment_id=7",
		reply: experimentJSON,
	},
	{
		name: "GetExperimentByName",
		use: func(ctx context.Context, c *tracking.Client) error {
			_, err := c.GetExperimentByName(ctx, "a b/c+d&e=ü")
			return err
		},
		route: "GET /api/2.0/mlflow/experiments/get-by-name",
		query: "experiment_name=a+b%2Fc%2Bd%26e%3D%C3%BC",
		reply: experimentJSON,
	},
	{
		name: "UpdateExperiment",
		use: func(ctx context.Context, c *tracking.Client) error {
			return c.UpdateExperiment(ctx, "7", "renamed")
		},
		route: "POST /api/2.0/mlflow/experiments/update",
		body:  `{"experiment_id":"7","new_name":"renamed"}`,
		reply: `{}`,
	},
	{
		name:  "DeleteExperiment",
		use:   func(ctx context.Context, c *tracking.Client) error { return c.DeleteExperiment(ctx, "7") },
		route: "POST /api/2.0/mlflow/experiments/delete",
		body:  `{"experiment_id":"7"}`,
		reply: `{}`,
	},
	{
		name:  "RestoreExperiment",
		use:   func(ctx context.Context, c *tracking.Client) error { return c.RestoreExperiment(ctx, "7") },
		route: "POST /api/2.0/mlflow/experiments/restore",
		body:  `{"experiment_id":"7"}`,
		reply: `{}`,
	},
	{
		name: "SearchExperiments",
		use: func(ctx context.Context, c *tracking.Client) error {
			_, err := c.SearchExperiments(ctx)
			return err
		},
		route: "POST /api/2.0/mlflow/experiments/search",
		body:  `{"max_results":1000}`,
		reply: `{}`,
	},
	{
		name: "SearchExperiments",
		use: func(ctx context.Context, c *tracking.Client) error {
			_, err := c.SearchExperiments(ctx, tracking.WithExperimentsFilter("name = 'a'"),
				tracking.WithExperimentsOrderBy("name ASC", "creation_time DESC"), tracking.WithExperimentsMaxResults(0),
				tracking.WithExperimentsPageToken("next"), tracking.WithExperimentsViewType(tracking.ViewTypeAll))
			return err
		},
		route: "POST /api/2.0/mlflow/experiments/search",
		body:  `{"filter":"name = 'a'","max_results":0,"order_by":["name ASC","creation_time DESC"],"page_token":"next","view_type":"ALL"}`,
		reply: `{}`,
	},
	{
		name: "SetExperimentTag",
		use: func(ctx context.Context, c *tracking.Client) error {
			return c.SetExperimentTag(ctx, "7", "key", "")
		},
		route: "POST /api/2.0/mlflow/experiments/set-experiment-tag",
		body:  `{"experiment_id":"7","key":"key","value":""}`,
		reply: `{}`,
	},
	{
		name: "DeleteExperimentTag",
		use: func(ctx context.Context, c *tracking.Client) error {
			return c.DeleteExperimentTag(ctx, "7", "key")
		},
		route: "POST /api/2.0/mlflow/experiments/delete-experiment-tag",
		body:  `{"experiment_id":"7","key":"key"}`,
		reply: `{}`,
	},
	{
		name: "CreateRun",
		use: func(ctx context.Context, c *tracking.Client) error {
			_, err := c.CreateRun(ctx, "7", tracking.WithRunName("first"), tracking.WithStartTime(epoch2024),
				tracking.WithRunTags(map[string]string{"mlflow.user": "ada", "b": "", "a": "1"}))
			return err
		},
		route: "POST /api/2.0/mlflow/runs/create",
		body:  `{"experiment_id":"7","run_name":"first","start_time":1704067200123,"tags":[{"key":"a","value":"1"},{"key":"b","value":""},{"key":"mlflow.user","value":"ada"}],"user_id":"ada"}`,
		reply: namedRunJSON,
	},
	{
		name: "CreateRun",
		use: func(ctx context.Context, c *tracking.Client) error {
			_, err := c.CreateRun(ctx, "7", tracking.WithStartTime(time.UnixMilli(0)), tracking.WithParentRun("lost"),
				tracking.WithRunTags(map[string]string{"a": "1"}), tracking.WithParentRun("r0"))
			return err
		},
		route: "POST /api/2.0/mlflow/runs/create",
		body:  `{"experiment_id":"7","start_time":0,"tags":[{"key":"a","value":"1"},{"key":"mlflow.parentRunId","value":"r0"}],"user_id":"unknown"}`,
		reply: `{"run": {"info": {"run_id": "r1", "experiment_id": "7"}, "data": {"tags": [{"key": "a", "value": "1"}, {"key": "mlflow.parentRunId", "value": "r0"}]}}}`,
	},
	{
		name: "CreateRun",
		use: func(ctx context.Context, c *tracking.Client) error {
			_, err := c.CreateRun(ctx, "7", tracking.WithStartTime(time.UnixMilli(-1)))
			return err
		},
		route: "POST /api/2.0/mlflow/runs/create",
		body:  `{"experiment_id":"7","start_time":-1,"user_id":"unknown"}`,
		reply: runJSON,
	},
	{
		name: "GetRun",
		use: func(ctx context.Context, c *tracking.Client) error {
			_, err := c.GetRun(ctx, "r1")
			return err
		},
		route: "GET /api/2.0/mlflow/runs/get",
		query: "run_id=r1",
		reply: runJSON,
	},
	{
		name: "UpdateRun",
		use: func(ctx context.Context, c *tracking.Client) error {
			_, err := c.UpdateRun(ctx, "r1")
			return err
		},
		route: "POST /api/2.0/mlflow/runs/update",
		body:  `{"run_id":"r1"}`,
		reply: runInfoJSON,
	},
	{
		name: "UpdateRun",
		use: func(ctx context.Context, c *tracking.Client) error {
			_, err := c.UpdateRun(ctx, "r1", tracking.WithStatus(tracking.RunStatusFinished),
				tracking.WithEndTime(time.UnixMilli(0)), tracking.WithRunName("renamed"))
			return err
		},
		route: "POST /api/2.0/mlflow/runs/update",
		body:  `{"end_time":0,"run_id":"r1","run_name":"renamed","status":"FINISHED"}`,
		reply: updatedJSON,
	},
	{
		name:  "DeleteRun",
		use:   func(ctx context.Context, c *tracking.Client) error { return c.DeleteRun(ctx, "r1") },
		route: "POST /api/2.0/mlflow/runs/delete",
		body:  `{"run_id":"r1"}`,
		reply: `{}`,
	},
	{
		name:  "RestoreRun",
		use:   func(ctx context.Context, c *tracking.Client) error { return c.RestoreRun(ctx, "r1") },
		route: "POST /api/2.0/mlflow/runs/restore",
		body:  `{"run_id":"r1"}`,
		reply: `{}`,
	},
	{
		name: "SearchRuns",
		use: func(ctx context.Context, c *tracking.Client) error {
			_, err := c.SearchRuns(ctx, nil)
			return err
		},
		route: "POST /api/2.0/mlflow/runs/search",
		body:  `{"experiment_ids":[],"max_results":1000}`,
		reply: `{}`,
	},
	{
		name: "SearchRuns",
		use: func(ctx context.Context, c *tracking.Client) error {
			_, err := c.SearchRuns(ctx, []string{"7", "8"}, tracking.WithRunsFilter("metrics.loss < 1"),
				tracking.WithRunsOrderBy("metrics.loss ASC"), tracking.WithRunsMaxResults(123456789),
				tracking.WithRunsPageToken("next"), tracking.WithRunsViewType(tracking.ViewTypeDeletedOnly))
			return err
		},
		route: "POST /api/2.0/mlflow/runs/search",
		body:  `{"experiment_ids":["7","8"],"filter":"metrics.loss \u003c 1","max_results":123456789,"order_by":["metrics.loss ASC"],"page_token":"next","run_view_type":"DELETED_ONLY"}`,
		reply: `{}`,
	},
	{
		name: "LogMetric",
		use: func(ctx context.Context, c *tracking.Client) error {
			return c.LogMetric(ctx, "r1", "loss", 0, tracking.WithTimestamp(time.UnixMilli(0)))
		},
		route: "POST /api/2.0/mlflow/runs/log-metric",
		body:  `{"key":"loss","run_id":"r1","step":0,"timestamp":0,"value":0}`,
		reply: `{}`,
	},
	{
		name: "LogMetric",
		use: func(ctx context.Context, c *tracking.Client) error {
			return c.LogMetric(ctx, "r1", "loss", math.NaN(), tracking.WithTimestamp(epoch2024), tracking.WithStep(math.MinInt64))
		},
		route: "POST /api/2.0/mlflow/runs/log-metric",
		body:  `{"key":"loss","run_id":"r1","step":-9223372036854775808,"timestamp":1704067200123,"value":"NaN"}`,
		reply: `{}`,
	},
	{
		name:  "LogParam",
		use:   func(ctx context.Context, c *tracking.Client) error { return c.LogParam(ctx, "r1", "rate", "") },
		route: "POST /api/2.0/mlflow/runs/log-parameter",
		body:  `{"key":"rate","run_id":"r1","value":""}`,
		reply: `{}`,
	},
	{
		name:  "SetTag",
		use:   func(ctx context.Context, c *tracking.Client) error { return c.SetTag(ctx, "r1", "key", "") },
		route: "POST /api/2.0/mlflow/runs/set-tag",
		body:  `{"key":"key","run_id":"r1","value":""}`,
		reply: `{}`,
	},
	{
		name:  "DeleteTag",
		use:   func(ctx context.Context, c *tracking.Client) error { return c.DeleteTag(ctx, "r1", "key") },
		route: "POST /api/2.0/mlflow/runs/delete-tag",
		body:  `{"key":"key","run_id":"r1"}`,
		reply: `{}`,
	},
	{
		name: "LogBatch",
		use: func(ctx context.Context, c *tracking.Client) error {
			return c.LogBatch(ctx, "r1", []tracking.Metric{
				{Key: "up", Value: math.Inf(1), Timestamp: epoch2024, Step: 1},
				{Key: "down", Value: math.Inf(-1), Timestamp: epoch2024, Step: -1},
				{Key: "minus zero", Value: math.Copysign(0, -1), Timestamp: time.UnixMilli(0)},
			}, []tracking.Param{{Key: "z"}, {Key: "a", Value: "1"}}, map[string]string{"z": "", "a": "1"})
		},
		route: "POST /api/2.0/mlflow/runs/log-batch",
		body: `{"metrics":[{"key":"up","step":1,"timestamp":1704067200123,"value":"Infinity"},` +
			`{"key":"down","step":-1,"timestamp":1704067200123,"value":"-Infinity"},` +
			`{"key":"minus zero","step":0,"timestamp":0,"value":-0.0}],` +
			`"params":[{"key":"z","value":""},{"key":"a","value":"1"}],"run_id":"r1",` +
			`"tags":[{"key":"a","value":"1"},{"key":"z","value":""}]}`,
		reply: `{}`,
	},
	{
		name: "LogBatch",
		use: func(ctx context.Context, c *tracking.Client) error {
			return c.LogBatch(ctx, "r1", nil, []tracking.Param{{Key: "a", Value: "1"}}, nil)
		},
		route: "POST /api/2.0/mlflow/runs/log-batch",
		body:  `{"metrics":[],"params":[{"key":"a","value":"1"}],"run_id":"r1","tags":[]}`,
		reply: `{}`,
	},
	{
		name: "LogInputs",
		use: func(ctx context.Context, c *tracking.Client) error {
			return c.LogInputs(ctx, "r1", []tracking.DatasetInput{
				{
					Dataset: tracking.Dataset{Name: "a", Digest: "1", SourceType: "s3", Source: "s3://a", Schema: "{}", Profile: "[]"},
					Tags:    map[string]string{"z": "", "a": "1"},
				},
				{Dataset: tracking.Dataset{Name: "b", Digest: "2", SourceType: "local", Source: "b"}},
			})
		},
		route: "POST /api/2.0/mlflow/runs/log-inputs",
		body: `{"datasets":[{"dataset":{"digest":"1","name":"a","profile":"[]","schema":"{}","source":"s3://a","source_type":"s3"},` +
			`"tags":[{"key":"a","value":"1"},{"key":"z","value":""}]},` +
			`{"dataset":{"digest":"2","name":"b","source":"b","source_type":"local"}}],"run_id":"r1"}`,
		reply: `{}`,
	},
	{
		name: "GetMetricHistory",
		use: func(ctx context.Context, c *tracking.Client) error {
			_, err := c.GetMetricHistory(ctx, "r1", "a b/c+d&e=ü")
			return err
		},
		route: "GET /api/2.0/mlflow/metrics/get-history",
		query: "run_id=r1&metric_key=a+b%2Fc%2Bd%26e%3D%C3%BC&max_results=25000",
		reply: `{}`,
	},
	{
		name: "GetMetricHistory",
		use: func(ctx context.Context, c *tracking.Client) error {
			_, err := c.GetMetricHistory(ctx, "r1", "loss", tracking.WithHistoryPageSize(2), tracking.WithHistoryPageSize(7))
			return err
		},
		route: "GET /api/2.0/mlflow/metrics/get-history",
		query: "run_id=r1&metric_key=loss&max_results=7",
		reply: `{"metrics": [{"key": "loss", "value": "NaN", "timestamp": 1704067200123, "step": 0}]}`,
	},
	{
		name: "SampleMetricHistory",
		use: func(ctx context.Context, c *tracking.Client) error {
			_, err := c.SampleMetricHistory(ctx, []string{"r1"}, "a b/c+d&e=ü")
			return err
		},
		route: "GET /api/2.0/mlflow/metrics/get-history-bulk-interval",
		query: "run_ids=r1&metric_key=a+b%2Fc%2Bd%26e%3D%C3%BC",
		reply: `{}`,
	},
	{
		name: "SampleMetricHistory",
		use: func(ctx context.Context, c *tracking.Client) error {
			_, err := c.SampleMetricHistory(ctx, []string{"r2", "r1", "r2"}, "loss",
				tracking.WithStepRange(math.MinInt64, 0), tracking.WithMaxPoints(123456789))
			return err
		},
		route: "GET /api/2.0/mlflow/metrics/get-history-bulk-interval",
		query: "run_ids=r2&run_ids=r1&metric_key=loss&start_step=-9223372036854775808&end_step=0&max_results=123456789",
		reply: `{"metrics": [{"key": "loss", "value": "NaN", "timestamp": 1704067200123, "step": 0, "run_id": "r2"}]}`,
	},
}

// A composite is a method without an endpoint of its own.
type composite struct {
	name string
	use  func(ctx context.Context, c *tracking.Client) error
	// ops are all operations that it can use, in the order in which it then does.
	ops []string
	// writes is the one of them that changes something.
	writes string
}

var composites = []composite{
	{
		name: "GetOrCreateExperiment",
		use: func(ctx context.Context, c *tracking.Client) error {
			_, err := c.GetOrCreateExperiment(ctx, "a b/c+d&e=ü")
			return err
		},
		ops: []string{"GetExperimentByName", "CreateExperiment", "GetExperiment"}, writes: "CreateExperiment",
	},
	{
		name: "SetTerminated",
		use: func(ctx context.Context, c *tracking.Client) error {
			return c.SetTerminated(ctx, "r1", tracking.RunStatusFinished, tracking.WithEndTime(time.UnixMilli(0)))
		},
		ops: []string{"UpdateRun"}, writes: "UpdateRun",
	},
}

// A subject is what an operation is sent about: an experiment and a run in it, which no other operation knows.
type subject struct {
	*tracking.Client

	experimentID, name, runID string
	at                        time.Time
}

// A resending is a use of an operation that is sent twice.
type resending struct {
	op      string
	prepare func(ctx context.Context, s subject) error // what must be there before, if anything
	send    func(ctx context.Context, s subject) error
	since   string // the first release that has the operation, if that is not the oldest one
	// fastTrackML says why FastTrackML is left out, if it is.
	fastTrackML string
	// fileStore is how servers with a file store refuse the second one, if they do.
	fileStore error
}

// sentTwice has a use of each operation that changes something and that the client may let a server run twice, as a
// retry does. TestSentTwice shows that the second one changes nothing.
var sentTwice = []resending{
	{
		op:   "GetOrCreateExperiment",
		send: func(ctx context.Context, s subject) error { return errorOf(s.GetOrCreateExperiment(ctx, s.name)) },
	},
	{
		op: "UpdateExperiment",
		send: func(ctx context.Context, s subject) error {
			return s.UpdateExperiment(ctx, s.experimentID, s.name+"-renamed")
		},
		fileStore: tracking.ErrAlreadyExists, // even if it is the experiment itself that has the name
	},
	{
		op:   "DeleteExperiment",
		send: func(ctx context.Context, s subject) error { return s.DeleteExperiment(ctx, s.experimentID) },
	},
	{
		op:      "RestoreExperiment",
		prepare: func(ctx context.Context, s subject) error { return s.DeleteExperiment(ctx, s.experimentID) },
		send:    func(ctx context.Context, s subject) error { return s.RestoreExperiment(ctx, s.experimentID) },
	},
	{
		op: "SetExperimentTag",
		send: func(ctx context.Context, s subject) error {
			return s.SetExperimentTag(ctx, s.experimentID, "team", "botany")
		},
	},
	{
		op: "DeleteExperimentTag",
		prepare: func(ctx context.Context, s subject) error {
			return s.SetExperimentTag(ctx, s.experimentID, "team", "botany")
		},
		send:  func(ctx context.Context, s subject) error { return s.DeleteExperimentTag(ctx, s.experimentID, "team") },
		since: "3.2", fastTrackML: "has no such endpoint",
	},
	{
		op: "UpdateRun",
		send: func(ctx context.Context, s subject) error {
			return errorOf(s.UpdateRun(ctx, s.runID, tracking.WithRunName("renamed"), tracking.WithStatus(tracking.RunStatusFailed),
				tracking.WithEndTime(s.at)))
		},
	},
	{
		op: "SetTerminated",
		send: func(ctx context.Context, s subject) error {
			return s.SetTerminated(ctx, s.runID, tracking.RunStatusFinished, tracking.WithEndTime(s.at))
		},
	},
	{
		op:   "DeleteRun",
		send: func(ctx context.Context, s subject) error { return s.DeleteRun(ctx, s.runID) },
	},
	{
		op:      "RestoreRun",
		prepare: func(ctx context.Context, s subject) error { return s.DeleteRun(ctx, s.runID) },
		send:    func(ctx context.Context, s subject) error { return s.RestoreRun(ctx, s.runID) },
	},
	{
		op: "LogMetric",
		send: func(ctx context.Context, s subject) error {
			return s.LogMetric(ctx, s.runID, "loss", 0.5, tracking.WithStep(1), tracking.WithTimestamp(s.at))
		},
	},
	{
		op:   "LogParam",
		send: func(ctx context.Context, s subject) error { return s.LogParam(ctx, s.runID, "rate", "0.1") },
	},
	{
		op:   "SetTag",
		send: func(ctx context.Context, s subject) error { return s.SetTag(ctx, s.runID, "team", "botany") },
	},
	{
		op:      "DeleteTag",
		prepare: func(ctx context.Context, s subject) error { return s.SetTag(ctx, s.runID, "team", "botany") },
		send:    func(ctx context.Context, s subject) error { return s.DeleteTag(ctx, s.runID, "team") },
	},
	{
		op: "LogBatch",
		send: func(ctx context.Context, s subject) error {
			return s.LogBatch(ctx, s.runID, []tracking.Metric{{Key: "loss", Value: 0.5, Step: 1, Timestamp: s.at}},
				[]tracking.Param{{Key: "rate", Value: "0.1"}}, map[string]string{"team": "botany"})
		},
	},
	{
		op: "LogInputs",
		send: func(ctx context.Context, s subject) error {
			return s.LogInputs(ctx, s.runID, []tracking.DatasetInput{aDataset()})
		},
		fastTrackML: "has no such endpoint",
	},
}
