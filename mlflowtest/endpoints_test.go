package mlflowtest

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// otherPaths are the operations of the spec that handler.go serves, as their paths hold that of a file or are not below
// /api/2.0/mlflow/, and those that a server on local storage does not have.
var otherPaths = []string{
	"DownloadArtifact", "UploadArtifact", "DeleteArtifact", "ReadArtifact", "StoreArtifact", "GetServerInfo",
	"GetPresignedDownloadUrl", "CreateMultipartUpload", "CompleteMultipartUpload", "AbortMultipartUpload",
	"CreatePresignedUploadUrl", "CreatePresignedDownloadUrl",
}

// TestEndpointsOfTheSpec checks that the server has all other operations of the spec, with their paths and methods.
func TestEndpointsOfTheSpec(t *testing.T) {
	t.Parallel()
	spec, err := os.ReadFile("../openapi/mlflow.yaml")
	require.NoError(t, err)
	named := regexp.MustCompile(`operationId: (\w+)`)
	for _, match := range named.FindAllStringSubmatch(string(spec), -1) {
		name := match[1]
		at := slices.IndexFunc(endpoints, func(e *endpoint) bool { return e.name == name })
		if slices.Contains(otherPaths, name) {
			assert.Negative(t, at, name)
			continue
		}
		if assert.GreaterOrEqual(t, at, 0, "endpoints.go lacks %s", name) {
			operation := regexp.MustCompile(`(?m)^  /api/2\.0/mlflow/(\S+):\n(?:    parameters.*\n)?    (get|post):\n      operationId: ` + name + `\n`)
			found := operation.FindStringSubmatch(string(spec))
			require.NotNil(t, found, name)
			assert.Equal(t, found[1], endpoints[at].path, name)
			assert.Contains(t, endpoints[at].methods, strings.ToUpper(found[2]), name)
		}
	}
}

func TestLike(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text, pattern string
		want          bool
	}{
		{"", "", true},
		{"", "%", true},
		{"", "_", false},
		{"a", "", false},
		{"abc", "abc", true},
		{"abc", "a%", true},
		{"abc", "%c", true},
		{"abc", "%b%", true},
		{"abc", "a_c", true},
		{"abc", "a_", false},
		{"abc", "_b%_", true},
		{"été", "_t_", true},
		{"aXbXc", "a%X_", true},
		{"aaab", "%a_", true},
		{"aaab", "%ab%", true},
		{"ab", "%%%", true},
		{"abc", "A%", false},
		{"a%c", "a%c", true},
		{"\xff", "_", true},
	} {
		assert.Equal(t, test.want, like(test.text, test.pattern), "%q LIKE %q", test.text, test.pattern)
	}
}

// FuzzFilter looks for filters at which the parser panics or does not end, and for what it finds and loses.
func FuzzFilter(f *testing.F) {
	for _, filter := range []string{
		"metrics.loss < 0.5 AND params.`a b` = \"x\"", "tags.a IS NOT NULL", "run_id NOT IN ('a', 'b')", "start_time >= 1e3", "a.'b", "'it''s'", "((", "``",
	} {
		f.Add(filter)
	}
	f.Fuzz(func(t *testing.T, filter string) {
		var text strings.Builder
		for _, token := range tokenize(filter) {
			assert.NotEmpty(t, token.text)
			text.WriteString(token.text)
		}
		assert.Equal(t, strings.Join(strings.Fields(filter), ""), strings.Join(strings.Fields(text.String()), ""))
		conditions, err := runLanguage.parseFilter(filter)
		if err != nil || runLanguage.checkOperators(conditions) != nil {
			return
		}
		r := &run{experiment: &experiment{}, tags: newPairs[string](), params: newPairs[string](), metrics: newPairs[*history]()}
		for _, c := range conditions {
			r.matches(c)
		}
	})
}

// FuzzParseJSON looks for bodies at which the reader panics.
func FuzzParseJSON(f *testing.F) {
	for _, body := range []string{`{"a": [1, -2.5e3, NaN, "\ud83d\ude00\ud800"]}`, `[[[[`, `"\u12`, `-Infinity`, `{"a":1,"a":2}`, "\ufeff{}", `1_0`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		value, ok := parseJSON(body)
		if !ok {
			return
		}
		for _, e := range endpoints {
			e.request.new().read(value)
		}
	})
}
