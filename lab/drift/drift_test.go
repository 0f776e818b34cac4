package drift

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const folder = "../../openapi"

func TestSpecAgreesWithEveryRelease(t *testing.T) {
	t.Parallel()
	problems, _, err := drift(folder)
	require.NoError(t, err)
	assert.Empty(t, problems)
}

// A state is what is compared, read anew for each damage.
type state struct {
	*Spec
	*history
}

func read(t *testing.T) state {
	t.Helper()
	history, err := readHistory(filepath.Join(folder, "facts"))
	require.NoError(t, err)
	return state{readSpecOnly(t), history}
}

func readSpecOnly(t *testing.T) *Spec {
	t.Helper()
	spec, err := readSpec(filepath.Join(folder, "mlflow.yaml"))
	require.NoError(t, err)
	return spec
}

func (s state) schema(name string) *Schema           { return s.Components.Schemas[name] }
func (s state) property(schema, name string) *Schema { return s.schema(schema).Properties[name] }
func (s state) post(path string) *Operation          { return s.Paths["/api/2.0/mlflow/"+path].Post }
func (s state) get(path string) *Operation           { return s.Paths["/api/2.0/mlflow/"+path].Get }

// move gives an operation another path.
func (s state) move(from, to string) {
	from, to = "/api/2.0/mlflow/"+from, "/api/2.0/mlflow/"+to
	s.Paths[from], s.Paths[to] = s.Paths[to], s.Paths[from]
	for path, item := range s.Paths {
		if item == nil {
			delete(s.Paths, path)
		}
	}
}

// release returns the facts of a minor release.
func (s state) release(t *testing.T, name string) *Facts {
	t.Helper()
	m, err := parseMinor(name)
	require.NoError(t, err)
	require.Contains(t, s.facts, m)
	return s.facts[m]
}

func (s *Schema) drop(required string) {
	s.Required = slices.DeleteFunc(s.Required, func(name string) bool { return name == required })
}

func set(bound **int, value int) { *bound = &value }

