package tables

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/golden"
)

func TestTablesAreCurrent(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	pages, err := Pages(root)
	require.NoError(t, err)
	for name, want := range pages {
		assert.NoError(t, golden.Compare(filepath.Join(root, name), want, golden.Updating()))
	}
}

const library = `package tracking

var (
	getRun = operation[int, int]{name: "GetRun", safety: transport.MayRunTwice}
	logPlot = operation[int, int]{
		name: "LogPlot", safety: transport.RunOnce,
	}
	deletePlot = operation[int, int]{name: "DeletePlot", safety: transport.MayRunTwice, alreadyDone: isGone}
)

// GetRun returns a [*Run], as it is. It does more.
//
// GET /runs/get
func (c *Client) GetRun(ctx context.Context) (*Run, error) { return nil, nil }

// LogPlot logs a plot | picture.
//
// POST /plots/log
func (c *Client) LogPlot(ctx context.Context, opts ...LogPlotOption) error { return nil }

// DeletePlot deletes a plot.
//
// POST /plots/delete
func (c *Client) DeletePlot(ctx context.Context, opts ...DeletePlotOption) error { return nil }

// LogPlot hands over a plot.
func (b *Batcher) LogPlot(ctx context.Context) error { return nil }

type LogPlotOption interface{ applyToLogPlot() }

type DeletePlotOption interface{ applyToDeletePlot() }

type PlotOption interface {
	LogPlotOption
	DeletePlotOption
}

// WithColor sets the color. It is red by default.
func WithColor(color string) PlotOption { return nil }
`

func read(t *testing.T, text string) *source {
	t.Helper()
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "plots.go"), []byte(text), 0o600))
	s, err := readSource(folder)
	require.NoError(t, err)
	return s
}

func TestMethodTable(t *testing.T) {
	t.Parallel()
	s := read(t, library)
	assert.Equal(t, "| method | does | endpoints | returns |\n|---|---|---|---|\n"+
		"| `GetRun` | returns a `Run`, as it is | `GET /runs/get` | `*Run` |\n"+
		"| `LogPlot` | logs a plot \\| picture (MLflow 3.20 and later) | `POST /plots/log` |  |\n"+
		"| `DeletePlot` | deletes a plot | `POST /plots/delete` |  |\n",
		methodTable(inOrder(s.methods, s.operations), map[string]string{"LogPlot": "3.20"}))
}

func TestOptionTable(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "| option | of | what it does |\n|---|---|---|\n"+
		"| `WithColor` | `LogPlot`, `DeletePlot` | sets the color |\n", optionTable(read(t, library)))
}

func TestRetries(t *testing.T) {
	t.Parallel()
	retries := retriesOf(read(t, library).operations)
	assert.Equal(t, "//   - GetRun is retried: reading changes nothing.\n"+
		"//   - LogPlot is not retried: the server would run it twice.\n"+
		"//   - DeletePlot is retried: on a retry, 404 counts as success.\n", retryList(retries))
}

func TestRowMustSayWhetherItMayRunTwice(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	row := `package tracking; var logPlot = operation[int, int]{name: "LogPlot"}`
	require.NoError(t, os.WriteFile(filepath.Join(folder, "operation.go"), []byte(row), 0o600))
	_, err := readSource(folder)
	assert.EqualError(t, err, "the row logPlot: say whether the operation may run twice")
}

// TestForgottenParts takes something away from the library, and expects one line that names it.
func TestForgottenParts(t *testing.T) {
	t.Parallel()
	s := read(t, library)
	spec := map[string]endpoint{
		"GetRun": {route: "GET /runs/get"}, "LogPlot": {route: "POST /plots/log"}, "DeletePlot": {route: "POST /plots/delete"},
	}
	require.NoError(t, checkRows(s, spec))
	require.NoError(t, checkEndpoints(s, spec))

	spec["DeletePlot"] = endpoint{route: "POST /plots/remove"}
	assert.EqualError(t, checkEndpoints(s, spec), `the comment of DeletePlot must end with a paragraph that says "POST /plots/remove"`)
	spec["LogTable"] = endpoint{route: "POST /tables/log"}
	assert.EqualError(t, checkRows(s, spec), "tracking/operation.go has no row for LogTable of the spec")
	delete(spec, "LogTable")
	s.methods = s.methods[:2]
	assert.EqualError(t, checkRows(s, spec), "package tracking has no method DeletePlot, which operation.go has a row for")
}
