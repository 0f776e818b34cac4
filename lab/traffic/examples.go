package traffic

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// example matches an example of the document: what says where it was recorded, and the value.
var example = regexp.MustCompile(`(?m)^( {6}description: Recorded in (\S+), (request|response) (\d+)\.\n {6}value:)(?:.*\n)(?: {7}.*\n)*`)

// WithExamples returns a document in YAML in which each example has the value that was recorded. Files are looked for in
// the folder root.
func WithExamples(document, root string) (string, error) {
	var failure error
	document = example.ReplaceAllStringFunc(document, func(found string) string {
		match := example.FindStringSubmatch(found)
		head, file, part, number := match[1], match[2], match[3], match[4]
		value, err := recorded(filepath.Join(root, file), part, number)
		if err != nil {
			failure = fmt.Errorf("%s, %s %s: %w", file, part, number, err)
			return found
		}
		return head + " " + render(value, "        ") + "\n"
	})
	return document, failure
}

var (
	examples  = regexp.MustCompile(`\n {2}examples:\n(?:(?: {4}.*)?\n)*`)
	component = regexp.MustCompile(`(?m)^ {4}(\w+):\n(?: {6}summary: .*\n)? {6}(.*)\n`)
	source    = regexp.MustCompile(`^description: Recorded in \S+, (request|response) \d+\.$`)
	useOf     = regexp.MustCompile(`examples: \{(\w+): `)
)

// CheckSources returns what is wrong with how the examples of a document in YAML say where they were recorded: without
// that, WithExamples passes over them.
func CheckSources(document string) []string {
	var wrong []string
	for _, use := range useOf.FindAllStringSubmatch(document, -1) {
		if use[1] != "recorded" {
			wrong = append(wrong, fmt.Sprintf("the key of an example must be \"recorded\", not %q", use[1]))
		}
	}
	for _, found := range component.FindAllStringSubmatch(examples.FindString(document), -1) {
		if !source.MatchString(found[2]) {
			wrong = append(wrong, found[1]+`: its description must be "Recorded in FILE, request N." or "response N."`)
		}
	}
	return wrong
}

// recorded returns the body of a request or a response of a file. Numbers count from 1.
func recorded(file, part, number string) (json.RawMessage, error) {
	exchanges, err := Read(file)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > len(exchanges) {
		return nil, fmt.Errorf("the file has %d exchanges", len(exchanges))
	}
	exchange := exchanges[n-1]
	body := exchange.Response.Body
	switch {
	case part == "request":
		body = exchange.Request.Body
	case body == nil:
		return json.Marshal(exchange.Response.Text)
	}
	return body, nil
}

// Read returns the exchanges of a recording.
func Read(file string) ([]Exchange, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var recording struct{ Exchanges []Exchange }
	err = json.Unmarshal(data, &recording)
	return recording.Exchanges, err
}

const (
	longestLine = 116
	longestText = 300 // some messages are a page of SQL
)

// render spells a value so that people can read it, with properties in the order in which they were sent. Its lines after
// the first begin with indent. Long texts are cut.
func render(value json.RawMessage, indent string) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		if runes := []rune(text); len(runes) > longestText {
			text = string(runes[:longestText]) + " ..."
		}
		return quote(text)
	}
	opening, parts := children(value, indent+"  ")
	if opening == "" {
		return string(value)
	}
	closing := map[string]string{"{": "}", "[": "]"}[opening]
	line := opening + strings.Join(parts, ", ") + closing
	if len(indent)+len(line) <= longestLine && !strings.Contains(line, "\n") {
		return line
	}
	separator := "\n" + indent + "  "
	return opening + separator + strings.Join(parts, ","+separator) + "\n" + indent + closing
}

// children returns how an object or a list opens, and what it holds.
func children(value json.RawMessage, indent string) (opening string, parts []string) {
	decoder := json.NewDecoder(bytes.NewReader(value))
	first, _ := decoder.Token() // the value has been decoded before
	delimiter, ok := first.(json.Delim)
	if !ok {
		return "", nil
	}
	for decoder.More() {
		key := ""
		if delimiter == '{' {
			name, _ := decoder.Token()
			key = quote(name.(string)) + ": "
		}
		var child json.RawMessage
		_ = decoder.Decode(&child)
		parts = append(parts, key+render(child, indent))
	}
	return delimiter.String(), parts
}

// quote spells a text as JSON and YAML do. JSON would escape what is dangerous in HTML.
func quote(text string) string {
	var quoted bytes.Buffer
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(text) // texts can be encoded
	return strings.TrimSuffix(quoted.String(), "\n")
}
