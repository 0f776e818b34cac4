package schemathesis

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Findings are requests, by the kind of what was found about their responses.
type Findings struct {
	Requests int // all that were sent
	Kinds    map[string][]string
}

// An event is a line of the tool's report. Scenarios hold what was sent, and the two kinds of errors what was not.
type event struct {
	ScenarioFinished *struct {
		Recorder struct {
			Label        string // such as POST /api/2.0/mlflow/runs/create
			Checks       map[string][]check
			Interactions ordered
		}
	}
	NonFatalError, FatalError json.RawMessage
}

type check struct {
	Name, Status string
	Failure      struct {
		Failure struct{ Title, Message string }
	} `json:"failure_info"`
}

// ordered are interactions in the order in which they took place, which is that of the object's properties.
type ordered []interaction

type interaction struct {
	id      string
	Request struct {
		Method, URI string
		Body        encoded
	}
	Response *struct {
		Status  int `json:"status_code"`
		Content encoded
	}
}

type encoded struct {
	Base64 []byte `json:"$base64"`
}

func (o *ordered) UnmarshalJSON(data []byte) error {
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	if _, err := decoder.Token(); err != nil {
		return err
	}
	for decoder.More() {
		id, err := decoder.Token()
		if err != nil {
			return err
		}
		i := interaction{id: fmt.Sprint(id)}
		if err := decoder.Decode(&i); err != nil {
			return err
		}
		*o = append(*o, i)
	}
	return nil
}

// findings reads a report, and the log of the server that knows why it failed.
func findings(report, log string) (Findings, error) {
	found := Findings{Kinds: make(map[string][]string)}
	crashes, err := readCrashes(log)
	if err != nil {
		return found, err
	}
	file, err := os.Open(report)
	if err != nil {
		return found, err
	}
	defer file.Close() //nolint:errcheck // only read
	decoder := json.NewDecoder(file)
	for {
		var e event
		if err := decoder.Decode(&e); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return found, err
		}
		for _, problem := range []json.RawMessage{e.NonFatalError, e.FatalError} {
			if problem != nil {
				found.add("error of the tool", string(problem))
			}
		}
		if e.ScenarioFinished == nil {
			continue
		}
		recorder := e.ScenarioFinished.Recorder
		for _, i := range recorder.Interactions {
			found.Requests++
			if err := found.about(i, recorder.Checks[i.id], &crashes); err != nil {
				return found, err
			}
		}
	}
	if len(crashes) > 0 {
		return found, fmt.Errorf("the report lacks %d crashes that are in the server's log", len(crashes))
	}
	return found, nil
}

func (f *Findings) add(kind, request string) {
	f.Kinds[kind] = append(f.Kinds[kind], request)
}

// about adds what was found about one request.
func (f *Findings) about(i interaction, checks []check, crashes *[]crash) error {
	path, _, _ := strings.Cut(i.Request.URI, "?")
	_, operation, _ := strings.Cut(path, "/api/2.0/mlflow/")
	request := fmt.Sprintf("%s %s %s", i.Request.Method, i.Request.URI, i.Request.Body.Base64)
	if i.Response == nil {
		f.add(operation+": no response", request)
		return nil
	}
	var body struct {
		ErrorCode any `json:"error_code"`
		Message   string
	}
	cause := ""
	if err := json.Unmarshal(i.Response.Content.Base64, &body); err == nil && body.ErrorCode != nil {
		message, _, _ := strings.Cut(body.Message, "\n")
		cause = fmt.Sprintf("%v: %s", body.ErrorCode, quoted.ReplaceAllString(message, "..."))
	} else if i.Response.Status >= 500 {
		if len(*crashes) == 0 || !strings.HasSuffix(path, (*crashes)[0].path) {
			return fmt.Errorf("the server's log does not say why it failed: %s", request)
		}
		cause = (*crashes)[0].cause
		*crashes = (*crashes)[1:]
	}
	for _, c := range checks {
		if c.Status != "failure" {
			continue
		}
		kind := fmt.Sprintf("%s: %d", operation, i.Response.Status)
		if c.Name != "not_a_server_error" {
			kind += " " + c.Name + c.detail()
		}
		f.add(strings.TrimSpace(kind+" "+cause), request)
	}
	return nil
}

// detail says what a check found. Of a body that is not valid it is the schema that forbids it.
func (c check) detail() string {
	message := c.Failure.Failure.Message
	first, _, _ := strings.Cut(message, "\n")
	detail := ": " + quoted.ReplaceAllString(first, "...")
	if match := schemaOf.FindStringSubmatch(message); match != nil {
		detail += " in " + match[1]
	}
	return detail
}

var schemaOf = regexp.MustCompile(`(?m)^Schema at (\S+):$`)

// quoted matches what a message may quote of a request or of the server's data.
var quoted = regexp.MustCompile(`'[^']*'|"[^"]*"|\b[0-9a-f]*\d[0-9a-f]*\b`)

// A crash is an exception that the server did not handle, and responded to with a page.
type crash struct {
	path, cause string
}

var (
	crashed = regexp.MustCompile(`ERROR mlflow\.server: Exception on (\S+) \[`)
	frame   = regexp.MustCompile(`^ {2}File "([^"]*)", line \d+, in (\w+)`)
)

// readCrashes returns the crashes in a server's log, in their order. The cause is the exception, and the function of MLflow
// that it came out of.
func readCrashes(log string) ([]crash, error) {
	file, err := os.Open(log)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // only read
	var crashes []crash
	var function string
	inside := false // a traceback
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		line := lines.Text()
		if match := crashed.FindStringSubmatch(line); match != nil {
			crashes = append(crashes, crash{path: match[1]})
			inside, function = true, ""
			continue
		}
		if !inside {
			continue
		}
		if match := frame.FindStringSubmatch(line); match != nil {
			if slices.Contains(strings.Split(filepath.ToSlash(match[1]), "/"), "mlflow") {
				function = match[2]
			}
		} else if line != "" && !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "Traceback") {
			exception, _, _ := strings.Cut(line, ":")
			crashes[len(crashes)-1].cause = fmt.Sprintf("%s in %s", exception, function)
			inside = false
		}
	}
	return crashes, lines.Err()
}