func TestDamageToTheSpecIsNoticed(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		damage func(s state)
		want   string
	}{
		"a path is misspelled": {
			func(s state) { s.move("runs/log-parameter", "runs/log-param") },
			"endpoint LogParam POST /api/2.0/mlflow/runs/log-param is not in any release (all)",
		},
		"the endpoint of a misspelled path is missing": {
			func(s state) { s.move("runs/log-parameter", "runs/log-param") },
			"endpoint LogParam is missing (all)",
		},
		"two paths are swapped": {
			func(s state) { s.move("runs/delete", "runs/get") },
			"endpoint DeleteRun POST /api/2.0/mlflow/runs/get is not in any release (all)",
		},
		"an operation has another method": {
			func(s state) {
				item := s.Paths["/api/2.0/mlflow/runs/update"]
				item.Patch, item.Post = item.Post, nil
			},
			"endpoint UpdateRun PATCH /api/2.0/mlflow/runs/update is not in any release (all)",
		},
		"an operation is missing": {
			func(s state) { delete(s.Paths, "/api/2.0/mlflow/runs/search") },
			"endpoint SearchRuns is missing (all)",
		},
		"two operations swap their names": {
			func(s state) { s.post("runs/delete").ID = "DeleteExperiment" },
			"endpoint DeleteExperiment is called DeleteRun (all)",
		},
		"an operation is said to be new": {
			func(s state) { s.post("runs/log-batch").Since = "2.11" },
			"since LogBatch POST /api/2.0/mlflow/runs/log-batch is said to be 2.11, and these have it (2.9-2.10)",
		},
		"an operation does not say since when": {
			func(s state) { s.post("runs/log-batch").Since = "" },
			"since LogBatch POST /api/2.0/mlflow/runs/log-batch is not said (all)",
		},
		"since is no release": {
			func(s state) { s.post("runs/log-batch").Since = "next" },
			`since LogBatch POST /api/2.0/mlflow/runs/log-batch of the endpoint is "next", which is no release since 2.9 (all)`,
		},
		"a property is said too early": {
			func(s state) { s.property("Experiment", "workspace").Since = "3.10" },
			"since Experiment.workspace is said to be 3.10, and these lack it (3.10-3.13)",
		},
		"a property is said too late": {
			func(s state) { s.property("LogMetricRequest", "model_id").Since = "3.2" },
			"since LogMetricRequest.model_id is said to be 3.2, and these have it (3.0-3.1)",
		},
		"a property does not say since when": {
			func(s state) { s.property("LogMetricRequest", "model_id").Since = "" },
			"since LogMetricRequest.model_id is not said, and these lack it (2.9-2.22)",
		},
		"a property of an error is said too early": {
			func(s state) { s.property("ErrorResponse", "sqlstate").Since = "3.10" },
			"since ErrorResponse.sqlstate is said to be 3.10, and these lack it (3.10-3.11)",
		},
		"a property of a response is missing": {
			func(s state) { delete(s.schema("RunInfo").Properties, "artifact_uri") },
			"field RunInfo.artifact_uri is missing (all)",
		},
		"a property of a request is missing": {
			func(s state) { delete(s.schema("SearchRunsRequest").Properties, "order_by") },
			"field SearchRunsRequest.order_by is missing (all)",
		},
		"a property of an error is missing": {
			func(s state) { delete(s.schema("ErrorResponse").Properties, "message") },
			"field ErrorResponse.message is missing (all)",
		},
		"a property is misspelled": {
			func(s state) {
				properties := s.schema("Experiment").Properties
				properties["lifecyclestage"] = properties["lifecycle_stage"]
			},
			"field Experiment.lifecyclestage is not in any release (all)",
		},
		"a parameter is missing": {
			func(s state) { s.get("runs/get").Parameters = nil },
			"field GetRun.run_id is missing (all)",
		},
		"a parameter is misspelled": {
			func(s state) { s.get("experiments/get-by-name").Parameters[0].Name = "name" },
			"field GetExperimentByName.name is not in any release (all)",
		},
		"a parameter is optional": {
			func(s state) { s.get("runs/get").Parameters[0].Required = false },
			"required GetRun.run_id is not said, and servers insist (all)",
		},
		"a response has another schema": {
			func(s state) {
				s.get("runs/get").Responses["200"].Content["application/json"].Schema.Ref = "#/components/schemas/RunInfo"
			},
			"field RunInfo.run is missing (all)",
		},
		"a string is a number": {
			func(s state) { s.property("Experiment", "name").Type = "integer" },
			"type Experiment.name is integer, of servers string (all)",
		},
		"a number is a string": {
			func(s state) { s.property("SearchRunsRequest", "max_results").Type = "string" },
			"type SearchRunsRequest.max_results is string, of servers int32 (all)",
		},
		"a number has another width": {
			func(s state) { s.property("SearchRunsRequest", "max_results").Format = "int64" },
			"type SearchRunsRequest.max_results is integer int64, of servers int32 (all)",
		},
		"a time may be any string": {
			func(s state) { s.schema("Timestamp").OneOf[1].Pattern = "" },
			"type RunInfo.start_time is integer int64 or string, of servers int64 (all)",
		},
		"a metric may not be infinite": {
			func(s state) { s.schema("MetricValue").OneOf[1].Enum = []string{"NaN", "Infinity"} },
			"type Metric.value is number double or string NaN|Infinity, of servers double (all)",
		},
		"an object is a string": {
			func(s state) { s.schema("RunData").Type = "string" },
			"type Run.data is string, of servers RunData (all)",
		},
		"a list is one value": {
			func(s state) {
				s.schema("LogBatchRequest").Properties["params"] = &Schema{Ref: "#/components/schemas/Param"}
			},
			"label LogBatchRequest.params is one value, of servers a list (all)",
		},
		"one value is a list": {
			func(s state) { s.property("SearchRunsRequest", "filter").Type = "array" },
			"label SearchRunsRequest.filter is a list, of servers one value (all)",
		},
		"an enum lacks a value": {
			func(s state) { s.schema("RunStatus").Enum = s.schema("RunStatus").Enum[1:] },
			"enum RunStatus lacks RUNNING (all)",
		},
		"an enum has a value too many": {
			func(s state) { s.schema("ViewType").Enum = append(s.schema("ViewType").Enum, "NONE") },
			"enum ViewType has NONE, which servers do not know (all)",
		},
		"an enum of requests is open": {
			func(s state) { s.schema("ViewType").Enum = nil },
			"enum ViewType lacks ALL (all)",
		},
		"the values of an enum are misspelled": {
			func(s state) { s.schema("ViewType").Enum[0] = "active_only" },
			"enum ViewType lacks ACTIVE_ONLY (all)",
		},
		"what servers insist on is optional": {
			func(s state) { s.schema("LogMetricRequest").drop("key") },
			"required LogMetricRequest.key is not said, and servers insist (all)",
		},
		"what a message declares is optional": {
			func(s state) { s.schema("SetTagRequest").drop("value") },
			"required SetTagRequest.value is not said, and the message declares it (all)",
		},
		"what each item of a list must hold is optional": {
			func(s state) { s.schema("Metric").drop("timestamp") },
			"required Metric.timestamp is not said, and servers insist (all)",
		},
		"what servers do without is required": {
			func(s state) {
				s.schema("UpdateRunRequest").Required = append(s.schema("UpdateRunRequest").Required, "end_time")
			},
			"required UpdateRunRequest.end_time is said, and servers do without (all)",
		},
		"what is required does not exist": {
			func(s state) { s.schema("RunTag").Required = append(s.schema("RunTag").Required, "kye") },
			"required RunTag.kye is no property (all)",
		},
		"a list may be longer": {
			func(s state) { set(&s.property("LogBatchRequest", "params").MaxItems, 1000) },
			"limit LogBatchRequest.params maxItems is 1000, of servers 100 (all)",
		},
		"a page may be larger": {
			func(s state) { set(&s.property("SearchRunsRequest", "max_results").Maximum, 100000) },
			"limit SearchRunsRequest.max_results maximum is 100000, of servers 50000 (all)",
		},
		"the largest page is not said": {
			func(s state) { s.property("SearchExperimentsRequest", "max_results").Maximum = nil },
			"limit SearchExperimentsRequest.max_results maximum is not said, and servers have 50000 (all)",
		},
		"a key may be longer": {
			func(s state) { set(&s.property("SetTagRequest", "key").MaxLength, 255) },
			"limit SetTagRequest.key maxLength is 255, of servers 250 (all)",
		},
		"a limit does not say since when": {
			func(s state) {
				name := s.property("CreateExperimentRequest", "name")
				set(&name.MaxLength, 500)
				name.Description = ""
			},
			"limit CreateExperimentRequest.name maxLength is 500, of servers any (2.9-2.14)",
		},
		"a limit does not say what it was": {
			func(s state) {
				set(&s.property("SetExperimentTagRequest", "value").MaxLength, 20000)
				s.post("experiments/set-experiment-tag").Description = "From 3.16 on."
			},
			"limit SetExperimentTagRequest.value maxLength is 20000, of servers 5000 (2.9-3.15)",
		},
		"what is not limited is": {
			func(s state) { set(&s.property("UpdateRunRequest", "run_name").MaxLength, 100) },
			"limit UpdateRunRequest.run_name maxLength is 100, of servers any (all)",
		},
		"a key may be empty": {
			func(s state) { s.property("LogParamRequest", "key").MinLength = nil },
			"limit LogParamRequest.key minLength is not said, and servers refuse the empty string (all)",
		},
		"a value may not be empty": {
			func(s state) { set(&s.property("SetTagRequest", "value").MinLength, 1) },
			"limit SetTagRequest.value minLength is 1, and servers take the empty string (all)",
		},
		"a description has another limit": {
			func(s state) {
				operation := s.post("runs/set-tag")
				operation.Description = strings.ReplaceAll(operation.Description, "8000", "9000")
			},
			"limit SetTagRequest.value maxLength is not said, and servers have 8000 (2.17+)",
		},
		"a description has a limit since another release": {
			func(s state) {
				operation := s.post("runs/set-tag")
				operation.Description = strings.ReplaceAll(operation.Description, "2.17", "2.18")
			},
			"limit SetTagRequest.value maxLength 8000 is not said to be new in 2.17 (2.17+)",
		},
		"the limit of a whole request is not said": {
			func(s state) {
				operation := s.post("runs/log-batch")
				operation.Description = strings.ReplaceAll(operation.Description, "1000", "2000")
			},
			"limit LogBatch is not said, and servers have 1000 (all)",
		},
		"an error has another status": {
			func(s state) { s.statuses = append(s.statuses, claim{"RESOURCE_DOES_NOT_EXIST", "400"}) },
			"error RESOURCE_DOES_NOT_EXIST has status 400 by a description, of servers 404 (all)",
		},
		"an error has another status by its response": {
			func(s state) { s.Components.Responses["NotFound"].Description = "As JSON: `INVALID_STATE`." },
			"error INVALID_STATE has status 404 by a response, of servers 500 (all)",
		},
		"an error is misspelled": {
			func(s state) { s.Components.Responses["NotFound"].Description = "As JSON: `RESOURCE_NOT_FOUND`." },
			"error RESOURCE_NOT_FOUND is named by a response and unknown to servers (all)",
		},
		"an error is not named": {
			func(s state) { delete(s.codes, "BAD_REQUEST") },
			"error BAD_REQUEST is not named (all)",
		},
	}
	history := read(t).history
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := state{readSpecOnly(t), history}
			test.damage(s)
			assertNoticed(t, s, test.want)
		})
	}
}

