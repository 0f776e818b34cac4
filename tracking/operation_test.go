package tracking_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/tracking"
)

// routes returns method and path of each operation.
func routes() map[string]string {
	all := make(map[string]string)
	for _, op := range tracking.Operations {
		all[op.Name] = op.Route
	}
	return all
}

// TestOperationsHaveSamples holds the samples of samples_test.go against the operations, which make tables lists as the spec
// has them.
func TestOperationsHaveSamples(t *testing.T) {
	t.Parallel()
	described, sampled := routes(), make(map[string]bool)
	for _, op := range operations {
		sampled[op.name] = true
		assert.Equal(t, described[op.name], op.route, "the sample of %s in samples_test.go", op.name)
	}
	for name := range described {
		assert.True(t, sampled[name], "samples_test.go has no sample of %s", name)
	}
}

// TestCompositesUseTheirOperations holds the list of composites against what they send.
func TestCompositesUseTheirOperations(t *testing.T) {
	t.Parallel()
	described := routes()
	for _, method := range composites {
		onFaultyServer(t, described[method.writes], nil, func(t *testing.T, w *faultyServer, client *tracking.Client) {
			var sent, want []string
			w.onRequest = func(route string) fault {
				sent = append(sent, route)
				return fault{}
			}
			require.NoError(t, method.use(t.Context(), client), method.name)
			for _, op := range method.ops {
				want = append(want, described[op])
			}
			assert.Equal(t, strings.Join(want, "\n"), strings.Join(sent, "\n"), method.name)
		})
	}
}
