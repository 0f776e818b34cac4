package traffic_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/lab/traffic"
)

// known are the findings that are meant to be, with the reason.
var known = map[string]string{
	"SearchExperiments request: max_results minimum":                                   "sent on purpose, to see the refusal",
	"SearchExperiments request: max_results maximum":                                   "sent on purpose, to see the refusal",
	"SearchRuns request: max_results minimum":                                          "sent on purpose, to see the refusal",
	"SearchRuns request: max_results maximum":                                          "sent on purpose, to see the refusal",
	"SetExperimentTag request: key maxLength":                                          "sent on purpose, to see the refusal",
	"SetTag request: key maxLength":                                                    "sent on purpose, to see the refusal",
	"LogParam request: key maxLength":                                                  "sent on purpose, to see the refusal",
	"LogMetric request: key maxLength":                                                 "sent on purpose, to see the refusal",
	"SampleMetricHistory request: maximum":                                             "sent on purpose, to see the refusal",
	"LogInputs request: datasets.*.dataset.name maxLength":                             "sent on purpose, to see the refusal",
	"LogInputs request: datasets.*.dataset.digest maxLength":                           "sent on purpose, to see the refusal",
	"LogInputs request: datasets.*.tags.*.value maxLength":                             "sent on purpose, to see the refusal",
	"LogBatch request: metrics type":                                                   "sent on purpose, to see the error page",
	"Run.outputs is not declared":                                                      "models belong to other operations",
	"GetServerInfoResult.artifact_serving_enabled is not declared":                     "about other parts of MLflow",
	"GetServerInfoResult.features_enabled is not declared":                             "about other parts of MLflow",
	"GetServerInfoResult.model_artifact_presigned_downloads_supported is not declared": "about other parts of MLflow",
	"GetServerInfoResult.presigned_upload_model_id_supported is not declared":          "about other parts of MLflow",
	"GetServerInfoResult.presigned_upload_run_id_supported is not declared":            "about other parts of MLflow",
	"GetServerInfoResult.skill_content_max_files is not declared":                      "about other parts of MLflow",
	"GetServerInfoResult.skill_content_max_size is not declared":                       "about other parts of MLflow",
	"GetServerInfoResult.trace_archival_enabled is not declared":                       "about other parts of MLflow",
	"GetServerInfoResult.tracking_auth is not declared":                                "about other parts of MLflow",
}

// TestRecordedExchanges checks every recorded exchange, and that all that is known still occurs.
func TestRecordedExchanges(t *testing.T) {
	t.Parallel()
	found := findings(t, document(t))
	for finding, files := range found {
		if known[finding] == "" {
			assert.Failf(t, finding, "in %d exchanges, such as one of %s", len(files), files[0])
		}
	}
	for finding := range known {
		if found[finding] == nil {
			assert.Fail(t, finding, "it is listed as known, but does not occur")
		}
	}
}

