package mlflow_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	rootPath     = "github.com/mlflow-go/mlflow"
	trackingPath = rootPath + "/tracking"
)

// A catalog knows the packages of the library and all that they depend on, as the compiler does.
type catalog struct {
	types.Importer
	fset     *token.FileSet
	standard map[string]bool
}

func newCatalog(t *testing.T) *catalog {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-export", "-deps", "-json=ImportPath,Export,Standard", rootPath)
	var complaints bytes.Buffer
	list.Stderr = &complaints
	output, err := list.Output()
	require.NoError(t, err, complaints.String())

	c := &catalog{fset: token.NewFileSet(), standard: make(map[string]bool)}
	exports := make(map[string]string)
	for decoder := json.NewDecoder(bytes.NewReader(output)); decoder.More(); {
		var p struct {
			ImportPath, Export string
			Standard           bool
		}
		require.NoError(t, decoder.Decode(&p))
		exports[p.ImportPath] = p.Export
		c.standard[p.ImportPath] = p.Standard
	}
	c.Importer = importer.ForCompiler(c.fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	return c
}

func (c *catalog) load(t *testing.T, path string) *types.Package {
	t.Helper()
	p, err := c.Import(path)
	require.NoError(t, err)
	return p
}

// strangers returns the types of other packages than the library's own and the standard library's that appear in what
// a package exports, each with the place where.
func (c *catalog) strangers(packages ...*types.Package) []string {
	s := &strangerSearch{catalog: c, own: packages, seen: make(map[types.Type]bool)}
	for _, p := range packages {
		for _, name := range p.Scope().Names() {
			if object := p.Scope().Lookup(name); object.Exported() {
				s.look(p.Name()+"."+name, object.Type())
			}
		}
	}
	return s.found
}

type strangerSearch struct {
	*catalog

	own   []*types.Package
	seen  map[types.Type]bool
	found []string
}

// look searches a type that appears at the given place.
func (s *strangerSearch) look(place string, t types.Type) {
	if s.seen[t] {
		return
	}
	s.seen[t] = true
	switch t := t.(type) {
	case *types.Alias:
		s.lookAtName(place, t.Obj(), t.TypeArgs())
		s.look(place, t.Rhs())
	case *types.Named:
		if s.lookAtName(place, t.Obj(), t.TypeArgs()) {
			s.lookInside(place, t)
		}
	case *types.TypeParam:
		s.look(place, t.Constraint())
	case *types.Pointer:
		s.look(place, t.Elem())
	case *types.Slice:
		s.look(place, t.Elem())
	case *types.Array:
		s.look(place, t.Elem())
	case *types.Chan:
		s.look(place, t.Elem())
	case *types.Map:
		s.look(place, t.Key())
		s.look(place, t.Elem())
	case *types.Signature:
		for param := range t.TypeParams().TypeParams() {
			s.look(place, param)
		}
		s.look(place, t.Params())
		s.look(place, t.Results())
	case *types.Tuple:
		for v := range t.Variables() {
			s.look(place, v.Type())
		}
	case *types.Struct:
		for field := range t.Fields() {
			if field.Exported() || field.Embedded() {
				s.look(place+"."+field.Name(), field.Type())
			}
		}
	case *types.Interface:
		for method := range t.Methods() {
			if method.Exported() {
				s.look(place+"."+method.Name(), method.Type())
			}
		}
		for embedded := range t.EmbeddedTypes() {
			s.look(place, embedded)
		}
	case *types.Union:
		for term := range t.Terms() {
			s.look(place, term.Type())
		}
	}
}

// lookAtName notes a stranger's name, and tells whether it is one of our own.
func (s *strangerSearch) lookAtName(place string, name *types.TypeName, arguments *types.TypeList) bool {
	for argument := range arguments.Types() {
		s.look(place, argument)
	}
	own := slices.Contains(s.own, name.Pkg())
	if name.Pkg() != nil && !own && !s.standard[name.Pkg().Path()] {
		s.found = append(s.found, fmt.Sprintf("%s shows %s.%s", place, name.Pkg().Path(), name.Name()))
	}
	return own
}

// lookInside searches what a type of our own has: its methods, also those from embedded types, and what it is made of.
func (s *strangerSearch) lookInside(place string, t *types.Named) {
	for param := range t.TypeParams().TypeParams() {
		s.look(place, param)
	}
	for method := range types.NewMethodSet(types.NewPointer(t)).Methods() {
		if method.Obj().Exported() {
			s.look(place+"."+method.Obj().Name(), method.Type())
		}
	}
	s.look(place, t.Underlying())
}

func TestNoGeneratedOrInternalTypeIsExported(t *testing.T) {
	t.Parallel()
	c := newCatalog(t)
	assert.Empty(t, c.strangers(c.load(t, rootPath), c.load(t, trackingPath)))
}

func TestAnExportedStrangerIsFound(t *testing.T) {
	t.Parallel()
	c := newCatalog(t)
	const (
		run     = rootPath + "/gen.Run"
		imports = "import (\"iter\"; \"" + rootPath + "/gen\"; \"" + rootPath + "/internal/wire\")\n" +
			"var _ iter.Seq[gen.Run]; var _ wire.Float64\n"
	)
	for code, want := range map[string]string{
		"func F(gen.Run) {}":                                                      "p.F shows " + run,
		"func F(...*gen.Run) {}":                                                  "p.F shows " + run,
		"func F() (int, []gen.Run) { return 0, nil }":                             "p.F shows " + run,
		"func F(func(map[string]gen.Run)) {}":                                     "p.F shows " + run,
		"func F[T gen.Run | int](T) {}":                                           "p.F shows " + run,
		"func F() iter.Seq2[gen.Run, error] { return nil }":                       "p.F shows " + run,
		"var V chan [2]gen.Run":                                                   "p.V shows " + run,
		"const C = gen.RunStatusFailed":                                           "p.C shows " + run + "Status",
		"type T = gen.Run":                                                        "p.T shows " + run,
		"type T struct{ Run gen.Run }":                                            "p.T.Run shows " + run,
		"type T struct{ *gen.Run }":                                               "p.T.Run shows " + run,
		"type T struct{ Inner struct{ Run gen.Run } }":                            "p.T.Inner.Run shows " + run,
		"type t struct{ Run gen.Run }; type T struct{ t }":                        "p.T.t.Run shows " + run,
		"type T struct{}; func (*T) M() gen.Run { return gen.Run{} }":             "p.T.M shows " + run,
		"type t struct{}; func (t) M(gen.Run) {}; func F() t { return t{} }":      "p.F.M shows " + run,
		"type T interface{ M(gen.Run) }":                                          "p.T.M shows " + run,
		"type i interface{ M(gen.Run) }; type T interface{ i }":                   "p.T.M shows " + run,
		"type T[E any] struct{ E E }; var V T[gen.Run]":                           "p.V shows " + run,
		"type T[E interface{ *gen.Run }] struct{}":                                "p.T shows " + run,
		"func F(wire.Float64) {}":                                                 "p.F shows " + rootPath + "/internal/wire.Float64",
		"type T struct{ hidden gen.Run }; func (T) m(gen.Run) {}":                 "",
		"func f(gen.Run) {}; type t struct{ Run gen.Run }; var v gen.Run":         "",
		"type T interface{ m(gen.Run) }; type S gen.RunStatus; const C S = \"x\"": "",
	} {
		file, err := parser.ParseFile(c.fset, "p.go", "package p\n"+imports+code, 0)
		require.NoError(t, err, code)
		p, err := (&types.Config{Importer: c}).Check(rootPath+"/p", c.fset, []*ast.File{file}, nil)
		require.NoError(t, err, code)
		found := c.strangers(p)
		if want == "" {
			assert.Empty(t, found, code)
		} else {
			assert.Contains(t, found, want, code)
		}
	}
}

// surface returns what a package exports, a line for each: what its types are made of as far as that is exported, and
// the methods of types of its own.
func surface(p *types.Package) []string {
	short := func(other *types.Package) string {
		if other == p {
			return ""
		}
		return other.Name()
	}
	var lines []string
	for _, name := range p.Scope().Names() {
		object := p.Scope().Lookup(name)
		if !object.Exported() {
			continue
		}
		line := types.ObjectString(object, short)
		switch object := object.(type) {
		case *types.Const:
			line += " = " + object.Val().String()
		case *types.TypeName:
			named, ok := object.Type().(*types.Named)
			if !ok || object.IsAlias() {
				break
			}
			if structure, ok := named.Underlying().(*types.Struct); ok {
				line = "type " + name + " " + types.TypeString(exportedPart(structure), short)
			}
			for method := range named.Methods() {
				if method.Exported() {
					receiver, signature := method.Signature().Recv(), types.TypeString(method.Type(), short)
					lines = append(lines, fmt.Sprintf("func (%s %s) %s%s", receiver.Name(), types.TypeString(receiver.Type(), short),
						method.Name(), strings.TrimPrefix(signature, "func")))
				}
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// exportedPart returns a struct without the fields that are not exported.
func exportedPart(structure *types.Struct) *types.Struct {
	var fields []*types.Var
	for field := range structure.Fields() {
		if field.Exported() {
			fields = append(fields, field)
		}
	}
	return types.NewStruct(fields, nil)
}

func TestWhatIsPromisedIsThere(t *testing.T) {
	t.Parallel()
	c := newCatalog(t)
	for path, promised := range map[string]string{rootPath: promisedOfRoot, trackingPath: promisedOfTracking} {
		have := surface(c.load(t, path))
		for line := range strings.Lines(promised) {
			if line = strings.TrimSpace(line); line != "" {
				assert.True(t, slices.Contains(have, line), "package %s has no\n\t%s", path, line)
			}
		}
	}
}

// What programs are built on: none of these lines changes before a new major version. Others can be added.
const promisedOfRoot = `
	func NewClient(opts ...Option) (*Client, error)
	func (c *Client) Tracking() *tracking.Client
	func (c *Client) TrackingURI() string

	func WithTrackingURI(uri string) Option
	func WithBasicAuth(username string, password string) Option
	func WithToken(token string) Option
	func WithTokenSource(source func(context.Context) (string, error)) Option
	func WithHeaders(headers map[string]string) Option
	func WithWorkspace(name string) Option
	func WithHTTPClient(client *http.Client) Option
	func WithTLSConfig(config *tls.Config) Option
	func WithTimeout(d time.Duration) Option
	func WithRetry(policy RetryPolicy) Option
	type RetryPolicy struct{MaxAttempts int; MinBackoff time.Duration; MaxBackoff time.Duration}
	func WithRequestEditor(edit func(context.Context, *http.Request) error) Option
	func WithLogger(logger *slog.Logger) Option
	func WithUserAgent(product string) Option
	func WithBatchLimits(limits tracking.BatchLimits) Option

	type Error = tracking.Error
	var ErrNotFound error
	var ErrAlreadyExists error
	var ErrInvalidArgument error
	var ErrUnauthenticated error
	var ErrPermissionDenied error
	var ErrRateLimited error
	var ErrUnavailable error
	var ErrUnsupported error
	var ErrUnexpectedResponse error
`

const promisedOfTracking = `
	func (c *Client) CreateExperiment(ctx context.Context, name string, opts ...CreateExperimentOption) (string, error)
	func (c *Client) GetExperiment(ctx context.Context, experimentID string) (*Experiment, error)
	func (c *Client) GetExperimentByName(ctx context.Context, name string) (*Experiment, error)
	func (c *Client) UpdateExperiment(ctx context.Context, experimentID string, newName string) error
	func (c *Client) DeleteExperiment(ctx context.Context, experimentID string) error
	func (c *Client) SearchExperiments(ctx context.Context, opts ...SearchExperimentsOption) (*ExperimentList, error)
	func (c *Client) SetExperimentTag(ctx context.Context, experimentID string, key string, value string) error

	func (c *Client) CreateRun(ctx context.Context, experimentID string, opts ...CreateRunOption) (*Run, error)
	func (c *Client) GetRun(ctx context.Context, runID string) (*Run, error)
	func (c *Client) UpdateRun(ctx context.Context, runID string, opts ...UpdateRunOption) (*RunInfo, error)
	func (c *Client) DeleteRun(ctx context.Context, runID string) error
	func (c *Client) SearchRuns(ctx context.Context, experimentIDs []string, opts ...SearchRunsOption) (*RunList, error)

	func (c *Client) LogMetric(ctx context.Context, runID string, key string, value float64, opts ...LogMetricOption) error
	func (c *Client) LogParam(ctx context.Context, runID string, key string, value string) error
	func (c *Client) SetTag(ctx context.Context, runID string, key string, value string) error
	func (c *Client) DeleteTag(ctx context.Context, runID string, key string) error
	func (c *Client) LogBatch(ctx context.Context, runID string, metrics []Metric, params []Param, tags map[string]string) error

	func (c *Client) AllExperiments(ctx context.Context, opts ...SearchExperimentsOption) iter.Seq2[Experiment, error]
	func (c *Client) AllRuns(ctx context.Context, experimentIDs []string, opts ...SearchRunsOption) iter.Seq2[Run, error]

	func WithArtifactLocation(uri string) CreateExperimentOption
	func WithExperimentTags(tags map[string]string) CreateExperimentOption
	func WithRunName(name string) RunOption
	type RunOption interface{CreateRunOption; UpdateRunOption}
	func WithRunTags(tags map[string]string) CreateRunOption
	func WithStartTime(t time.Time) CreateRunOption
	func WithIdempotencyKey(key string) CreateRunOption
	func WithStatus(status RunStatus) UpdateRunOption
	func WithEndTime(t time.Time) UpdateRunOption
	func WithStep(step int64) LogMetricOption
	func WithTimestamp(t time.Time) LogMetricOption
	func WithExperimentsFilter(filter string) SearchExperimentsOption
	func WithExperimentsOrderBy(fields ...string) SearchExperimentsOption
	func WithExperimentsMaxResults(n int) SearchExperimentsOption
	func WithExperimentsPageToken(token string) SearchExperimentsOption
	func WithExperimentsViewType(view ViewType) SearchExperimentsOption
	func WithRunsFilter(filter string) SearchRunsOption
	func WithRunsOrderBy(fields ...string) SearchRunsOption
	func WithRunsMaxResults(n int) SearchRunsOption
	func WithRunsPageToken(token string) SearchRunsOption
	func WithRunsViewType(view ViewType) SearchRunsOption

	type Experiment struct{ID string; Name string; ArtifactLocation string; LifecycleStage LifecycleStage; Tags map[string]string; CreationTime time.Time; LastUpdateTime time.Time}
	type Run struct{Info RunInfo; Data RunData}
	type RunInfo struct{RunID string; ExperimentID string; RunName string; UserID string; Status RunStatus; StartTime time.Time; EndTime time.Time; ArtifactURI string; LifecycleStage LifecycleStage}
	type RunData struct{Metrics []Metric; Params []Param; Tags map[string]string}
	type Metric struct{Key string; Value float64; Timestamp time.Time; Step int64}
	type Param struct{Key string; Value string}
	type ExperimentList struct{Experiments []Experiment; NextPageToken string}
	type RunList struct{Runs []Run; NextPageToken string}

	type RunStatus string
	const RunStatusRunning RunStatus = "RUNNING"
	const RunStatusScheduled RunStatus = "SCHEDULED"
	const RunStatusFinished RunStatus = "FINISHED"
	const RunStatusFailed RunStatus = "FAILED"
	const RunStatusKilled RunStatus = "KILLED"
	type ViewType string
	const ViewTypeActiveOnly ViewType = "ACTIVE_ONLY"
	const ViewTypeDeletedOnly ViewType = "DELETED_ONLY"
	const ViewTypeAll ViewType = "ALL"
	type LifecycleStage string
	const LifecycleStageActive LifecycleStage = "active"
	const LifecycleStageDeleted LifecycleStage = "deleted"

	type Error struct{Op string; StatusCode int; Code ErrorCode; Message string; RetryAfter time.Duration; Attempts int}
	func (e *Error) Error() string
	func (e *Error) Unwrap() error
	func (e *Error) Is(target error) bool
	func (e *Error) LogValue() slog.Value
	type ErrorCode string
	type BatchLimits struct{Metrics int; Params int; Tags int; Items int; Bytes int}
	type BatchError struct{Metrics int; Params int; Tags int; Err error}
	func (e *BatchError) Error() string
	func (e *BatchError) Unwrap() error
	var ErrNotFound error
	var ErrAlreadyExists error
	var ErrInvalidArgument error
	var ErrUnauthenticated error
	var ErrPermissionDenied error
	var ErrRateLimited error
	var ErrUnavailable error
	var ErrUnsupported error
	var ErrUnexpectedResponse error
`
