package transfer

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing/fstest"
	"time"

	"github.com/mlflow-go/mlflow"
)

// awkward are parts of names that clients and servers stumble over.
var awkward = []string{
	"with space", "p+lus", "col:on", "quo\"te", "apo'strophe", `back\slash`, "ques?tion x", "semi;colon x", "am&per=sand", "star*", "<angle>",
	"br[ack]{et}s", "$dollar", "at@", "ümläut", "日本語", "emoji-🎉", "кириллица", "e\u0301", ".hidden", "dots...", "~tilde", " space ",
}

// tree returns n files with awkward names, in folders, of 0 to 4096 bytes.
func tree(n int) fstest.MapFS {
	files := make(fstest.MapFS, n)
	for i := range n {
		name := fmt.Sprintf("%s %d", awkward[i%len(awkward)], i)
		if folder := i / 100; folder > 0 {
			name = fmt.Sprintf("%s/%d/%s", awkward[folder%len(awkward)], folder, name)
		}
		files[name] = &fstest.MapFile{Mode: 0o644, Data: []byte(strings.Repeat(name, 1+i%64))[:i*37%4097%(1+len(name)*(1+i%64))]}
	}
	return files
}

type treeTimes struct{ up, down time.Duration }

// moveTree sends a tree to a run, copies it into a folder, and compares.
func moveTree(ctx context.Context, client *mlflow.Client, runID string, n int, folder string) (treeTimes, error) {
	files := tree(n)
	began := time.Now()
	if err := client.Artifacts().LogArtifacts(ctx, runID, "tree", files); err != nil {
		return treeTimes{}, err
	}
	up := time.Since(began)
	stored, err := fs.Sub(client.Artifacts().FS(ctx, runID), "tree")
	if err != nil {
		return treeTimes{}, err
	}
	began = time.Now()
	if err := os.CopyFS(folder, stored); err != nil {
		return treeTimes{}, err
	}
	return treeTimes{up, time.Since(began)}, same(files, os.DirFS(folder))
}

// same returns an error if a copy does not hold the same files.
func same(files fstest.MapFS, copied fs.FS) error {
	found := 0
	err := fs.WalkDir(copied, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		found++
		content, err := fs.ReadFile(copied, name)
		if err == nil && (files[name] == nil || !bytes.Equal(content, files[name].Data)) {
			err = fmt.Errorf("%q is not what was stored", name)
		}
		return err
	})
	if err == nil && found != len(files) {
		err = fmt.Errorf("%d of %d files came back", found, len(files))
	}
	return err
}
