package artifacts_test

import (
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/artifacts"
)

// panickyFS panics when a file is opened or read.
type panickyFS struct {
	fstest.MapFS

	onOpen bool
}

func (p panickyFS) Open(name string) (fs.File, error) {
	file, err := p.MapFS.Open(name)
	if name == "." || err != nil {
		return file, err
	}
	if p.onOpen {
		panic("a bug")
	}
	return panickyFile{file}, nil
}

type panickyFile struct{ fs.File }

func (panickyFile) Read([]byte) (int, error) { panic("a bug") }

type panickyReader struct{}

func (panickyReader) Read([]byte) (int, error) { panic("a bug") }

// A panic of the program's code continues on the goroutine of the call, where the program can recover it, and leaves
// nothing locked: the client is as good as before.
func TestLogArtifactPanicsOnTheCallersGoroutine(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	c := f.client(t)
	files := fstest.MapFS{"a": {Data: []byte("1")}, "b": {Data: []byte("2")}, "c": {Data: []byte("3")}}
	panics := artifacts.WithProgress(func(int64, int64) { panic("a bug") })
	for name, call := range map[string]func() error{
		"a reader":            func() error { return c.LogArtifact(t.Context(), anyRun, "a", panickyReader{}) },
		"a progress function": func() error { return c.LogArtifact(t.Context(), anyRun, "a", strings.NewReader("1"), panics) },
		"opening a file":      func() error { return c.LogArtifacts(t.Context(), anyRun, "", panickyFS{files, true}) },
		"reading a file":      func() error { return c.LogArtifacts(t.Context(), anyRun, "", panickyFS{files, false}) },
		"progress of several": func() error { return c.LogArtifacts(t.Context(), anyRun, "", files, panics) },
		"one file after the other": func() error {
			return c.LogArtifacts(t.Context(), anyRun, "", panickyFS{files, false}, artifacts.WithParallelism(1))
		},
	} {
		assert.PanicsWithValue(t, "a bug", func() { _ = call() }, name)
		ended := make(chan error)
		go func() { ended <- c.LogArtifact(t.Context(), anyRun, "after", strings.NewReader("1")) }()
		select {
		case err := <-ended:
			require.NoError(t, err, name)
		case <-time.After(10 * time.Second):
			t.Fatalf("after a panic in %s the client is stuck", name)
		}
	}
}

var _ io.Reader = panickyReader{}
