// Package golden holds files against what makes them, for tests and for make tables.
package golden

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// Updating reports whether tests are to write the files that they would compare, as make tables wants it.
func Updating() bool { return os.Getenv("MLFLOW_UPDATE_DOCS") == "1" }

// Compare returns an error that shows the first line of a file that is not as wanted. A missing file counts as an empty
// one. If write is set, Compare writes the file instead, unless it is as wanted already.
func Compare(file, want string, write bool) error {
	data, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	got := strings.ReplaceAll(string(data), "\r\n", "\n")
	if got == want {
		return nil
	}
	if write {
		return os.WriteFile(file, []byte(want), 0o644)
	}
	line, has, wants := firstDifference(got, want)
	return fmt.Errorf("%s is stale: run make tables\n  line %d has   %s\n  and should be %s", file, line, has, wants)
}

// firstDifference returns the number of the first line that differs, and how it begins in both texts.
func firstDifference(got, want string) (number int, has, wants string) {
	lines, wanted := strings.Split(got, "\n"), strings.Split(want, "\n")
	for number < len(lines) && number < len(wanted) && lines[number] == wanted[number] {
		number++
	}
	return number + 1, beginning(lines, number), beginning(wanted, number)
}

func beginning(lines []string, number int) string {
	if number >= len(lines) {
		return "(the end of the file)"
	}
	return fmt.Sprintf("%.160q", lines[number])
}
