package differential

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A side is one of the two servers.
type side struct {
	client *http.Client
	uri    string
	dir    string            // where the server works, which is in some locations
	ids    map[string]string // placeholders, and what they stand for on this server
	stands map[string]string // the other way round
}

// A response is one that was received.
type response struct {
	status int
	text   string
	body   any // its JSON, nil if it is none
}

// compareSequence sends the calls of a sequence to both servers. It ends at the first difference: what follows would only
// tell of it again.
func compareSequence(ctx context.Context, seed uint64, number int, theirs, ours *side, count *tally) error {
	for _, s := range []*side{theirs, ours} {
		s.ids, s.stands = map[string]string{}, map[string]string{}
	}
	calls := generate(seed, number)
	for i, c := range calls {
		their, err := theirs.send(ctx, c)
		if err != nil {
			return err
		}
		our, err := ours.send(ctx, c)
		if err != nil {
			return fmt.Errorf("sequence %d, %v: %w", number, c, err)
		}
		count.calls.Add(1)
		if their.status == http.StatusOK {
			count.successes.Add(1)
		}
		if difference := compare(their, our); difference != "" {
			count.differences.Add(1)
			fmt.Printf("\nsequence %d, call %d: %s\n", number, i, difference)
			for _, before := range calls[:i+1] {
				fmt.Printf("  %v\n", before)
			}
			fmt.Printf("real:       %d %s\nmlflowtest: %d %s\n", their.status, excerpt(their.text), our.status, excerpt(our.text))
			break
		}
	}
	count.sequences.Add(1)
	return nil
}

func excerpt(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	return text[:min(len(text), 1500)]
}

var placeholder = regexp.MustCompile(`<(run|experiment)\d+>`)

// absent stands for what was not created.
var absent = map[string]string{"run": "00000000000000000000000000000bad", "experiment": "987654321"}

// fill puts this server's IDs into a call.
func (s *side) fill(text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(found string) string {
		if id, ok := s.ids[found]; ok {
			return id
		}
		return absent[strings.Trim(found, "<>0123456789")]
	})
}

// request makes a call's request.
func (s *side) request(ctx context.Context, c call) (*http.Request, error) {
	target := "/api/2.0/mlflow/" + c.path
	if c.raw != "" {
		target = c.raw
	}
	request, err := http.NewRequestWithContext(ctx, c.method, s.uri+s.fill(target), strings.NewReader(s.fill(c.body)))
	if err != nil {
		return nil, err
	}
	if c.raw != "" {
		request.Close = true // the server closes the connection if it refuses a body, and a request on it would be lost
		if c.ranges != "" {
			request.Header.Set("Range", c.ranges)
		}
		return request, nil
	}
	if c.method == http.MethodPost {
		request.Header.Set("Content-Type", "application/json")
		return request, nil
	}
	query := request.URL.Query()
	for _, each := range c.query {
		query.Add(each[0], s.fill(each[1]))
	}
	request.URL.RawQuery = query.Encode()
	return request, nil
}

func (s *side) send(ctx context.Context, c call) (response, error) {
	request, err := s.request(ctx, c)
	if err != nil {
		return response{}, err
	}
	result, err := s.client.Do(request)
	if err != nil {
		return response{}, err
	}
	defer result.Body.Close()
	text, err := io.ReadAll(result.Body)
	if err != nil {
		return response{}, err
	}
	r := response{status: result.StatusCode, text: string(text)}
	if isFile := result.Header.Get("Content-Disposition") != ""; isFile {
		r.body = strings.Join([]string{string(text), result.Header.Get("Content-Range"), result.Header.Get("Content-Length")}, "|")
		return r, nil
	}
	s.learn(c, r)
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if decoder.Decode(&r.body) == nil {
		r.body = s.normalize("", r.body)
	}
	return r, nil
}

// learn notes the ID of what a call created.
func (s *side) learn(c call, r response) {
	if r.status != http.StatusOK || c.creates == "" {
		return
	}
	var created struct {
		ExperimentID string `json:"experiment_id"`
		Run          struct {
			Info struct {
				RunID string `json:"run_id"`
			} `json:"info"`
		} `json:"run"`
	}
	if json.Unmarshal([]byte(r.text), &created) != nil {
		return
	}
	id := cmp.Or(created.ExperimentID, created.Run.Info.RunID)
	s.ids[c.creates], s.stands[id] = id, c.creates
}

