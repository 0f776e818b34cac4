package artifacts_test

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/artifacts"
	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/tracking"
)

func TestLogArtifact(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		files, run := client.Artifacts(), newRun(t, s, client)
		logText(t, files, run, "model/weights.txt", "first")
		logText(t, files, run, "model/weights.txt", "the second is longer")
		logText(t, files, run, "empty.txt", "")
		assert.Equal(t, "the second is longer", download(t, files, run, "model/weights.txt"))
		assert.Empty(t, download(t, files, run, "empty.txt"))

		// A reader that cannot seek, of known length.
		require.NoError(t, files.LogArtifact(t.Context(), run, "buffer.txt", bytes.NewBufferString("read once")))
		assert.Equal(t, "read once", download(t, files, run, "buffer.txt"))

		// From where the reader stands.
		reader := strings.NewReader("skipped, and not")
		_, err := reader.Seek(int64(len("skipped, ")), io.SeekStart)
		require.NoError(t, err)
		require.NoError(t, files.LogArtifact(t.Context(), run, "rest.txt", reader))
		assert.Equal(t, "and not", download(t, files, run, "rest.txt"))
	})
}

func TestListArtifacts(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		files, run := client.Artifacts(), newRun(t, s, client)
		list := func(dir string) []artifacts.Artifact {
			listed, err := files.ListArtifacts(t.Context(), run, dir)
			require.NoError(t, err)
			return listed
		}
		assert.Empty(t, list(""), "a new run")
		logText(t, files, run, "b/c/d.txt", "d")
		logText(t, files, run, "b/e.txt", "")
		logText(t, files, run, "a.txt", "a!")
		want := []artifacts.Artifact{{Path: "a.txt", Size: 2}, {Path: "b", IsDir: true}}
		assert.Equal(t, want, list(""))
		assert.Equal(t, want, list("."))
		assert.Equal(t, []artifacts.Artifact{{Path: "b/c", IsDir: true}, {Path: "b/e.txt"}}, list("b"))
		assert.Equal(t, []artifacts.Artifact{{Path: "b/c/d.txt", Size: 1}}, list("b/c"))
		assert.Empty(t, list("nothing"))
		assert.Empty(t, list("a.txt"), "a file")
	})
}

func TestArtifactsThatAreMissing(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		files, run := client.Artifacts(), newRun(t, s, client)
		logText(t, files, run, "folder/file.txt", "content")

		_, err := files.ListArtifacts(t.Context(), missingRun, "")
		require.ErrorIs(t, err, tracking.ErrNotFound)
		require.ErrorIs(t, files.LogArtifact(t.Context(), missingRun, "a.txt", strings.NewReader("a")), tracking.ErrNotFound)
		require.ErrorIs(t, files.DeleteArtifact(t.Context(), missingRun, "a.txt"), tracking.ErrNotFound)
		for path, want := range map[string]error{
			"missing": tracking.ErrNotFound, "folder": tracking.ErrInvalidArgument,
		} {
			_, err = files.DownloadArtifact(t.Context(), run, path)
			var failure *tracking.Error
			require.ErrorAs(t, err, &failure, path)
			require.ErrorIs(t, err, want, path)
			assert.Equal(t, "DownloadArtifact", failure.Op)
		}
	})
}

func TestDeleteArtifact(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		files, run := client.Artifacts(), newRun(t, s, client)
		logText(t, files, run, "a/b/c.txt", "c")
		logText(t, files, run, "a/d.txt", "d")
		logText(t, files, run, "e.txt", "e")
		require.NoError(t, files.DeleteArtifact(t.Context(), run, "a/b"))
		require.NoError(t, files.DeleteArtifact(t.Context(), run, "a/b"), "again")
		require.NoError(t, files.DeleteArtifact(t.Context(), run, "nothing"))
		err := files.DeleteArtifact(t.Context(), run, "a/d.txt")
		if s.Server.Before("2.17") {
			var failure *tracking.Error
			require.ErrorAs(t, err, &failure)
			assert.Equal(t, 500, failure.StatusCode)
			assert.Equal(t, 1, failure.Attempts, "nothing but a release can mend it")
			return
		}
		require.NoError(t, err)
		listed, err := files.ListArtifacts(t.Context(), run, "")
		require.NoError(t, err)
		for _, artifact := range listed {
			if artifact.Path == "a" { // S3 has no empty folders
				inside, err := files.ListArtifacts(t.Context(), run, "a")
				require.NoError(t, err)
				assert.Empty(t, inside)
				continue
			}
			assert.Equal(t, artifacts.Artifact{Path: "e.txt", Size: 1}, artifact)
		}
	})
}

