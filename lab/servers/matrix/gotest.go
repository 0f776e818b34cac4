package matrix

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"
)

// An event is a line of go test -json, see go doc test2json.
type event struct {
	Action     string
	Package    string
	Test       string
	Output     string
	ImportPath string // of build output, in place of Package
}

// A test collects the events of one test, or with an empty name of one package.
type test struct {
	pkg, name string
	outcome   Outcome
	output    strings.Builder
}

// Read reads the output of go test -json as one server's column.
func Read(r io.Reader, server string) (Column, error) {
	var tests []*test // in the order of the source
	byName := make(map[[2]string]*test)
	find := func(pkg, name string) *test {
		key := [2]string{pkg, name}
		if byName[key] == nil {
			byName[key] = &test{pkg: pkg, name: name}
			tests = append(tests, byName[key])
		}
		return byName[key]
	}

	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				e = event{Action: "output", Output: string(line)} // printed past the testing package
			}
			if e.Package == "" {
				e.Package, _, _ = strings.Cut(e.ImportPath, " ")
			}
			t := find(e.Package, e.Test)
			switch e.Action {
			case "output", "build-output":
				t.output.WriteString(e.Output)
			case "pass":
				t.outcome = OK
			case "skip":
				t.outcome = Skip
			case "fail", "build-fail":
				t.outcome = Fail
			}
		}
		if errors.Is(err, io.EOF) {
			return column(tests, server), nil
		}
		if err != nil {
			return Column{}, err
		}
	}
}

// column sorts tests into scenarios and failures.
func column(tests []*test, server string) Column {
	for _, t := range tests {
		// A panic or a timeout leaves the tests that were running without an outcome.
		if t.outcome == "" && t.name != "" {
			t.outcome = Fail
		}
	}
	c := Column{Server: server}
	for _, t := range tests {
		top, sub, _ := strings.Cut(t.name, "/")
		if sub == server {
			c.Scenarios = append(c.Scenarios, Scenario{
				Name:    top,
				Outcome: t.outcome,
				Skipped: skipped(tests, t),
			})
		}
		if t.outcome == Fail && sub == "" {
			if output := failure(tests, t); output != "" {
				c.Failures = append(c.Failures, Failure{Test: strings.TrimSuffix(t.pkg+"."+t.name, "."), Output: output})
			}
		}
	}
	return c
}

// below reports whether t is other or one of its subtests.
func (t *test) below(other *test) bool {
	return t.pkg == other.pkg && (t.name == other.name || strings.HasPrefix(t.name, other.name+"/"))
}

// skipped returns why a test or its subtests were skipped.
func skipped(tests []*test, of *test) []string {
	var reasons []string
	for _, t := range tests {
		if t.below(of) && t.outcome == Skip {
			reasons = append(reasons, skipReason(t.output.String()))
		}
	}
	return reasons
}

// failure returns the whole output of a failed test with its subtests. For a
// package it is what belongs to none of its tests, and empty if one of them
// failed: the package then only says so again.
func failure(tests []*test, of *test) string {
	var output strings.Builder
	for _, t := range tests {
		switch {
		case of.name != "" && t.below(of), t == of:
			output.WriteString(t.output.String())
		case of.name == "" && t.pkg == of.pkg && t.outcome == Fail:
			return ""
		}
	}
	return output.String()
}

var logLine = regexp.MustCompile(`^\s+\S+\.go:\d+: (.*)`)

// skipReason finds what a skipped test printed last.
func skipReason(output string) string {
	var reason []string
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, "\n")
		if match := logLine.FindStringSubmatch(line); match != nil {
			reason = []string{match[1]}
			continue
		}
		if text := strings.TrimSpace(line); len(reason) > 0 && !strings.HasPrefix(text, "---") && !strings.HasPrefix(text, "===") {
			reason = append(reason, text)
		}
	}
	return strings.Join(reason, " ")
}