var (
	runPattern      = regexp.MustCompile(`[0-9a-f]{32}`)
	locationPattern = regexp.MustCompile(`mlflow-artifacts:/\d+`)
	madeUpName      = regexp.MustCompile(`^[a-z]+-[a-z]+-\d+$`)
)

// normalize replaces what a server makes up, and sorts what has no order.
func (s *side) normalize(key string, value any) any {
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			value[name] = s.normalize(name, member)
		}
		if key, ok := value["key"].(string); ok && key == "mlflow.runName" {
			value["value"] = s.normalize("run_name", value["value"])
		}
		return value
	case []any:
		for i, element := range value {
			value[i] = s.normalize("", element)
		}
		if unordered[key] {
			slices.SortFunc(value, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
		return value
	case json.Number:
		return s.normalizeNumber(key, value)
	case string:
		return s.normalizeText(key, value)
	}
	return value
}

// unordered are the lists that come in whatever order the database has them.
var unordered = map[string]bool{"dataset_inputs": true}

func (s *side) normalizeNumber(key string, n json.Number) any {
	if key == "creation_time" || key == "last_update_time" {
		ms, err := n.Int64()
		if err == nil && time.UnixMilli(ms).After(time.Now().Add(-24*time.Hour)) {
			return "<now>"
		}
	}
	if v, err := strconv.ParseFloat(string(n), 64); err == nil && key == "value" {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return string(n)
}

func (s *side) normalizeText(key, text string) any {
	if key == "run_name" && madeUpName.MatchString(text) {
		return "<name>"
	}
	if key == "experiment_id" && s.stands[text] != "" {
		return s.stands[text]
	}
	text = locationPattern.ReplaceAllStringFunc(text, func(found string) string {
		return "mlflow-artifacts:/" + cmp.Or(s.stands[strings.TrimPrefix(found, "mlflow-artifacts:/")], "<experiment>")
	})
	if s.dir != "" {
		text = strings.ReplaceAll(text, s.dir, "/mlflowtest")
	}
	return runPattern.ReplaceAllStringFunc(text, func(found string) string { return cmp.Or(s.stands[found], "<run>") })
}

// compare returns what differs in two responses.
func compare(their, our response) string {
	switch {
	case their.status == http.StatusInternalServerError && code(their) != "INVALID_STATE":
		if our.status != http.StatusBadRequest || !strings.Contains(our.text, "a real server responds to this with status 500") {
			return "mlflowtest must respond with 400 and say that a real server responds with 500"
		}
		return ""
	case their.status != our.status:
		return "the status"
	case code(their) != code(our):
		return "the error code"
	case their.status >= http.StatusBadRequest:
		return ""
	}
	return compareValues("", their.body, our.body)
}

func code(r response) string {
	body, _ := r.body.(map[string]any)
	text, _ := body["error_code"].(string)
	return text
}

// compareValues returns where two values differ.
func compareValues(path string, their, our any) string {
	theirMap, isMap := their.(map[string]any)
	ourMap, alsoMap := our.(map[string]any)
	theirList, isList := their.([]any)
	ourList, alsoList := our.([]any)
	switch {
	case isMap && alsoMap:
		for key := range theirMap {
			if _, ok := ourMap[key]; !ok {
				return fmt.Sprintf("%s/%s is missing", path, key)
			}
		}
		for key := range ourMap {
			if _, ok := theirMap[key]; !ok {
				return fmt.Sprintf("%s/%s is too much", path, key)
			}
			if difference := compareValues(path+"/"+key, theirMap[key], ourMap[key]); difference != "" {
				return difference
			}
		}
		return ""
	case isList && alsoList && len(theirList) != len(ourList):
		return fmt.Sprintf("%s has %d elements in place of %d", path, len(ourList), len(theirList))
	case isList && alsoList:
		for i := range theirList {
			if difference := compareValues(fmt.Sprintf("%s/%d", path, i), theirList[i], ourList[i]); difference != "" {
				return difference
			}
		}
		return ""
	case isMap || alsoMap || isList || alsoList || their != our:
		return fmt.Sprintf("%s is %v in place of %v", path, our, their)
	}
	return ""
}