// awkwardNames are names that arrive as they are.
var awkwardNames = []string{
	"with space.txt", " leading", "trailing ", "p+l+u+s", "col:on", "quo\"te", "apo'strophe", `back\slash`, "ques?tion", "semi;colon",
	"am&per=sand", "star*", "pipe|", "<angle>", "brackets[1]{2}", "dollar$", "at@", "comma,", "tilde~", "caret^`", ".hidden", "dots...",
	"ümläut-é", "日本語.txt", "emoji-🎉", "кириллица", "e\u0301 decomposed", "!(bang)", "-dash", "CON",
}

func TestAwkwardNames(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		files, run := client.Artifacts(), newRun(t, s, client)
		for _, name := range awkwardNames {
			logText(t, files, run, "in "+name+"/"+name, "this is "+name)
		}
		for _, name := range awkwardNames {
			assert.Equal(t, "this is "+name, download(t, files, run, "in "+name+"/"+name))
		}
		listed, err := files.ListArtifacts(t.Context(), run, "")
		require.NoError(t, err)
		var names []string
		for _, artifact := range listed {
			assert.True(t, artifact.IsDir)
			names = append(names, strings.TrimPrefix(artifact.Path, "in "))
		}
		assert.ElementsMatch(t, awkwardNames, names)
	})
}

// tree is a file system for tests, with files in folders.
func tree() fstest.MapFS {
	files := fstest.MapFS{}
	for i, name := range awkwardNames {
		content := strings.Repeat(name, i%4)
		if i%3 == 0 {
			name = "folder/" + name + "/deep/" + name
		}
		files[name] = &fstest.MapFile{Data: []byte(content), Mode: 0o644}
	}
	return files
}

// requireSame checks that two file systems hold the same files.
func requireSame(t *testing.T, want, got fs.FS) {
	t.Helper()
	read := func(files fs.FS) map[string]string {
		found := make(map[string]string)
		require.NoError(t, fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			content, err := fs.ReadFile(files, name)
			found[name] = string(content)
			return err
		}))
		return found
	}
	assert.Equal(t, read(want), read(got))
}

func TestLogArtifacts(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		files, run := client.Artifacts(), newRun(t, s, client)
		want := tree()
		require.NoError(t, files.LogArtifacts(t.Context(), run, "top/below", want, artifacts.WithParallelism(1)))
		stored, err := fs.Sub(files.FS(t.Context(), run), "top/below")
		require.NoError(t, err)
		requireSame(t, want, stored)
		copied := filepath.Join(t.TempDir(), "copy")
		require.NoError(t, os.CopyFS(copied, stored))
		requireSame(t, want, os.DirFS(copied))
	})
}

func TestLogArtifactsInParallel(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		s.LiveOnly("its requests overlap")
		client := newScenarioClient(t, s)
		files, run := client.Artifacts(), newRun(t, s, client)
		want := tree()
		var reports []int64
		total := int64(0)
		for _, file := range want {
			total += int64(len(file.Data))
		}
		require.NoError(t, files.LogArtifacts(t.Context(), run, "", want, artifacts.WithProgress(func(done, of int64) {
			assert.Equal(t, total, of)
			reports = append(reports, done)
		})))
		assert.IsIncreasing(t, reports)
		assert.Equal(t, total, reports[len(reports)-1])
		requireSame(t, want, files.FS(t.Context(), run))
	})
}

func TestFS(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		s.LiveOnly("its requests depend on the release of Go")
		client := newScenarioClient(t, s)
		files, run := client.Artifacts(), newRun(t, s, client)
		want := fstest.MapFS{
			"a.txt": {Data: []byte("a")}, "b/empty": {}, "b/c/日本 語": {Data: []byte("content")}, "b/c/d/e?f": {Data: []byte("more content")},
		}
		require.NoError(t, files.LogArtifacts(t.Context(), run, "", want))
		found := files.FS(t.Context(), run)
		require.NoError(t, fstest.TestFS(found, "a.txt", "b/empty", "b/c/日本 語", "b/c/d/e?f"))
		_, err := fs.ReadFile(found, "b/missing")
		var pathErr *fs.PathError
		require.ErrorAs(t, err, &pathErr)
		assert.Equal(t, "b/missing", pathErr.Path)
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.ErrorAs(t, err, new(*tracking.Error))
		_, err = fs.ReadDir(files.FS(t.Context(), missingRun), ".")
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.ErrorIs(t, err, tracking.ErrNotFound)
	})
}
