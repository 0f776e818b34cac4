package mlflowtest

import "math"

// An endpoint is an operation of the API.
type endpoint struct {
	name    string // of the operation, as in the spec
	methods []string
	path    string // below /api/2.0/mlflow/
	request *messageType
	params  []param
	// serve runs with the store locked. What it returns must not change later.
	serve func(*store, *request) (any, error)
}

var (
	keyAndValue = newMessageType(field{name: "key"}, field{name: "value"})

	metricMessage = newMessageType(
		field{name: "key"},
		field{name: "value", kind: kindDouble},
		field{name: "timestamp", kind: kindInt64},
		field{name: "step", kind: kindInt64},
		field{name: "dataset_name"},
		field{name: "dataset_digest"},
		field{name: "model_id"},
		field{name: "run_id"},
	)

	datasetMessage = newMessageType(
		field{name: "name"},
		field{name: "digest"},
		field{name: "source_type"},
		field{name: "source"},
		field{name: "schema"},
		field{name: "profile"},
	)

	datasetInputMessage = newMessageType(
		field{name: "tags", kind: kindMessage, repeated: true, message: keyAndValue},
		field{name: "dataset", kind: kindMessage, message: datasetMessage},
	)

	viewTypes   = map[string]int{"ACTIVE_ONLY": activeOnly, "DELETED_ONLY": deletedOnly, "ALL": activeAndDeleted}
	runStatuses = map[string]int{"RUNNING": 1, "SCHEDULED": 2, "FINISHED": 3, "FAILED": 4, "KILLED": 5}
)

// The view types, by their numbers in MLflow's enum.
const (
	activeOnly       = 1
	deletedOnly      = 2
	activeAndDeleted = 3
)

// maxRunIDs and maxSamples limit a sample of the histories of several runs.
const (
	maxRunIDs  = 100
	maxSamples = 2500
)

func requiredText(name string) param { return param{name: name, required: true, typed: isString} }
func optionalText(name string) param { return param{name: name, typed: isString} }
func optionalInt(name string) param  { return param{name: name, typed: isInt} }
func optionalList(name string) param { return param{name: name, typed: isArray} }

var get, post = []string{"GET"}, []string{"POST"}

