package artifacts_test

import (
	"io/fs"
	"net/url"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/artifacts"
	"github.com/mlflow-go/mlflow/tracking"
)

// badPaths are refused before anything is sent, for these reasons.
var badPaths = map[string]string{
	"":             "must not be empty",
	"/a":           "absolute",
	"//":           "absolute",
	"a/":           "empty segment",
	"a//b":         "empty segment",
	".":            `segment "."`,
	"a/./b":        `segment "."`,
	"..":           `segment ".."`,
	"../x":         `segment ".."`,
	"a/../../x":    `segment ".."`,
	`..\x`:         `segment ".."`,
	`a\..\..\x`:    `segment ".."`,
	"a#b":          "has a #",
	"a%b":          "has a %",
	"%2e%2e/x":     "has a %",
	"line\nbreak":  "control character",
	"tab\tstop":    "control character",
	"nul\x00":      "control character",
	"q?":           "? or ; at the end",
	"folder;/file": "? or ; at the end",
	"\xff":         "not valid UTF-8",
}

func TestBadPathsAreRefused(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	client := f.client(t)
	for bad, reason := range badPaths {
		requireRefused(t, client.LogArtifact(t.Context(), anyRun, bad, strings.NewReader("x")), reason)
		requireRefused(t, client.DeleteArtifact(t.Context(), anyRun, bad), reason)
		_, err := client.DownloadArtifact(t.Context(), anyRun, bad)
		requireRefused(t, err, reason)
		if bad == "" || bad == "." { // the top
			continue
		}
		_, err = client.ListArtifacts(t.Context(), anyRun, bad)
		requireRefused(t, err, reason)
		requireRefused(t, client.LogArtifacts(t.Context(), anyRun, bad, fstest.MapFS{}), reason)
		_, err = fs.Stat(client.FS(t.Context(), anyRun), bad)
		require.ErrorIs(t, err, fs.ErrInvalid, "%q", bad)
		if fs.ValidPath(bad) {
			require.ErrorIs(t, client.LogArtifacts(t.Context(), anyRun, "", fstest.MapFS{"fine": {}, bad: {}}), tracking.ErrInvalidArgument)
		}
	}
	assertNothingSent(t, f)
}

func TestBadArgumentsAreRefused(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	client := f.client(t)
	_, err := client.ListArtifacts(t.Context(), "", "")
	requireRefused(t, err, "run ID")
	requireRefused(t, client.LogArtifact(t.Context(), "", "a", strings.NewReader("x")), "run ID")
	requireRefused(t, client.LogArtifact(t.Context(), anyRun, "a", nil), "nil")
	requireRefused(t, client.LogArtifacts(t.Context(), anyRun, "", nil), "nil")
	for _, n := range []int{0, -1, 65} {
		requireRefused(t, client.LogArtifacts(t.Context(), anyRun, "", fstest.MapFS{}, artifacts.WithParallelism(n)), "from 1 to 64")
	}
	_, err = fs.ReadDir(client.FS(t.Context(), ""), ".")
	require.ErrorIs(t, err, tracking.ErrInvalidArgument)
	require.NoError(t, client.LogArtifacts(t.Context(), anyRun, "", fstest.MapFS{}), "nothing to do")
	assertNothingSent(t, f)
}

// What passes the rules reaches the server as it is: its path leads to no other place, and no other request.
func FuzzPath(f *testing.F) {
	for bad := range badPaths {
		f.Add(bad)
	}
	for _, name := range awkwardNames {
		f.Add(name)
		f.Add("folder/" + name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if artifacts.WhyNotPath(name) != "" {
			return
		}
		require.True(t, fs.ValidPath(name), "%q", name)
		require.Equal(t, name, path.Clean(name))
		escaped := artifacts.EscapedPath(t, name)
		const prefix = "/api/2.0/mlflow-artifacts/artifacts/0/run/artifacts/"
		require.True(t, strings.HasPrefix(escaped, prefix), "%q became %q", name, escaped)
		decoded, err := url.PathUnescape(escaped)
		require.NoError(t, err)
		require.Equal(t, prefix+name, decoded)
		again, err := url.PathUnescape(decoded) // as MLflow does
		require.NoError(t, err)
		require.Equal(t, decoded, again)
		assert.NotContains(t, escaped, "?")
		assert.NotContains(t, escaped, ";")
	})
}