func TestDamageToTheFactsIsNoticed(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		release string
		damage  func(f *Facts)
		want    string
	}{
		"an endpoint goes": {
			"3.18", func(f *Facts) { delete(f.Endpoints, "GetRun") },
			"since GetRun GET /api/2.0/mlflow/runs/get is said to be 2.9, and these lack it (3.18+)",
		},
		"an endpoint comes": {
			"3.18", func(f *Facts) { f.Endpoints["CloneRun"] = []string{"POST /api/2.0/mlflow/runs/clone"} },
			"endpoint CloneRun is missing (3.18+)",
		},
		"an endpoint of another part comes": {
			"3.18", func(f *Facts) { f.OtherEndpoints = append(f.OtherEndpoints, "CreateDashboard") },
			"endpoint CreateDashboard is missing (3.18+)",
		},
		"an endpoint takes another method": {
			"3.18", func(f *Facts) {
				f.Endpoints["SearchRuns"] = append(f.Endpoints["SearchRuns"], "GET /api/2.0/mlflow/runs/search")
			},
			"method SearchRuns GET /api/2.0/mlflow/runs/search is missing (3.18+)",
		},
		"an endpoint has another version": {
			"3.18", func(f *Facts) { f.Endpoints["GetRun"] = []string{"GET /api/3.0/mlflow/runs/get"} },
			"endpoint GetRun is missing (3.18+)",
		},
		"a field comes": {
			"3.18", func(f *Facts) { f.Messages["RunInfo"]["duration"] = "int64" },
			"field RunInfo.duration is missing (3.18+)",
		},
		"a field goes": {
			"3.18", func(f *Facts) { delete(f.Messages["RunInfo"], "user_id") },
			"since RunInfo.user_id is not said, and these lack it (3.18+)",
		},
		"a field was there before": {
			"2.10", func(f *Facts) { f.Messages["LogMetric"]["model_id"] = "string" },
			"since LogMetricRequest.model_id is said to be 3.0, and these have it (2.10)",
		},
		"a field has another type": {
			"2.12", func(f *Facts) { f.Messages["Metric"]["step"] = "double" },
			"type Metric.step is integer int64 or string ^-?[0-9]+$, of servers double (2.12)",
		},
		"a field becomes a list": {
			"3.18", func(f *Facts) { f.Messages["GetRun.Response"]["run"] = "repeated Run" },
			"label GetRunResult.run is one value, of servers a list (3.18+)",
		},
		"an enum gets a value": {
			"3.18", func(f *Facts) { f.Enums["RunStatus"] = append(f.Enums["RunStatus"], "PAUSED") },
			"enum RunStatus lacks PAUSED (3.18+)",
		},
		"an enum loses a value": {
			"3.18", func(f *Facts) { f.Enums["ViewType"] = []string{"ACTIVE_ONLY", "DELETED_ONLY"} },
			"enum ViewType has ALL, which servers do not know (3.18+)",
		},
		"a handler insists on more": {
			"3.18", func(f *Facts) { f.Validators["CreateExperiment.artifact_location"] = "required string" },
			"required CreateExperimentRequest.artifact_location is not said, and servers insist (3.18+)",
		},
		"a handler insists on less": {
			"3.18", func(f *Facts) { f.Validators["UpdateExperiment.new_name"] = "string" },
			"required UpdateExperimentRequest.new_name is said, and servers do without (3.18+)",
		},
		"a message declares more": {
			"3.18", func(f *Facts) { f.Messages["UpdateRun"]["status"] = "RunStatus required" },
			"required UpdateRunRequest.status is not said, and the message declares it (3.18+)",
		},
		"a limit changes": {
			"3.18", func(f *Facts) { f.Limits["MAX_METRICS_PER_BATCH"] = 2000 },
			"limit LogBatchRequest.metrics maxItems is 1000, of servers 2000 (3.18+)",
		},
		"a limit changes that the description has": {
			"3.18", func(f *Facts) { f.Limits["MAX_PARAM_VAL_LENGTH"] = 8000 },
			"limit LogParamRequest.value maxLength is not said, and servers have 8000 (3.18+)",
		},
		"a limit goes": {
			"3.18", func(f *Facts) { delete(f.Limits, "SearchExperiments.max_results maximum") },
			"limit SearchExperimentsRequest.max_results maximum is 50000, of servers any (3.18+)",
		},
		"a limit comes": {
			"3.18", func(f *Facts) { f.Limits["MAX_RUN_NAME_LENGTH"] = 250 },
			"limit MAX_RUN_NAME_LENGTH is not compared (3.18+)",
		},
		"a handler bounds a number": {
			"3.18", func(f *Facts) { f.Validators["UpdateRun.end_time"] = "intlike intlike_within_range(1, 5)" },
			"limit UpdateRunRequest.end_time maximum is not said, and servers have 5 (3.18+)",
		},
		"a handler bounds a list": {
			"3.18", func(f *Facts) { f.Validators["SearchRuns.experiment_ids"] = "array length_less_than_or_equal(20)" },
			"limit SearchRunsRequest.experiment_ids maxItems is not said, and servers have 20 (3.18+)",
		},
		"an error gets another status": {
			"3.18", func(f *Facts) { f.Errors["RESOURCE_ALREADY_EXISTS"] = 409 },
			"error RESOURCE_ALREADY_EXISTS has status 400 by a response, of servers 409 (3.18+)",
		},
		"an error comes": {
			"3.18", func(f *Facts) { f.Errors["OUT_OF_PAPER"] = 500 },
			"error OUT_OF_PAPER is not named (3.18+)",
		},
		"a property of errors comes": {
			"3.18", func(f *Facts) { f.ErrorProperties = append(f.ErrorProperties, "details") },
			"field ErrorResponse.details is missing (3.18+)",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := read(t)
			test.damage(s.release(t, test.release))
			assertNoticed(t, s, test.want)
		})
	}
}

