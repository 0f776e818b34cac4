package artifacts

import (
	"fmt"
	"io/fs"
	"strings"
	"unicode/utf8"
)

// whyNotPath returns what is wrong with the path of an artifact, "" if nothing is. What it refuses servers refuse, too,
// or store under another name.
func whyNotPath(path string) string {
	if path == "" {
		return "the path must not be empty"
	}
	if !utf8.ValidString(path) {
		return "the path is not valid UTF-8"
	}
	if strings.HasPrefix(path, "/") {
		return fmt.Sprintf("the path %q is absolute", path)
	}
	for segment := range strings.SplitSeq(path, "/") {
		if problem := whyNotSegment(segment); problem != "" {
			return fmt.Sprintf("the path %q %s", path, problem)
		}
	}
	return ""
}

func whyNotSegment(segment string) string {
	isControl := func(r rune) bool { return r < ' ' || r == 0x7f }
	switch {
	case segment == "":
		return "has an empty segment"
	case segment == ".":
		return `has a segment "."`
	case isParentSegment(segment):
		return `has a segment ".."`
	case strings.ContainsFunc(segment, isControl):
		return "has a control character, such as a tab or a newline: MLflow drops or refuses it"
	case strings.Contains(segment, "%"):
		return "has a %: MLflow decodes it twice, and stores another name"
	case strings.Contains(segment, "#"):
		return "has a #: MLflow refuses it"
	case strings.HasSuffix(segment, "?"), strings.HasSuffix(segment, ";"):
		return "has a ? or ; at the end of a segment: MLflow drops it"
	}
	return ""
}

// isParentSegment reports whether a segment is "..", or would have one on a server that takes backslashes for slashes.
func isParentSegment(segment string) bool {
	for part := range strings.SplitSeq(segment, `\`) {
		if part == ".." {
			return true
		}
	}
	return false
}

// checkPath returns an error if a file cannot have the path.
func checkPath(method, path string) error {
	if problem := whyNotPath(path); problem != "" {
		return invalid(method, "%s", problem)
	}
	return nil
}

// checkFolder is checkPath for a folder, which may be that of all artifacts: "" or ".". It returns "" for that.
func checkFolder(method, folder string) (string, error) {
	if folder == "" || folder == "." {
		return "", nil
	}
	return folder, checkPath(method, folder)
}

// checkRun returns an error for a run ID that names no run.
func checkRun(method, runID string) error {
	if runID == "" {
		return invalid(method, "the run ID must not be empty")
	}
	if !utf8.ValidString(runID) {
		return invalid(method, "the run ID is not valid UTF-8")
	}
	return nil
}

// split returns the folder of a path, "" for that of all artifacts, and the name in it.
func split(path string) (folder, name string) {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i], path[i+1:]
	}
	return "", path
}

// join returns the path of a name in a folder, which may be "".
func join(folder, name string) string {
	if folder == "" {
		return name
	}
	return folder + "/" + name
}

// isChild reports whether a path names something directly in a folder. What it does not let pass is never the name of a
// file here.
func isChild(folder, path string) bool {
	parent, name := split(path)
	return parent == folder && name != "." && fs.ValidPath(path)
}
