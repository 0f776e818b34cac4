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

// TestEndpointsOfTheSpec checks that the server has all operations of the spec, with their paths and methods.
func TestEndpointsOfTheSpec(t *testing.T) {
	t.Parallel()
	spec, err := os.ReadFile("../openapi/mlflow.yaml")
	require.NoError(t, err)
	operation := regexp.MustCompile(`(?m)^  /api/2\.0/mlflow/(\S+):\n(?:    parameters.*\n)?    (get|post):\n      operationId: (\w+)`)
	found := operation.FindAllStringSubmatch(string(spec), -1)
	require.Len(t, found, strings.Count(string(spec), "operationId:"))
	for _, match := range found {
		path, method, name := match[1], strings.ToUpper(match[2]), match[3]
		at := slices.IndexFunc(endpoints, func(e *endpoint) bool { return e.name == name })
		if assert.GreaterOrEqual(t, at, 0, "%s is missing", name) {
			assert.Equal(t, path, endpoints[at].path, name)
			assert.Contains(t, endpoints[at].methods, method, name)
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
