package differential

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/lab/tables"
)

func TestGenerate(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for number := range 300 {
		calls := generate(1, number)
		assert.Equal(t, calls, generate(1, number), "a sequence can be repeated by its number")
		for _, c := range calls {
			seen[c.path]++
		}
	}
	routes, err := tables.Routes("../..")
	require.NoError(t, err)
	for name, route := range routes {
		_, path, _ := strings.Cut(route, "/mlflow/")
		assert.Positive(t, seen[path], "random calls of %s: add them to calls.go", name)
	}
	assert.Positive(t, seen[""], "paths that no server has")
}

func TestCompare(t *testing.T) {
	t.Parallel()
	respond := func(status int, text string, body any) response {
		return response{status: status, text: text, body: body}
	}
	refusal := map[string]any{"error_code": "BAD_REQUEST"}
	for _, test := range []struct {
		theirs, ours response
		want         string
	}{
		{respond(200, "", map[string]any{"a": "1"}), respond(200, "", map[string]any{"a": "1"}), ""},
		{respond(200, "", map[string]any{"a": "1"}), respond(200, "", map[string]any{"a": "2"}), "/a is 2 in place of 1"},
		{respond(200, "", map[string]any{"a": "1"}), respond(200, "", map[string]any{}), "/a is missing"},
		{respond(200, "", map[string]any{}), respond(200, "", map[string]any{"a": "1"}), "/a is too much"},
		{respond(200, "", []any{"a"}), respond(200, "", []any{"a", "b"}), " has 2 elements in place of 1"},
		{respond(400, "", refusal), respond(400, "other words", refusal), ""},
		{respond(400, "", refusal), respond(400, "", map[string]any{"error_code": "NOT_FOUND"}), "the error code"},
		{respond(400, "", refusal), respond(404, "", refusal), "the status"},
		{respond(500, "", nil), respond(400, "(a real server responds to this with status 500)", refusal), ""},
		{respond(500, "", nil), respond(http.StatusOK, "", nil), "mlflowtest must respond with 400 and say that a real server responds with 500"},
	} {
		assert.Equal(t, test.want, compare(test.theirs, test.ours))
	}
}
