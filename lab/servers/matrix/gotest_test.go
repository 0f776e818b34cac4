package matrix

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRead(t *testing.T) {
	t.Parallel()
	const module = "github.com/mlflow-go/mlflow"
	tests := []struct {
		name   string
		output string
		want   Column
	}{
		{
			name: "outcomes",
			output: `
				{"Action":"start","Package":"x/tracking"}
				{"Action":"run","Package":"x/tracking","Test":"TestB"}
				{"Action":"run","Package":"x/tracking","Test":"TestB/3.17.2"}
				{"Action":"run","Package":"x/tracking","Test":"TestA"}
				{"Action":"run","Package":"x/tracking","Test":"TestA/3.17.2"}
				{"Action":"output","Package":"x/tracking","Test":"TestA/3.17.2","Output":"    a_test.go:1: logged\n"}
				{"Action":"output","Package":"x/tracking","Test":"TestA/3.17.2","Output":"    a_test.go:7: needs\n"}
				{"Action":"output","Package":"x/tracking","Test":"TestA/3.17.2","Output":"        4.0\n"}
				{"Action":"output","Package":"x/tracking","Test":"TestA/3.17.2","Output":"    --- SKIP: TestA/3.17.2 (0.00s)\n"}
				{"Action":"skip","Package":"x/tracking","Test":"TestA/3.17.2"}
				{"Action":"pass","Package":"x/tracking","Test":"TestA"}
				{"Action":"pass","Package":"x/tracking","Test":"TestB/3.17.2"}
				{"Action":"pass","Package":"x/tracking","Test":"TestB"}
				{"Action":"pass","Package":"x/tracking"}`,
			want: Column{Scenarios: []Scenario{
				{Name: "TestB", Outcome: OK},
				{Name: "TestA", Outcome: Skip, Skipped: []string{"needs 4.0"}},
			}},
		},
		{
			name: "a test of another server or of none is no scenario",
			output: `
				{"Action":"pass","Package":"x","Test":"TestA/2.9.2"}
				{"Action":"pass","Package":"x","Test":"TestA/3.17.2/part"}
				{"Action":"pass","Package":"x","Test":"TestA"}
				{"Action":"skip","Package":"x","Test":"TestB"}`,
		},
		{
			name: "a skipped part of a scenario is told",
			output: `
				{"Action":"output","Package":"x","Test":"TestA/3.17.2/part","Output":"    a_test.go:1: too new\n"}
				{"Action":"skip","Package":"x","Test":"TestA/3.17.2/part"}
				{"Action":"pass","Package":"x","Test":"TestA/3.17.2"}`,
			want: Column{Scenarios: []Scenario{{Name: "TestA", Outcome: OK, Skipped: []string{"too new"}}}},
		},
		{
			name: "a failure has the output of the whole test, and the package does not repeat it",
			output: `
				{"Action":"output","Package":"x","Test":"TestA","Output":"=== RUN   TestA\n"}
				{"Action":"output","Package":"x","Test":"TestA/3.17.2","Output":"    a_test.go:1: bad\n"}
				{"Action":"fail","Package":"x","Test":"TestA/3.17.2"}
				{"Action":"fail","Package":"x","Test":"TestA"}
				{"Action":"output","Package":"x","Output":"FAIL\n"}
				{"Action":"fail","Package":"x"}`,
			want: Column{
				Scenarios: []Scenario{{Name: "TestA", Outcome: Fail}},
				Failures:  []Failure{{Test: "x.TestA", Output: "=== RUN   TestA\n    a_test.go:1: bad\n"}},
			},
		},
		{
			name: "a panic fails what was running",
			output: `
				{"Action":"start","Package":"x"}
				{"Action":"run","Package":"x","Test":"TestA"}
				{"Action":"run","Package":"x","Test":"TestA/3.17.2"}
				{"Action":"output","Package":"x","Test":"TestA/3.17.2","Output":"panic: oh\n"}
				{"Action":"output","Package":"x","Output":"FAIL\tx\t0.01s\n"}
				{"Action":"fail","Package":"x"}`,
			want: Column{
				Scenarios: []Scenario{{Name: "TestA", Outcome: Fail}},
				Failures:  []Failure{{Test: "x.TestA", Output: "panic: oh\n"}},
			},
		},
		{
			name: "a package that does not build",
			output: `
				{"ImportPath":"x [x.test]","Action":"build-output","Output":"# x\n"}
				{"ImportPath":"x [x.test]","Action":"build-output","Output":"a.go:1: undefined: y\n"}
				{"ImportPath":"x [x.test]","Action":"build-fail"}
				{"Action":"start","Package":"x"}
				{"Action":"output","Package":"x","Output":"FAIL\tx [build failed]\n"}
				{"Action":"fail","Package":"x","FailedBuild":"x [x.test]"}`,
			want: Column{Failures: []Failure{{Test: "x", Output: "# x\na.go:1: undefined: y\nFAIL\tx [build failed]\n"}}},
		},
		{
			name:   "lines that are not events",
			output: "warning: printed by a test's own process\n" + `{"Action":"pass","Package":"` + module + `","Test":"TestA/3.17.2"}`,
			want:   Column{Scenarios: []Scenario{{Name: "TestA", Outcome: OK}}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.want.Server = "3.17.2"
			got, err := Read(strings.NewReader(test.output), "3.17.2")
			require.NoError(t, err)
			assert.Equal(t, test.want, got)
		})
	}
}