func assertNoticed(t *testing.T, s state, want string) {
	t.Helper()
	omissions, err := readOmissions(filepath.Join(folder, "omissions.yaml"))
	require.NoError(t, err)
	assert.Contains(t, explain(compare(s.Spec, s.history), omissions), want)
}

// What an open list of values says, and a form that protobuf's JSON has, is no difference.
func TestOtherWaysToSayTheSameAreNoDifference(t *testing.T) {
	t.Parallel()
	s := read(t)
	s.Components.Schemas["OpenStatus"] = &Schema{AnyOf: []*Schema{{Ref: "", Type: "string", Enum: s.schema("RunStatus").Enum}, {Type: "string"}}}
	s.schema("RunInfo").Properties["status"] = &Schema{Ref: "#/components/schemas/OpenStatus"}
	s.schema("RunInfo").Properties["lifecycle_stage"] = &Schema{Type: "string"}
	s.schema("Timestamp").OneOf = s.schema("Timestamp").OneOf[:1]
	set(&s.property("CreateExperimentRequest", "name").MaxLength, 500) // its description says since when
	set(&s.property("SetExperimentTagRequest", "value").MaxLength, 20000)
	omissions, err := readOmissions(filepath.Join(folder, "omissions.yaml"))
	require.NoError(t, err)
	assert.Empty(t, explain(compare(s.Spec, s.history), omissions))
}