var endpoints = []*endpoint{
	{
		name: "CreateExperiment", methods: post, path: "experiments/create",
		request: newMessageType(field{name: "name"}, field{name: "artifact_location"},
			field{name: "tags", kind: kindMessage, repeated: true, message: keyAndValue}),
		params: []param{requiredText("name"), optionalText("artifact_location"), optionalList("tags")},
		serve:  (*store).createExperiment,
	},
	{
		name: "GetExperiment", methods: get, path: "experiments/get",
		request: newMessageType(field{name: "experiment_id"}),
		params:  []param{requiredText("experiment_id")},
		serve:   (*store).getExperiment,
	},
	{
		name: "GetExperimentByName", methods: get, path: "experiments/get-by-name",
		request: newMessageType(field{name: "experiment_name"}),
		params:  []param{requiredText("experiment_name")},
		serve:   (*store).getExperimentByName,
	},
	{
		name: "UpdateExperiment", methods: post, path: "experiments/update",
		request: newMessageType(field{name: "experiment_id"}, field{name: "new_name"}),
		params:  []param{requiredText("experiment_id"), requiredText("new_name")},
		serve:   (*store).updateExperiment,
	},
	{
		name: "DeleteExperiment", methods: post, path: "experiments/delete",
		request: newMessageType(field{name: "experiment_id"}),
		params:  []param{requiredText("experiment_id")},
		serve:   (*store).deleteExperiment,
	},
	{
		name: "RestoreExperiment", methods: post, path: "experiments/restore",
		request: newMessageType(field{name: "experiment_id"}),
		params:  []param{requiredText("experiment_id")},
		serve:   (*store).restoreExperiment,
	},
	{
		name: "SearchExperiments", methods: []string{"GET", "POST"}, path: "experiments/search",
		request: newMessageType(field{name: "max_results", kind: kindInt64}, field{name: "page_token"}, field{name: "filter"},
			field{name: "order_by", repeated: true}, field{name: "view_type", kind: kindEnum, names: viewTypes}),
		params: []param{
			optionalInt("view_type"), optionalInt("max_results"), optionalList("order_by"),
			optionalText("filter"), optionalText("page_token"),
		},
		serve: (*store).searchExperiments,
	},
	{
		name: "SetExperimentTag", methods: post, path: "experiments/set-experiment-tag",
		request: newMessageType(field{name: "experiment_id"}, field{name: "key"}, field{name: "value"}),
		params:  []param{requiredText("experiment_id"), requiredText("key"), optionalText("value")},
		serve:   (*store).setExperimentTag,
	},
	{
		name: "DeleteExperimentTag", methods: post, path: "experiments/delete-experiment-tag",
		request: newMessageType(field{name: "experiment_id"}, field{name: "key"}),
		params:  []param{requiredText("experiment_id"), requiredText("key")},
		serve:   (*store).deleteExperimentTag,
	},
	{
		name: "CreateRun", methods: post, path: "runs/create",
		request: newMessageType(field{name: "experiment_id"}, field{name: "user_id"}, field{name: "run_name"},
			field{name: "start_time", kind: kindInt64},
			field{name: "tags", kind: kindMessage, repeated: true, message: keyAndValue}),
		params: []param{optionalText("experiment_id"), optionalInt("start_time"), optionalText("run_name")},
		serve:  (*store).createRun,
	},
	{
		name: "GetRun", methods: get, path: "runs/get",
		request: newMessageType(field{name: "run_id"}, field{name: "run_uuid"}),
		params:  []param{requiredText("run_id")},
		serve:   (*store).getRun,
	},
	{
		name: "UpdateRun", methods: post, path: "runs/update",
		request: newMessageType(field{name: "run_id"}, field{name: "run_uuid"},
			field{name: "status", kind: kindEnum, names: runStatuses}, field{name: "end_time", kind: kindInt64},
			field{name: "run_name"}),
		params: []param{requiredText("run_id"), optionalInt("end_time"), optionalText("status"), optionalText("run_name")},
		serve:  (*store).updateRun,
	},
	{
		name: "DeleteRun", methods: post, path: "runs/delete",
		request: newMessageType(field{name: "run_id"}),
		params:  []param{requiredText("run_id")},
		serve:   (*store).deleteRun,
	},
	{
		name: "RestoreRun", methods: post, path: "runs/restore",
		request: newMessageType(field{name: "run_id"}),
		params:  []param{requiredText("run_id")},
		serve:   (*store).restoreRun,
	},
	{
		name: "SearchRuns", methods: post, path: "runs/search",
		request: newMessageType(field{name: "experiment_ids", repeated: true}, field{name: "filter"},
			field{name: "run_view_type", kind: kindEnum, names: viewTypes}, field{name: "max_results", kind: kindInt32},
			field{name: "order_by", repeated: true}, field{name: "page_token"}),
		params: []param{
			optionalList("experiment_ids"), optionalText("filter"),
			{name: "max_results", typed: isInt, checks: []check{between(math.MinInt64, maxResults)}},
			{name: "order_by", typed: isStrings},
		},
		serve: (*store).searchRuns,
	},
	{
		name: "LogMetric", methods: post, path: "runs/log-metric",
		request: newMessageType(field{name: "run_id"}, field{name: "run_uuid"}, field{name: "key"},
			field{name: "value", kind: kindDouble}, field{name: "timestamp", kind: kindInt64},
			field{name: "step", kind: kindInt64}, field{name: "model_id"}, field{name: "dataset_name"},
			field{name: "dataset_digest"}),
		params: []param{
			requiredText("run_id"), requiredText("key"),
			{name: "value", required: true, typed: isFloat},
			{name: "timestamp", required: true, typed: isInt, typeFirst: true},
			optionalInt("step"), optionalText("model_id"), optionalText("dataset_name"), optionalText("dataset_digest"),
		},
		serve: (*store).logMetric,
	},
	{
		name: "LogParam", methods: post, path: "runs/log-parameter",
		request: newMessageType(field{name: "run_id"}, field{name: "run_uuid"}, field{name: "key"}, field{name: "value"}),
		params:  []param{requiredText("run_id"), requiredText("key"), optionalText("value")},
		serve:   (*store).logParam,
	},
	{
		name: "SetTag", methods: post, path: "runs/set-tag",
		request: newMessageType(field{name: "run_id"}, field{name: "run_uuid"}, field{name: "key"}, field{name: "value"}),
		params:  []param{requiredText("run_id"), requiredText("key"), optionalText("value")},
		serve:   (*store).setTag,
	},
	{
		name: "DeleteTag", methods: post, path: "runs/delete-tag",
		request: newMessageType(field{name: "run_id"}, field{name: "key"}),
		params:  []param{requiredText("run_id"), requiredText("key")},
		serve:   (*store).deleteTag,
	},
	{
		name: "LogBatch", methods: post, path: "runs/log-batch",
		request: newMessageType(field{name: "run_id"},
			field{name: "metrics", kind: kindMessage, repeated: true, message: metricMessage},
			field{name: "params", kind: kindMessage, repeated: true, message: keyAndValue},
			field{name: "tags", kind: kindMessage, repeated: true, message: keyAndValue}),
		params: []param{
			requiredText("run_id"),
			{name: "metrics", typed: isArray, checks: []check{eachHas("key", "value", "timestamp")}},
			{name: "params", typed: isArray, checks: []check{eachHas("key")}},
			{name: "tags", typed: isArray, checks: []check{eachHas("key")}},
		},
		serve: (*store).logBatch,
	},
	{
		name: "LogInputs", methods: post, path: "runs/log-inputs",
		request: newMessageType(field{name: "run_id"},
			field{name: "datasets", kind: kindMessage, repeated: true, message: datasetInputMessage}),
		params: []param{requiredText("run_id"), optionalList("datasets")},
		serve:  (*store).logInputs,
	},
	{
		name: "GetMetricHistory", methods: get, path: "metrics/get-history",
		request: newMessageType(field{name: "run_id"}, field{name: "run_uuid"}, field{name: "metric_key"},
			field{name: "page_token"}, field{name: "max_results", kind: kindInt32}),
		params: []param{requiredText("run_id"), requiredText("metric_key"), optionalText("page_token")},
		serve:  (*store).getMetricHistory,
	},
	{
		name: "SampleMetricHistory", methods: get, path: "metrics/get-history-bulk-interval",
		request: newMessageType(field{name: "run_ids", repeated: true}, field{name: "metric_key"},
			field{name: "start_step", kind: kindInt32}, field{name: "end_step", kind: kindInt32},
			field{name: "max_results", kind: kindInt32}),
		params: []param{
			{name: "run_ids", required: true, typed: isStrings, checks: []check{atMost(maxRunIDs)}},
			requiredText("metric_key"), optionalInt("start_step"), optionalInt("end_step"),
			{name: "max_results", typed: isInt, checks: []check{between(1, maxSamples)}},
		},
		serve: (*store).sampleMetricHistory,
	},
	{
		name: "ListArtifacts", methods: get, path: "artifacts/list",
		request: newMessageType(field{name: "run_id"}, field{name: "run_uuid"}, field{name: "path"},
			field{name: "page_token"}),
		params: []param{requiredText("run_id"), optionalText("path"), optionalText("page_token")},
		serve:  (*store).listRunArtifacts,
	},
}
