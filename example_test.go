package mlflow_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"log"
	"net/http"
	"os"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/mlflowtest"
	"github.com/mlflow-go/mlflow/tracking"
)

// README.md and docs/reference.md contain the code of these examples. TestDocsCode compares them.

func Example() {
	ctx := context.Background()
	client, err := mlflow.NewClient(mlflow.WithTrackingURI("http://localhost:5000"))
	if err != nil {
		log.Fatal(err)
	}
	runs := client.Tracking()

	run, err := runs.CreateRun(ctx, "0", tracking.WithRunName("first try")) // 0 is the experiment "Default"
	if err != nil {
		log.Fatal(err)
	}
	id := run.Info.RunID
	if err := runs.LogParam(ctx, id, "learning_rate", "0.1"); err != nil {
		log.Fatal(err)
	}
	for epoch := range int64(5) {
		loss := 1 / float64(epoch+1)
		if err := runs.LogMetric(ctx, id, "loss", loss, tracking.WithStep(epoch)); err != nil {
			log.Fatal(err)
		}
	}
	if err := runs.SetTerminated(ctx, id, tracking.RunStatusFinished); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s/#/experiments/0/runs/%s\n", client.TrackingURI(), id)
}

func Example_background() {
	ctx := context.Background()
	client, err := mlflow.NewClient()
	if err != nil {
		log.Fatal(err)
	}
	const runID = "0123456789abcdef0123456789abcdef"
	batcher := tracking.NewBatcher(client.Tracking())
	for step := range int64(1000) {
		loss := 1 / float64(step+1)
		if err := batcher.LogMetric(ctx, runID, "loss", loss, tracking.WithStep(step)); err != nil {
			log.Fatal(err)
		}
	}
	if err := batcher.Close(ctx); err != nil { // before the run ends
		log.Fatal(err)
	}
}

func Example_search() {
	ctx := context.Background()
	client, err := mlflow.NewClient() // the server is MLFLOW_TRACKING_URI
	if err != nil {
		log.Fatal(err)
	}
	for run, err := range client.Tracking().AllRuns(ctx, []string{"0"}, tracking.WithRunsFilter("metrics.loss < 0.3")) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(run.Info.RunID, run.Info.RunName)
	}
}

func ExampleClient_Artifacts() {
	ctx := context.Background()
	client, err := mlflow.NewClient()
	if err != nil {
		log.Fatal(err)
	}
	const runID = "0123456789abcdef0123456789abcdef"
	files := client.Artifacts()
	if err := files.LogArtifacts(ctx, runID, "model", os.DirFS("out/model")); err != nil {
		log.Fatal(err)
	}
	if err := os.CopyFS("copy", files.FS(ctx, runID)); err != nil {
		log.Fatal(err)
	}
}

func Example_errors() {
	ctx := context.Background()
	client, err := mlflow.NewClient()
	if err != nil {
		log.Fatal(err)
	}
	const runID = "0123456789abcdef0123456789abcdef"
	run, err := client.Tracking().GetRun(ctx, runID)
	var failure *mlflow.Error
	switch {
	case errors.Is(err, mlflow.ErrNotFound):
		fmt.Println("there is no run", runID)
	case errors.As(err, &failure):
		fmt.Println(failure.StatusCode, failure.Code, failure.Message)
	default:
		fmt.Println(run.Info.RunName, run.Info.Status)
	}
}

func ExampleClient_Do() {
	ctx := context.Background()
	client, err := mlflow.NewClient()
	if err != nil {
		log.Fatal(err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "/version", nil) // below the tracking URI
	if err != nil {
		log.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		log.Fatal(err) // no response came
	}
	defer response.Body.Close()
	release, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		log.Fatal(response.Status, err)
	}
	fmt.Println("MLflow", string(release))
}

func Example_testing() {
	ctx := context.Background()
	server := mlflowtest.NewServer()
	defer server.Close()
	client, err := mlflow.NewClient(mlflow.WithTrackingURI(server.URL))
	if err != nil {
		log.Fatal(err)
	}
	id, err := client.Tracking().CreateExperiment(ctx, "iris")
	if err != nil {
		log.Fatal(err)
	}
	_, err = client.Tracking().CreateExperiment(ctx, "iris")
	fmt.Println(id, errors.Is(err, mlflow.ErrAlreadyExists))
	// Output: 1 true
}