// TestDamagedDocuments breaks the document, and expects the recordings to notice.
func TestDamagedDocuments(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ intact, damaged, want string }{
		"a path has a typo": {
			"/runs/log-metric:", "/runs/log-metrics:",
			"POST /api/2.0/mlflow/runs/log-metric: no such operation",
		},
		"a method is another": {
			"    post:\n      operationId: CreateExperiment\n", "    put:\n      operationId: CreateExperiment\n",
			"POST /api/2.0/mlflow/experiments/create: no such operation",
		},
		"a query parameter has a typo": {
			"- name: experiment_name", "- name: experiment_nam",
			"GetExperimentByName request: query parameter experiment_name is not declared",
		},
		"a query parameter is required and not sent": {
			"- name: experiment_name", "- name: experiment_nam",
			"GetExperimentByName request: query lacks experiment_nam",
		},
		"a property of a request is dropped": {
			"        user_id:\n          type: string\n          description: |", "        user:\n          type: string\n          description: |",
			"CreateRunRequest.user_id is not declared",
		},
		"a property of a request is required and not sent": {
			"required: [experiment_id, start_time]", "required: [experiment_id, start_time, end_time]",
			"CreateRun request: required end_time",
		},
		"a property of a response is dropped": {
			"        artifact_uri:\n", "        artifact_url:\n",
			"RunInfo.artifact_uri is not declared",
		},
		"a property of a response is required and not sent": {
			"required: [run_id]\n      properties:\n        run_id: {$ref: \"#/components/schemas/RunId\"}\n        run_uuid",
			"required: [run_id, end_time]\n      properties:\n        run_id: {$ref: \"#/components/schemas/RunId\"}\n        run_uuid",
			"CreateRun 200: run.info required end_time",
		},
		"a type is another": {
			"        artifact_uri:\n          type: string", "        artifact_uri:\n          type: integer",
			"GetRun 200: run.info.artifact_uri type",
		},
		"a value with two forms has one": {
			"        - type: number\n          format: double\n", "",
			"LogMetric request: value type",
		},
		"an enum lacks a value": {
			"enum: [RUNNING, SCHEDULED, FINISHED, FAILED, KILLED]", "enum: [RUNNING, SCHEDULED, FINISHED, KILLED]",
			"UpdateRun request: status enum",
		},
		"a limit is too low": {
			"maxItems: 1000", "maxItems: 1",
			"LogBatch request: metrics maxItems",
		},
		"a list holds something else": {
			"items: {$ref: \"#/components/schemas/RunTag\"}", "items: {$ref: \"#/components/schemas/Metric\"}",
			"GetRun 200: run.data.tags.* required timestamp",
		},
		"errors have another form": {
			"        message:\n", "        text:\n",
			"ErrorResponse.message is not declared",
		},
		"errors are not JSON": {
			"application/json:\n          schema: {$ref: \"#/components/schemas/ErrorResponse\"}\n",
			"application/xml:\n          schema: {$ref: \"#/components/schemas/ErrorResponse\"}\n",
			`LogMetric 400: Content-Type "application/json" is not declared`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			intact := document(t)
			require.Positive(t, strings.Count(intact, test.intact), "the document has nothing to damage")
			found := findings(t, strings.Replace(intact, test.intact, test.damaged, 1))
			assert.Contains(t, slices.Collect(maps.Keys(found)), test.want)
		})
	}
}

// TestDocumentIsForAnyGenerator keeps what only ours needs out of the document, and in openapi/go.overlay.yaml.
func TestDocumentIsForAnyGenerator(t *testing.T) {
	t.Parallel()
	extension := regexp.MustCompile(`\bx-[\w-]+`)
	for _, name := range extension.FindAllString(document(t), -1) {
		assert.Equal(t, "x-mlflow-since", name)
	}
}

func TestPathsTakeWorkspace(t *testing.T) {
	t.Parallel()
	path := regexp.MustCompile(`(?m)^ {2}(/\S+):\n(.*)`)
	paths := path.FindAllStringSubmatch(document(t), -1)
	require.NotEmpty(t, paths)
	for _, match := range paths {
		assert.Equal(t, `    parameters: [{$ref: "#/components/parameters/Workspace"}]`, match[2], match[1])
	}
}

const documentFile = "../../openapi/mlflow.yaml"

func document(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(documentFile)
	require.NoError(t, err)
	return strings.ReplaceAll(string(data), "\r\n", "\n")
}

// findings returns the recordings in which each finding about a document occurs.
func findings(t *testing.T, document string) map[string][]string {
	t.Helper()
	spec, err := traffic.Parse([]byte(document))
	require.NoError(t, err)
	files, err := filepath.Glob("../../testdata/[0-9]*/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files, "no recordings: run make record")
	found := make(map[string][]string)
	for _, file := range files {
		exchanges, err := traffic.Read(file)
		require.NoError(t, err, file)
		for _, exchange := range exchanges {
			all, err := spec.Check(exchange)
			require.NoError(t, err, file)
			for _, finding := range all {
				found[finding] = append(found[finding], file)
			}
		}
	}
	return found
}
