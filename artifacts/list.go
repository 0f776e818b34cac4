package artifacts

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/mlflow-go/mlflow/gen"
)

// An Artifact is a file or a folder of a run.
type Artifact struct {
	// Path is relative to all artifacts of the run, with slashes.
	Path  string
	IsDir bool
	// Size is the length of a file in bytes, 0 for a folder.
	Size int64
}

// ListArtifacts returns the files and folders directly in a folder of a run, sorted by path: one level. "" and "."
// stand for all artifacts. A folder that does not exist has none, without an error, and so has a file: servers don't
// tell these from empty folders. A run that does not exist is [tracking.ErrNotFound]. A list with a name that no file
// can have, such as "../x", is [tracking.ErrUnexpectedResponse].
//
// GET /api/2.0/mlflow/artifacts/list
func (c *Client) ListArtifacts(ctx context.Context, runID, dir string) ([]Artifact, error) {
	const method = "ListArtifacts"
	if err := checkRun(method, runID); err != nil {
		return nil, err
	}
	folder, err := checkFolder(method, dir)
	if err != nil {
		return nil, err
	}
	return c.list(ctx, method, runID, folder)
}

// list returns what is directly in a folder, sorted.
func (c *Client) list(ctx context.Context, method, runID, folder string) ([]Artifact, error) {
	var found []Artifact
	seen := make(map[string]bool)
	for token := ""; ; {
		page, err := call[gen.ListArtifactsResult](c, method, func(g gen.Client) (*http.Response, error) {
			return g.ListArtifacts(ctx, &gen.ListArtifactsParams{RunID: runID, Path: folder, PageToken: token})
		})
		if err != nil {
			return nil, err
		}
		for _, file := range page.Files {
			if file.Path == folder && !file.IsDir { // some storage lists a file as what is in it
				continue
			}
			if !isChild(folder, file.Path) || file.FileSize < 0 {
				return nil, unexpected(method, "the server lists %q in %q", file.Path, folder)
			}
			found = append(found, Artifact{Path: file.Path, IsDir: bool(file.IsDir), Size: int64(file.FileSize)})
		}
		if token = page.NextPageToken; token == "" {
			break
		}
		if seen[token] {
			return nil, unexpected(method, "the server returns the same page token again")
		}
		seen[token] = true
	}
	slices.SortFunc(found, func(a, b Artifact) int { return strings.Compare(a.Path, b.Path) })
	for i := 1; i < len(found); i++ {
		if found[i].Path == found[i-1].Path {
			return nil, unexpected(method, "the server lists %q twice", found[i].Path)
		}
	}
	return found, nil
}

// stat returns what is at a path. What does not exist is an error that matches [tracking.ErrNotFound].
func (c *Client) stat(ctx context.Context, method, runID, path string) (Artifact, error) {
	folder, _ := split(path)
	listed, err := c.list(ctx, method, runID, folder)
	if err != nil {
		return Artifact{}, err
	}
	found, ok := find(listed, path)
	if !ok {
		return Artifact{}, notFound(method, path)
	}
	return found, nil
}

// find returns the file or folder with the given path in a sorted list.
func find(listed []Artifact, path string) (Artifact, bool) {
	i, ok := slices.BinarySearchFunc(listed, path, func(a Artifact, path string) int { return strings.Compare(a.Path, path) })
	if !ok {
		return Artifact{}, false
	}
	return listed[i], true
}

// statFile is stat for a file.
func (c *Client) statFile(ctx context.Context, method, runID, path string) (Artifact, error) {
	found, err := c.stat(ctx, method, runID, path)
	if err == nil && found.IsDir {
		err = invalid(method, "the artifact %q is a folder", path)
	}
	return found, err
}
