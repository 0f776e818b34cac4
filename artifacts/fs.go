package artifacts

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"sync"
	"time"

	"github.com/mlflow-go/mlflow/tracking"
)

// FS returns the artifacts of a run as a file system, to read: [fs.WalkDir], [fs.ReadFile] and [os.CopyFS] work on it.
// The context is that of all its requests. Nothing is asked before the first use.
//
// Errors are [*fs.PathError]. What does not exist matches [fs.ErrNotExist], and what the credentials don't allow
// [fs.ErrPermission]; inside is the [*tracking.Error]. A file is opened with the list of its folder, and its content is
// asked for when it is first read. Lists are remembered for ten seconds. Files have no times and no permissions of
// their own: the mode is 0444, or 0555 for folders.
//
// What a server lists with a name that no file can have is an error: nothing is written outside of the folder that
// [os.CopyFS] is given.
//
// GET /api/2.0/mlflow/artifacts/list
// GET /api/2.0/mlflow/runs/get
// GET /api/2.0/mlflow-artifacts/artifacts/{artifact_path}
func (c *Client) FS(ctx context.Context, runID string) fs.FS {
	return &runFS{client: c, ctx: ctx, runID: runID, listed: make(map[string]folderList)}
}

const fsMethod = "FS"

// A runFS is the file system of a run.
type runFS struct {
	client *Client
	ctx    context.Context //nolint:containedctx // methods of fs.FS have none
	runID  string

	mu     sync.Mutex
	listed map[string]folderList // by folder
}

// A folderList is what a folder was seen to hold.
type folderList struct {
	at        time.Time
	artifacts []Artifact
}

// listTTL is how long a list is cached: os.CopyFS opens one file of a folder after the other.
const listTTL = 10 * time.Second

var (
	_ fs.ReadDirFS  = (*runFS)(nil)
	_ fs.ReadFileFS = (*runFS)(nil)
	_ fs.StatFS     = (*runFS)(nil)
)

// Open opens a file or a folder.
func (f *runFS) Open(name string) (fs.File, error) {
	const op = "open"
	entry, err := f.find(op, name, true)
	if err != nil {
		return nil, err
	}
	if entry.IsDir() {
		return &openFolder{fs: f, entry: entry, name: name}, nil
	}
	return &openFile{fs: f, entry: entry, name: name}, nil
}

// Stat describes a file or a folder, as the server lists it now.
func (f *runFS) Stat(name string) (fs.FileInfo, error) {
	entry, err := f.find("stat", name, false)
	if err != nil {
		return nil, err
	}
	return entry, nil
}

// ReadDir lists a folder, as the server does now.
func (f *runFS) ReadDir(name string) ([]fs.DirEntry, error) {
	const op = "readdir"
	entry, err := f.find(op, name, true)
	if err != nil {
		return nil, err
	}
	if !entry.IsDir() {
		return nil, pathError(op, name, invalid(fsMethod, "it is not a folder"))
	}
	return f.readDir(op, name)
}

// ReadFile returns the content of a file. Unlike fs.ReadFile it takes no memory because a server says that a file is
// large.
func (f *runFS) ReadFile(name string) ([]byte, error) {
	file, err := f.Open(name)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(file)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	return content, err
}

func (f *runFS) readDir(op, name string) ([]fs.DirEntry, error) {
	artifacts, err := f.list(name, false)
	if err != nil {
		return nil, pathError(op, name, err)
	}
	entries := make([]fs.DirEntry, len(artifacts))
	for i, artifact := range artifacts {
		entries[i] = fs.FileInfoToDirEntry(fileInfo{artifact})
	}
	return entries, nil
}

