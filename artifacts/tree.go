package artifacts

import (
	"cmp"
	"context"
	"io"
	"io/fs"
	"maps"
	"slices"

	"github.com/mlflow-go/mlflow/internal/failure"
	"github.com/mlflow-go/mlflow/internal/transport"
)

// LogArtifacts stores all files of a file system, such as [os.DirFS] of a folder, as files of a run, in a folder of it;
// "" and "." stand for the top. Four files at a time are sent, unless WithParallelism says otherwise. Each is sent as
// LogArtifact does, and opened again for a retry. What was stored is verified by size, folder by folder, when all is
// sent.
//
// Before anything is sent, all names are checked, as the package's documentation says. Links are followed to files; one
// to a folder, and what is not a regular file, is refused. Empty folders are left out: there is no way to store one.
//
// The first error ends the call: an [*fs.PathError] that names the file, with an error as LogArtifact returns inside.
// Other files may have been stored by then.
//
// GET /api/2.0/mlflow/runs/get
// PUT /api/2.0/mlflow-artifacts/artifacts/{artifact_path}
// GET /api/2.0/mlflow/artifacts/list
func (c *Client) LogArtifacts(ctx context.Context, runID, dir string, files fs.FS, opts ...LogArtifactOption) error {
	const method = "LogArtifacts"
	settings := newLogSettings(opts)
	folder, err := checkFolder(method, dir)
	if err := cmp.Or(checkRun(method, runID), err, settings.check(method)); err != nil {
		return err
	}
	if files == nil {
		return invalid(method, "the file system is nil")
	}
	found, err := filesOf(method, folder, files)
	if err != nil || len(found) == 0 {
		return err
	}
	storage, err := c.storageOf(ctx, method, runID)
	if err != nil {
		return err
	}
	total := int64(0)
	for _, file := range found {
		total += file.size
	}
	t := &tree{
		client: c, method: method, runID: runID, storage: storage, files: files, parallelism: settings.parallelism,
		progress: newProgressReporter(settings.progress, total),
	}
	for round := 1; ; round++ {
		if err := t.send(ctx, found); err != nil {
			return err
		}
		wrong, err := t.verify(ctx, found)
		if err == nil || len(wrong) == 0 || round == maxUploads {
			return err
		}
		found = wrong
	}
}

// A treeFile is a file to be stored.
type treeFile struct {
	name string // in the file system
	path string // of the artifact
	size int64
}

// filesOf returns the files of a file system, and where in a folder they go, or why they can't.
func filesOf(method, folder string, files fs.FS) ([]treeFile, error) {
	var found []treeFile
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return inFile(method, name, failure.NotSent(method, err))
		}
		if entry.IsDir() {
			return nil
		}
		info, err := entry.Info()
		if err == nil && info.Mode().Type() == fs.ModeSymlink {
			info, err = fs.Stat(files, name)
		}
		path := join(folder, name)
		switch {
		case err != nil:
			err = failure.NotSent(method, err)
		case info.IsDir():
			err = invalid(method, "it is a link to a folder")
		case !info.Mode().IsRegular():
			err = invalid(method, "it is not a regular file")
		default:
			err = checkPath(method, path)
		}
		if err != nil {
			return inFile(method, name, err)
		}
		found = append(found, treeFile{name, path, info.Size()})
		return nil
	})
	return found, err
}

// inFile returns an error that names a file.
func inFile(method, name string, err error) error {
	return &fs.PathError{Op: method, Path: name, Err: err}
}

// A tree stores the files of a file system.
type tree struct {
	client      *Client
	method      string
	runID       string
	storage     storage
	files       fs.FS
	parallelism int
	progress    *progressReporter
}

func (t *tree) send(ctx context.Context, files []treeFile) error {
	return inParallel(ctx, t.method, t.parallelism, len(files), func(ctx context.Context, i int) error {
		if err := t.sendFile(ctx, files[i], i*(maxParts+1)); err != nil {
			return inFile(t.method, files[i].name, err)
		}
		return nil
	})
}

func (t *tree) sendFile(ctx context.Context, file treeFile, piece int) error {
	content := source{Content: transport.Content{
		Size: file.size, Open: func() (io.ReadCloser, error) { return t.files.Open(file.name) },
	}}
	if file.size >= t.client.config.MultipartSize {
		opened, err := t.files.Open(file.name)
		if err != nil {
			return failure.NotSent(t.method, err)
		}
		defer func() { _ = opened.Close() }() // it was read
		content.at, _ = opened.(io.ReaderAt)
	}
	u := &fileUpload{
		client: t.client, method: t.method, runID: t.runID, storage: t.storage, path: file.path, content: content,
		parallelism: t.parallelism, progress: t.progress, piece: piece,
	}
	return u.send(ctx)
}

// verify lists the folders of files. It returns the files that are not stored as they were sent, and an error that
// names the first of them.
func (t *tree) verify(ctx context.Context, files []treeFile) (wrong []treeFile, err error) {
	byFolder := make(map[string][]treeFile)
	for _, file := range files {
		folder, _ := split(file.path)
		byFolder[folder] = append(byFolder[folder], file)
	}
	for _, folder := range slices.Sorted(maps.Keys(byFolder)) {
		listed, listErr := t.client.list(ctx, t.method, t.runID, folder)
		if listErr != nil {
			return nil, listErr
		}
		for _, file := range byFolder[folder] {
			stored, ok := find(listed, file.path)
			if ok && !stored.IsDir && stored.Size == file.size {
				continue
			}
			wrong = append(wrong, file)
			if err == nil {
				err = inFile(t.method, file.name, unexpected(t.method, "the server stored %d bytes of it instead of %d", stored.Size, file.size))
			}
		}
	}
	return wrong, err
}
