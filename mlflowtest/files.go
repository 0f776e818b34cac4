package mlflowtest

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// A folder is a folder of artifacts. One that was emptied stays.
type folder struct {
	folders map[string]*folder
	files   map[string]*file
}

// A file is an artifact. It does not change: another upload makes another file.
type file struct {
	content  []byte
	modified time.Time
}

func newFolder() *folder {
	return &folder{folders: map[string]*folder{}, files: map[string]*file{}}
}

// etag returns what differs between contents.
func (f *file) etag() string {
	sum := sha256.Sum256(f.content)
	return `"` + hex.EncodeToString(sum[:16]) + `"`
}

// names divides a path below a folder.
func names(name string) []string {
	name = strings.Trim(path.Clean("/"+name), "/")
	if name == "" {
		return nil
	}
	return strings.Split(name, "/")
}

// open returns the folder or the file at a path, or neither.
func (f *folder) open(name string) (*folder, *file) {
	at := f
	parts := names(name)
	for i, part := range parts {
		if found, ok := at.files[part]; ok && i == len(parts)-1 {
			return nil, found
		}
		next, ok := at.folders[part]
		if !ok {
			return nil, nil
		}
		at = next
	}
	return at, nil
}

// put stores a file, and makes the folders that it needs. It reports whether that was possible.
func (f *folder) put(name string, stored *file) bool {
	at := f
	parts := names(name)
	for _, part := range parts[:len(parts)-1] {
		if _, taken := at.files[part]; taken {
			return false
		}
		if at.folders[part] == nil {
			at.folders[part] = newFolder()
		}
		at = at.folders[part]
	}
	last := parts[len(parts)-1]
	if at.folders[last] != nil {
		return false
	}
	at.files[last] = stored
	return true
}

// remove removes a file, or a folder with all that it holds.
func (f *folder) remove(name string) {
	parts := names(name)
	if len(parts) == 0 {
		*f = *newFolder()
		return
	}
	parent, _ := f.open(strings.Join(parts[:len(parts)-1], "/"))
	if parent != nil {
		delete(parent.files, parts[len(parts)-1])
		delete(parent.folders, parts[len(parts)-1])
	}
}

type fileJSON struct {
	Path     string `json:"path"`
	IsDir    bool   `json:"is_dir"`
	FileSize int    `json:"file_size,omitempty"`
}

// list returns what a folder holds, by name.
func (f *folder) list() []fileJSON {
	var list []fileJSON
	for name := range f.folders {
		list = append(list, fileJSON{Path: name, IsDir: true})
	}
	for _, name := range slices.Collect(maps.Keys(f.files)) {
		list = append(list, fileJSON{Path: name, FileSize: len(f.files[name].content)})
	}
	slices.SortFunc(list, func(a, b fileJSON) int { return strings.Compare(a.Path, b.Path) })
	return list
}