// find returns the file or folder with the given name.
func (f *runFS) find(op, name string, remembered bool) (fileInfo, error) {
	if !fs.ValidPath(name) {
		return fileInfo{}, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	if err := checkRun(fsMethod, f.runID); err != nil {
		return fileInfo{}, pathError(op, name, err)
	}
	if name == "." {
		return fileInfo{Artifact{Path: ".", IsDir: true}}, nil
	}
	if err := checkPath(fsMethod, name); err != nil {
		return fileInfo{}, pathError(op, name, err)
	}
	folder, _ := split(name)
	for {
		listed, err := f.list(folder, remembered)
		if err != nil {
			return fileInfo{}, pathError(op, name, err)
		}
		if found, ok := find(listed, name); ok {
			return fileInfo{found}, nil
		}
		if !remembered {
			return fileInfo{}, pathError(op, name, notFound(fsMethod, name))
		}
		remembered = false // it may have been created since
	}
}

// list returns what is in a folder, perhaps as it was a moment ago.
func (f *runFS) list(folder string, remembered bool) ([]Artifact, error) {
	if folder == "." {
		folder = ""
	}
	f.mu.Lock()
	known, ok := f.listed[folder]
	f.mu.Unlock()
	if remembered && ok && time.Since(known.at) < listTTL {
		return known.artifacts, nil
	}
	artifacts, err := f.client.list(f.ctx, fsMethod, f.runID, folder)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, other := range f.listed {
		if time.Since(other.at) >= listTTL {
			delete(f.listed, name)
		}
	}
	f.listed[folder] = folderList{time.Now(), artifacts}
	return artifacts, nil
}

// pathError returns the error of an operation on a name. It matches the errors of package fs.
func pathError(op, name string, err error) error {
	switch {
	case errors.Is(err, tracking.ErrNotFound):
		err = &fsError{err, fs.ErrNotExist}
	case errors.Is(err, tracking.ErrPermissionDenied), errors.Is(err, tracking.ErrUnauthenticated):
		err = &fsError{err, fs.ErrPermission}
	case errors.Is(err, tracking.ErrInvalidArgument):
		err = &fsError{err, fs.ErrInvalid}
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// An fsError is an error that matches one of package fs as well.
type fsError struct {
	error
	is error
}

func (e *fsError) Unwrap() error        { return e.error }
func (e *fsError) Is(target error) bool { return target == e.is }

// A fileInfo describes an artifact.
type fileInfo struct{ artifact Artifact }

func (i fileInfo) Name() string {
	_, name := split(i.artifact.Path)
	return name
}

func (i fileInfo) Size() int64 { return i.artifact.Size }

func (i fileInfo) Mode() fs.FileMode {
	if i.artifact.IsDir {
		return fs.ModeDir | 0o555
	}
	return 0o444
}

func (i fileInfo) ModTime() time.Time { return time.Time{} }
func (i fileInfo) IsDir() bool        { return i.artifact.IsDir }
func (i fileInfo) Sys() any           { return nil }

// An openFile is a file that was opened. Its content is asked for when it is first read.
type openFile struct {
	fs    *runFS
	entry fileInfo
	name  string

	body   io.ReadCloser
	closed bool
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.entry, nil }

func (f *openFile) Read(p []byte) (int, error) {
	const op = "read"
	if f.closed {
		return 0, &fs.PathError{Op: op, Path: f.name, Err: fs.ErrClosed}
	}
	if f.body == nil {
		body, err := f.fs.client.open(f.fs.ctx, fsMethod, f.fs.runID, f.entry.artifact)
		if err != nil {
			return 0, pathError(op, f.name, err)
		}
		f.body = body
	}
	n, err := f.body.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // a reader's own end is never wrapped
		err = pathError(op, f.name, err)
	}
	return n, err
}

func (f *openFile) Close() error {
	if f.closed {
		return &fs.PathError{Op: "close", Path: f.name, Err: fs.ErrClosed}
	}
	f.closed = true
	if f.body == nil {
		return nil
	}
	return f.body.Close()
}

// An openFolder is a folder that was opened. It is listed when it is first read.
type openFolder struct {
	fs    *runFS
	entry fileInfo
	name  string

	listed bool
	rest   []fs.DirEntry
	closed bool
}

func (d *openFolder) Stat() (fs.FileInfo, error) { return d.entry, nil }

func (d *openFolder) Read([]byte) (int, error) {
	return 0, pathError("read", d.name, invalid(fsMethod, "it is a folder"))
}

func (d *openFolder) ReadDir(n int) ([]fs.DirEntry, error) {
	const op = "readdir"
	if d.closed {
		return nil, &fs.PathError{Op: op, Path: d.name, Err: fs.ErrClosed}
	}
	if !d.listed {
		entries, err := d.fs.readDir(op, d.name)
		if err != nil {
			return nil, err
		}
		d.listed, d.rest = true, entries
	}
	if n <= 0 {
		n = len(d.rest)
	} else if len(d.rest) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.rest))
	entries := d.rest[:n:n]
	d.rest = d.rest[n:]
	return entries, nil
}

func (d *openFolder) Close() error {
	if d.closed {
		return &fs.PathError{Op: "close", Path: d.name, Err: fs.ErrClosed}
	}
	d.closed = true
	return nil
}
