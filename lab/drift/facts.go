package drift

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Facts are what one release of MLflow says about its API: see lab/python/facts.py, which writes them.
type Facts struct {
	Release         string                       `json:"release"`
	Endpoints       map[string][]string          `json:"endpoints"` // of what the spec may cover, as "POST /path"
	OtherEndpoints  []string                     `json:"other_endpoints"`
	Messages        map[string]map[string]string `json:"messages"` // the type of each field
	Enums           map[string][]string          `json:"enums"`
	Validators      map[string]string            `json:"validators"`
	Limits          map[string]int               `json:"limits"`
	Errors          map[string]int               `json:"errors"` // the HTTP status of each error code
	ErrorProperties []string                     `json:"error_properties"`
}

// A minor is a minor release, such as 3.18. The zero value is before all others.
type minor struct{ major, minor int }

func parseMinor(text string) (minor, error) {
	major, rest, _ := strings.Cut(text, ".")
	second, _, _ := strings.Cut(rest, ".")
	m, err := strconv.Atoi(major)
	if err != nil {
		return minor{}, fmt.Errorf("%q is not a release", text)
	}
	n, err := strconv.Atoi(second)
	if err != nil {
		return minor{}, fmt.Errorf("%q is not a release", text)
	}
	return minor{m, n}, nil
}

func (m minor) String() string { return fmt.Sprintf("%d.%d", m.major, m.minor) }

func (m minor) compare(other minor) int {
	return cmp.Or(cmp.Compare(m.major, other.major), cmp.Compare(m.minor, other.minor))
}

// A history holds the facts of every minor release, from the oldest to the newest.
type history struct {
	minors []minor
	facts  map[minor]*Facts
}

// The first release that is looked at, and the last one of its major release.
var first, lastOf2 = minor{2, 9}, minor{2, 22}

func readHistory(folder string) (*history, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return nil, err
	}
	h := &history{facts: map[minor]*Facts{}}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if err := h.add(content); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	slices.SortFunc(h.minors, minor.compare)
	if err := h.checkGaps(); err != nil {
		return nil, err
	}
	return h, nil
}

func (h *history) add(content []byte) error {
	facts := new(Facts)
	if err := json.Unmarshal(content, facts); err != nil {
		return err
	}
	m, err := parseMinor(facts.Release)
	if err != nil {
		return err
	}
	if other, ok := h.facts[m]; ok {
		return fmt.Errorf("there are facts of %s as well, and one patch is kept of each minor release", other.Release)
	}
	h.minors = append(h.minors, m)
	h.facts[m] = facts
	return nil
}

// checkGaps returns an error if a minor release is missing: what it changed would be put down to the next one.
func (h *history) checkGaps() error {
	want := first
	for _, m := range h.minors {
		if m != want {
			return fmt.Errorf("there are no facts of MLflow %s: run make drift RELEASE=<its newest patch>", want)
		}
		want = minor{m.major, m.minor + 1}
		if m == lastOf2 {
			want = minor{3, 0}
		}
	}
	if len(h.minors) == 0 {
		return fmt.Errorf("there are no facts of MLflow %s", first)
	}
	return nil
}

func (h *history) newest() *Facts { return h.facts[h.minors[len(h.minors)-1]] }

// span names the releases for which the set holds: "all", "3.2+", "2.9-2.14, 3.1".
func (h *history) span(set map[minor]bool) string {
	var runs []string
	for i := 0; i < len(h.minors); i++ {
		if !set[h.minors[i]] {
			continue
		}
		start := i
		for i+1 < len(h.minors) && set[h.minors[i+1]] {
			i++
		}
		runs = append(runs, h.run(start, i))
	}
	return strings.Join(runs, ", ")
}

func (h *history) run(start, end int) string {
	last := end == len(h.minors)-1
	switch {
	case start == 0 && last:
		return "all"
	case last:
		return h.minors[start].String() + "+"
	case start == end:
		return h.minors[start].String()
	}
	return h.minors[start].String() + "-" + h.minors[end].String()
}
