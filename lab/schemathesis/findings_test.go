package schemathesis

import (
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	page = `<!doctype html>`
	log  = `2026/11/25 03:03:39 INFO:     127.0.0.1:34090 - "GET /health HTTP/1.1" 200 OK
2026/11/25 03:03:39 ERROR mlflow.server: Exception on /api/2.0/mlflow/runs/log-batch [POST]
Traceback (most recent call last):
  File "/envs/3.17.2/lib/python3.11/site-packages/flask/app.py", line 1511, in wsgi_app
    response = self.full_dispatch_request()
  File "/envs/3.17.2/lib/python3.11/site-packages/mlflow/utils/proto_json_utils.py", line 171, in parse_dict
    ParseDict(js_dict=js_dict, message=message, ignore_unknown_fields=True)
  File "/envs/3.17.2/lib/python3.11/site-packages/google/protobuf/json_format.py", line 626, in _ConvertFieldValuePair
    for name in js:
TypeError: 'bool' object is not iterable
2026/11/25 03:03:39 INFO:     127.0.0.1:34090 - "POST /api/2.0/mlflow/runs/log-batch HTTP/1.1" 500 Internal Server Error
`
)

// TestFindings reads what the tool reports of one request, and how the kind of the finding reads.
func TestFindings(t *testing.T) {
	t.Parallel()
	const invalid = `\"s3://1\" is not of type \"integer\"\n\nSchema at /components/schemas/RunInfo/properties/artifact_uri:\n`
	for name, test := range map[string]struct {
		path   string
		status int
		body   string
		check  string // that fails
		detail string // of the failure
		log    string
		want   []string
	}{
		"nothing": {
			path: "runs/get", status: 404, body: `{"error_code": "RESOURCE_DOES_NOT_EXIST"}`,
		},
		"an error of MLflow": {
			path: "runs/search", status: 500, check: "not_a_server_error",
			body: `{"error_code": "INTERNAL_ERROR", "message": "Run 'a' of 12 is odd\nTraceback"}`,
			want: []string{"runs/search: 500 INTERNAL_ERROR: Run ... of ... is odd"},
		},
		"an exception": {
			path: "runs/log-batch", status: 500, check: "not_a_server_error", body: page, log: log,
			want: []string{"runs/log-batch: 500 TypeError in parse_dict"},
		},
		"a status": {
			path: "runs/set-tag", status: 400, check: "status_code_conformance", detail: `Received: 400\nDocumented: 200`,
			body: `{"error_code": "BAD_REQUEST", "message": "No"}`,
			want: []string{"runs/set-tag: 400 status_code_conformance: Received: ... BAD_REQUEST: No"},
		},
		"a body": {
			path: "runs/get", status: 200, check: "response_schema_conformance", detail: invalid, body: `{}`,
			want: []string{"runs/get: 200 response_schema_conformance: ... is not of type ... " +
				"in /components/schemas/RunInfo/properties/artifact_uri"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checks := `{"name": "x", "status": "success"}`
			if test.check != "" {
				checks += fmt.Sprintf(`, {"name": %q, "status": "failure", "failure_info": {"failure": {"message": "%s"}}}`,
					test.check, test.detail)
			}
			found, err := findings(oneRequest(t, checks, test.path, test.status, test.body), write(t, test.log))
			require.NoError(t, err)
			assert.Equal(t, 1, found.Requests)
			assert.Equal(t, test.want, slices.Collect(maps.Keys(found.Kinds)))
		})
	}
}

// TestCrashesMustBeExplained expects an error if the report and the server's log do not tell of the same crashes.
func TestCrashesMustBeExplained(t *testing.T) {
	t.Parallel()
	failed := `{"name": "not_a_server_error", "status": "failure"}`
	_, err := findings(oneRequest(t, failed, "runs/log-batch", 500, page), write(t, ""))
	require.ErrorContains(t, err, "the server's log does not say why it failed: POST http://x/api/2.0/mlflow/runs/log-batch")
	_, err = findings(oneRequest(t, failed, "runs/search", 500, page), write(t, log))
	require.ErrorContains(t, err, "the server's log does not say why it failed")
	_, err = findings(oneRequest(t, failed, "runs/search", 200, `{}`), write(t, log))
	require.ErrorContains(t, err, "the report lacks 1 crashes that are in the server's log")
}

// TestFindingsNameOperationsNotSent: what the tool could not do is a finding as well.
func TestFindingsNameOperationsNotSent(t *testing.T) {
	t.Parallel()
	found, err := findings(write(t, `{"Initialize": {}} {"NonFatalError": {"message": "too slow"}}`), write(t, ""))
	require.NoError(t, err)
	assert.Equal(t, map[string][]string{"error of the tool": {`{"message": "too slow"}`}}, found.Kinds)
}

// TestJudge expects no more than what is known.
func TestJudge(t *testing.T) {
	t.Parallel()
	found := Findings{Kinds: make(map[string][]string)}
	require.NoError(t, judge(found))
	for kind := range known {
		found.Kinds[kind] = []string{"a request"}
	}
	require.NoError(t, judge(found))
	found.Kinds["runs/get: 500 with a page"] = []string{"a request"}
	require.ErrorContains(t, judge(found), "1 kinds of findings")
}

// oneRequest returns a report of one request.
func oneRequest(t *testing.T, checks, path string, status int, body string) string {
	t.Helper()
	return write(t, fmt.Sprintf(`{"ScenarioFinished": {"recorder": {"checks": {"id": [%s]}, "interactions": {"id": {
		"request": {"method": "POST", "uri": "http://x/api/2.0/mlflow/%s?a=b", "body": null},
		"response": {"status_code": %d, "content": {"$base64": %q}}}}}}}`,
		checks, path, status, base64.StdEncoding.EncodeToString([]byte(body))))
}

func write(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, []byte(strings.TrimLeft(content, "\n")), 0o600))
	return file
}