func TestOmissionsAreExact(t *testing.T) {
	t.Parallel()
	lines := []string{"field A.b is missing (3.2+)", "field A.c is missing (all)"}
	tests := map[string]struct {
		omissions []Omission
		want      []string
	}{
		"all explained": {[]Omission{{"Because.", lines}}, nil},
		"one not explained": {
			[]Omission{{"Because.", lines[:1]}},
			[]string{"field A.c is missing (all)"},
		},
		"explains nothing": {
			[]Omission{{"Because.", append(slices.Clone(lines), "field A.d is missing (all)")}},
			[]string{"omission explains nothing: field A.d is missing (all)"},
		},
		"other releases": {
			[]Omission{{"Because.", []string{"field A.b is missing (3.1+)", lines[1]}}},
			[]string{"field A.b is missing (3.2+)", "omission explains nothing: field A.b is missing (3.1+)"},
		},
		"twice": {
			[]Omission{{"Because.", lines}, {"Because of that.", lines[1:]}},
			[]string{"omission stands there twice: field A.c is missing (all)"},
		},
		"no reason": {
			[]Omission{{"", lines}},
			[]string{`omission without a reason: ["field A.b is missing (3.2+)" "field A.c is missing (all)"]`},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.ElementsMatch(t, test.want, explain(lines, test.omissions))
		})
	}
}

