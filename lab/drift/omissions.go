package drift

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// An Omission gives the reason for differences that are meant to be, each by its exact line.
type Omission struct {
	Reason string   `yaml:"reason"`
	Lines  []string `yaml:"lines"`
}

func readOmissions(file string) ([]Omission, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	var omissions []Omission
	if err := decoder.Decode(&omissions); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return omissions, nil
}

// explainsNothing begins the problem of a line in the omissions that is no difference any more.
const explainsNothing = "omission explains nothing: "

// dropStale removes the lines of a file of omissions that explain nothing, and returns the other problems.
func dropStale(file string, problems []string) ([]string, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	text := string(content)
	var left []string
	for _, problem := range problems {
		line, stale := strings.CutPrefix(problem, explainsNothing)
		shorter := strings.Replace(text, "    - "+line+"\n", "", 1)
		if !stale || shorter == text {
			left = append(left, problem)
			continue
		}
		text = shorter
		fmt.Println("removed:", line)
	}
	return left, os.WriteFile(file, []byte(text), 0o644)
}

// explain returns the lines that no omission explains, and what is wrong with the omissions themselves.
func explain(lines []string, omissions []Omission) []string {
	explained := map[string]bool{}
	var problems []string
	for _, omission := range omissions {
		if omission.Reason == "" {
			problems = append(problems, fmt.Sprintf("omission without a reason: %q", omission.Lines))
		}
		for _, line := range omission.Lines {
			if explained[line] {
				problems = append(problems, "omission stands there twice: "+line)
			}
			if !slices.Contains(lines, line) {
				problems = append(problems, explainsNothing+line)
			}
			explained[line] = true
		}
	}
	unexplained := slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return explained[line] })
	return append(unexplained, problems...)
}
