package scenario

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// patience is how long goroutines have to end: longer than a client keeps an idle connection.
const patience = 10 * time.Second

// Main runs the tests of a package, and fails if goroutines are left that have to do with connections. It returns what
// to exit with.
func Main(m *testing.M) int {
	code := m.Run()
	if code != 0 {
		return code // the failure may be why
	}
	if left := goroutines(patience); left != "" {
		fmt.Printf("Goroutines were left behind:\n\n%s\n", left)
		return 1
	}
	return 0
}

// goroutines returns the stacks of the goroutines that are left after some time at most.
func goroutines(patience time.Duration) string {
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		left := slices.DeleteFunc(strings.Split(string(stacks), "\n\n"), func(stack string) bool {
			return !strings.Contains(stack, "net/http.") && !strings.Contains(stack, "/internal/transport.")
		})
		if len(left) == 0 || time.Now().After(end) {
			return strings.Join(left, "\n\n")
		}
	}
}
