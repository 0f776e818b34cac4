package tracking_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/gen"
	"github.com/mlflow-go/mlflow/internal/wire"
	"github.com/mlflow-go/mlflow/tracking"
)

// lostFields are the fields that recorded responses hold and the generated types do not keep.
var lostFields = map[string]string{
	"run.outputs":    "models belong to other operations",
	"runs[].outputs": "models belong to other operations",
}

// TestGoldenRoundTrip decodes every recorded response into the type that the spec has for it, encodes it again, and
// compares: what the spec gets wrong or does not know shows up as a difference. A success is decoded both by
// encoding/json and as the client does it.
func TestGoldenRoundTrip(t *testing.T) {
	t.Parallel()
	names := make(map[string]string) // by route
	newResponse := make(map[string]func() any)
	for _, op := range tracking.Operations {
		names[op.Route] = op.Name
		newResponse[op.Name] = op.NewResponse
	}
	files, err := filepath.Glob("../testdata/[0-9]*/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files, "no recordings: run make record")

	lost, seen := make(map[string]bool), make(map[string]bool)
	for _, file := range files {
		for _, exchange := range readRecording(t, file) {
			if path := exchange.Request.Path; strings.Contains(path, "artifact") || strings.HasSuffix(path, "/server-info") {
				continue // of package artifacts; lab/traffic checks it
			}
			name := names[exchange.Request.Method+" "+exchange.Request.Path]
			require.NotEmpty(t, name, "%s: no operation for %s", file, exchange.Request.Path)
			if exchange.Response.Status != 200 && exchange.Response.Body == nil {
				continue // a page for people
			}
			var response any = new(gen.ErrorResponse)
			if exchange.Response.Status == 200 {
				response = newResponse[name]()
				seen[name] = true
			}
			require.NoError(t, json.Unmarshal(exchange.Response.Body, response), file)
			encoded, err := json.Marshal(response)
			require.NoError(t, err)
			if exchange.Response.Status == 200 {
				assert.Equal(t, string(encoded), readAgain(t, exchange.Response.Body, newResponse[name]()), file)
			}
			compare(t, file, "", parse(t, exchange.Response.Body), parse(t, encoded), lost)
		}
	}
	for name := range newResponse {
		assert.True(t, seen[name], "no recording has a success of %s: run make record", name)
	}
	assert.ElementsMatch(t, slices.Collect(maps.Keys(lostFields)), slices.Collect(maps.Keys(lost)), "fields that get lost")
}

// readAgain returns the JSON of a response after the client read it.
func readAgain(t *testing.T, body []byte, response any) string {
	t.Helper()
	require.Implements(t, (*wire.Value)(nil), response)
	require.NoError(t, wire.Read(body, response.(wire.Value)))
	encoded, err := json.Marshal(response)
	require.NoError(t, err)
	return string(encoded)
}

type recordedExchange struct {
	Request  struct{ Method, Path string }
	Response struct {
		Status int
		Body   json.RawMessage
	}
}

func readRecording(t *testing.T, file string) []recordedExchange {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	var recording struct{ Exchanges []recordedExchange }
	require.NoError(t, json.Unmarshal(data, &recording), file)
	return recording.Exchanges
}

func parse(t *testing.T, data []byte) any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	require.NoError(t, decoder.Decode(&value))
	return value
}

// compare checks that two JSON values are equal, and collects the fields that the second lacks.
func compare(t *testing.T, file, path string, want, got any, lost map[string]bool) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		got, ok := got.(map[string]any)
		require.True(t, ok, "%s: %s is no object", file, path)
		for key, value := range want {
			field := key
			if path != "" {
				field = path + "." + key
			}
			if _, kept := got[key]; kept {
				compare(t, file, field, value, got[key], lost)
				delete(got, key)
			} else if value == "" {
				lost[field+` ""`] = true
			} else {
				lost[field] = true
			}
		}
		assert.Empty(t, got, "%s: fields that were added to %s", file, path)
	case []any:
		got, ok := got.([]any)
		require.True(t, ok && len(got) == len(want), "%s: %s", file, path)
		for i := range want {
			compare(t, file, path+"[]", want[i], got[i], lost)
		}
	default:
		assert.True(t, sameScalar(want, got), "%s: %s is %v, was %v", file, path, got, want)
	}
}

// sameScalar compares numbers by value: Python writes 1.0 for what Go writes as 1.
func sameScalar(a, b any) bool {
	x, isNumber := a.(json.Number)
	y, isToo := b.(json.Number)
	if !isNumber || !isToo || x == y {
		return reflect.DeepEqual(a, b)
	}
	f, errF := x.Float64()
	g, errG := y.Float64()
	return errF == nil && errG == nil && f == g && fmt.Sprint(f) == fmt.Sprint(g)
}