// pages are those whose code is that of examples.
var pages = []string{"README.md", "docs/reference.md", "docs/from-python.md"}

// TestDocsCode checks that the code on the pages is formatted and compiles: each block must be part of an example, and a
// program must be complete. No example is there without a page.
func TestDocsCode(t *testing.T) {
	t.Parallel()
	examples := make(map[string]string) // by what they do
	for _, file := range []string{"example_test.go", "from_python_test.go"} {
		source := readFile(t, file)
		for _, f := range functions(t, source) {
			if strings.HasPrefix(f.Name.Name, "Example") {
				examples[f.Name.Name] = body(source, f)
			}
		}
	}
	flat := func(code string) string { return regexp.MustCompile(`(?m)^\t+`).ReplaceAllString(code, "") }
	shown := make(map[string]bool)
	for _, page := range pages {
		for _, block := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(readFile(t, page), -1) {
			code := block[1]
			formatted, err := format.Source([]byte(code))
			require.NoError(t, err, "%s:\n%s", page, code)
			assert.Equal(t, string(formatted), code, page)
			wanted := code
			if strings.HasPrefix(code, "package ") {
				requireComplete(t, code)
				wanted = body(code, functions(t, code)[0])
			}
			found := false
			for name, example := range examples {
				if strings.Contains(flat(example), flat(wanted)) {
					found, shown[name] = true, true
				}
			}
			assert.True(t, found, "%s: no example contains\n%s", page, code)
		}
	}
	for name := range examples {
		assert.True(t, shown[name], "no page shows %s", name)
	}
}

// TestReferenceNames checks that the reference names every method of a Batcher, every option of a client and every environment variable.
func TestReferenceNames(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range reflect.TypeFor[*tracking.Batcher]().NumMethod() {
		names = append(names, reflect.TypeFor[*tracking.Batcher]().Method(i).Name)
	}
	for _, f := range functions(t, readFile(t, "client.go")) {
		if strings.HasPrefix(f.Name.Name, "With") {
			names = append(names, f.Name.Name)
		}
	}
	for _, variable := range regexp.MustCompile(`"(MLFLOW_\w+)"`).FindAllStringSubmatch(readFile(t, "internal/config/environment.go"), -1) {
		names = append(names, variable[1])
	}
	reference := readFile(t, "docs/reference.md")
	missing := slices.DeleteFunc(names, func(name string) bool { return regexp.MustCompile("`" + name + `\b`).MatchString(reference) })
	assert.Empty(t, missing)
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(content)
}

// functions returns the functions of a file.
func functions(t *testing.T, source string) []*ast.FuncDecl {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "", source, parser.SkipObjectResolution)
	require.NoError(t, err, source)
	var all []*ast.FuncDecl
	for _, declaration := range file.Decls {
		if f, ok := declaration.(*ast.FuncDecl); ok {
			all = append(all, f)
		}
	}
	return all
}

// body returns the lines of a function's body, indented by one tab less.
func body(source string, f *ast.FuncDecl) string {
	between := source[f.Body.Lbrace : f.Body.Rbrace-1] // positions count from 1
	return strings.ReplaceAll(between, "\n\t", "\n")[len("\n"):]
}

// requireComplete checks that a program imports what it uses, and nothing else. Its body compiles as an example: to
// compile the program as well takes half a minute where caches are empty.
func requireComplete(t *testing.T, program string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "", program, 0)
	require.NoError(t, err, program)
	var used []string
	for _, name := range file.Unresolved {
		if types.Universe.Lookup(name.Name) == nil && !slices.Contains(used, name.Name) {
			used = append(used, name.Name)
		}
	}
	examples := readFile(t, "example_test.go")
	var imported []string
	for _, spec := range file.Imports {
		assert.Contains(t, examples, "\n\t"+spec.Path.Value+"\n", "an import of the examples, which compile")
		imported = append(imported, path.Base(strings.Trim(spec.Path.Value, `"`)))
	}
	assert.ElementsMatch(t, used, imported, program)
}
