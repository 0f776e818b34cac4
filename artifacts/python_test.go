package artifacts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/scenario"
)

// moveWithPython runs artifacts.py with the Python that has the server's release of MLflow.
func moveWithPython(t *testing.T, s *scenario.Session, action, runID, folder string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Getenv("MLFLOW_TEST_PYTHON"), "../lab/python/artifacts.py", action, s.URI, runID, folder)
	output, err := command.CombinedOutput()
	require.NoError(t, err, string(output))
}

func needPython(t *testing.T, s *scenario.Session) {
	t.Helper()
	s.LiveOnly("it needs Python's client")
	if os.Getenv("MLFLOW_TEST_PYTHON") == "" {
		t.Skip("MLFLOW_TEST_PYTHON names no Python that has the server's release of MLflow")
	}
}

// forPython returns files whose names Python's client can move, too: it takes ? and ; for the end of a name, drops a
// space at either end, and before 3.13 servers send it no file with a name beyond Latin-1 (before 3.3) or ASCII.
func forPython(s *scenario.Session) fstest.MapFS {
	files := fstest.MapFS{"folder/empty": {}, "large": {Data: noise(3 << 20)}}
	for _, name := range awkwardNames {
		isASCII := !strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxASCII })
		if !strings.ContainsAny(name, "?;") && strings.TrimSpace(name) == name && (isASCII || !s.Server.Before("3.13")) {
			files["folder/"+name] = &fstest.MapFile{Data: []byte("this is " + name)}
		}
	}
	return files
}

func TestPythonDownloadsWhatGoLogged(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		needPython(t, s)
		client := newScenarioClient(t, s)
		run, want := newRun(t, s, client), forPython(s)
		require.NoError(t, client.Artifacts().LogArtifacts(t.Context(), run, "", want))
		folder := t.TempDir()
		moveWithPython(t, s, "download", run, folder)
		requireSame(t, want, os.DirFS(folder))
	})
}

func TestGoDownloadsWhatPythonLogged(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		needPython(t, s)
		client := newScenarioClient(t, s)
		run, want := newRun(t, s, client), forPython(s)
		folder := filepath.Join(t.TempDir(), "python")
		require.NoError(t, os.CopyFS(folder, want))
		moveWithPython(t, s, "log", run, folder)
		copied := filepath.Join(t.TempDir(), "go")
		require.NoError(t, os.CopyFS(copied, client.Artifacts().FS(t.Context(), run)))
		requireSame(t, want, os.DirFS(copied))
	})
}