func TestFactsHaveNoGaps(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		releases []string
		want     string
	}{
		"none":               {nil, "there are no facts of MLflow 2.9"},
		"not the oldest":     {[]string{"2.10.2"}, "there are no facts of MLflow 2.9"},
		"one is missing":     {[]string{"2.9.2", "2.11.5"}, "there are no facts of MLflow 2.10: run make drift RELEASE=<its newest patch>"},
		"two patches of one": {[]string{"2.9.1", "2.9.2"}, "there are facts of 2.9.1 as well"},
		"no release":         {[]string{"newest"}, `"newest" is not a release`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			facts := t.TempDir()
			for _, release := range test.releases {
				content := []byte(`{"release": "` + release + `"}`)
				require.NoError(t, os.WriteFile(filepath.Join(facts, release+".json"), content, 0o600))
			}
			_, err := readHistory(facts)
			assert.ErrorContains(t, err, test.want)
		})
	}
}

func TestDescriptionsClaimTheStatusesOfErrors(t *testing.T) {
	t.Parallel()
	spec, err := parseSpec([]byte("info:\n  description: |\n    A taken name is 400\n    `RESOURCE_ALREADY_EXISTS`, `ALL` is not in 404.\n"))
	require.NoError(t, err)
	assert.Equal(t, []claim{{"RESOURCE_ALREADY_EXISTS", "400"}}, spec.statuses)
	assert.Equal(t, map[string]bool{"RESOURCE_ALREADY_EXISTS": true, "ALL": true}, spec.codes)
}

func TestSpecThatIsBrokenIsAnError(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ spec, want string }{
		"no YAML":                {"paths: [", "yaml"},
		"a reference to nothing": {"paths: {/a: {get: {responses: {default: {$ref: \"#/components/responses/Gone\"}}}}}", "#/components/responses/Gone does not exist"},
		"a property of nothing":  {"components: {schemas: {A: {properties: {b: }}}}", "A.b has no schema"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parseSpec([]byte(test.spec))
			assert.ErrorContains(t, err, test.want)
		})
	}
}

func TestNewerReleaseSaysWhatToDo(t *testing.T) {
	t.Parallel()
	require.NoError(t, newer("3.18.0", []string{"3.17.2", "3.18.0"}))
	require.ErrorContains(t, newer("3.18.0", nil), "no release")
	assert.ErrorContains(t, newer("3.18.0", []string{"3.18.0", "3.18.1"}), "make drift RELEASE=3.18.1")
}

func TestSpansOfReleases(t *testing.T) {
	t.Parallel()
	h := &history{minors: []minor{{2, 21}, {2, 22}, {3, 0}, {3, 1}}}
	tests := map[string][]minor{
		"all":             h.minors,
		"2.22+":           h.minors[1:],
		"2.21-3.0":        h.minors[:3],
		"2.21, 3.0":       {{2, 21}, {3, 0}},
		"2.21-2.22, 3.1+": {{2, 21}, {2, 22}, {3, 1}},
	}
	for want, minors := range tests {
		set := map[minor]bool{}
		for _, m := range minors {
			set[m] = true
		}
		assert.Equal(t, want, h.span(set))
	}
}

func TestDropStaleRemovesOnlyWhatExplainsNothing(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "omissions.yaml")
	require.NoError(t, os.WriteFile(file, []byte("- reason: Because.\n  lines:\n    - field A.b is missing (all)\n    - field A.c is missing (all)\n"), 0o600))
	left, err := dropStale(file, []string{explainsNothing + "field A.c is missing (all)", "field A.d is missing (all)"})
	require.NoError(t, err)
	assert.Equal(t, []string{"field A.d is missing (all)"}, left)
	omissions, err := readOmissions(file)
	require.NoError(t, err)
	assert.Equal(t, []Omission{{"Because.", []string{"field A.b is missing (all)"}}}, omissions)
}
