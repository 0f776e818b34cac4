package tracking_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/wire"
	"github.com/mlflow-go/mlflow/tracking"
)

// runWith returns the response to GetRun for a run with the given lists.
func runWith(data string) string {
	return `{"run": {"info": {"run_id": "r1"}, "data": {` + data + `}}}`
}

// TestRefusedResponses goes through responses with status 200 that would be read as something that was never said.
func TestRefusedResponses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ reply, says string }{
		"a metric that is null":       {runWith(`"metrics": [null]`), "run.data.metrics[0] is null"},
		"a metric of nothing":         {runWith(`"metrics": [{}]`), "run.data.metrics[0].key is missing"},
		"a metric without a key":      {runWith(`"metrics": [{"value": 1, "timestamp": 1}]`), "run.data.metrics[0].key is missing"},
		"a metric without a value":    {runWith(`"metrics": [{"key": "a", "timestamp": 1}]`), "run.data.metrics[0].value is missing"},
		"a metric without a time":     {runWith(`"metrics": [{"key": "a", "value": 1}]`), "run.data.metrics[0].timestamp is missing"},
		"a metric without a number":   {runWith(`"metrics": [{"key": "a", "value": null, "timestamp": 1}]`), "run.data.metrics[0].value is not a metric value"},
		"a param that is null":        {runWith(`"params": [{"key": "a", "value": "1"}, null]`), "run.data.params[1] is null"},
		"a param without a key":       {runWith(`"params": [{"value": "1"}]`), "run.data.params[0].key is missing"},
		"a tag that is null":          {runWith(`"tags": [null]`), "run.data.tags[0] is null"},
		"a tag that is text":          {runWith(`"tags": ["a"]`), "run.data.tags[0] is not a JSON object"},
		"a tag without a key":         {runWith(`"tags": [{"value": "1"}]`), "run.data.tags[0].key is missing"},
		"another spelling":            {`{"run": {"info": {"RUN_ID": "r1"}}}`, "run.info.run_id is missing"},
		"a second run ID":             {`{"run": {"info": {"run_id": "r0", "run_id": "r1"}}}`, "run.info.run_id occurs twice"},
		"a second run":                {`{"run": {"info": {"run_id": "r0"}}, "run": {"info": {"run_id": "r1"}}}`, "run occurs twice"},
		"a second run after null":     {`{"run": null, "run": {"info": {"run_id": "r1"}}}`, "run occurs twice"},
		"text that is not UTF-8":      {runWith(`"params": [{"key": "a", "value": "` + "\xff" + `"}]`), "run.data.params[0].value is not UTF-8"},
		"a surrogate in UTF-8":        {runWith(`"params": [{"key": "a", "value": "` + "\xed\xa0\x80" + `"}]`), "run.data.params[0].value is not UTF-8"},
		"half a surrogate pair":       {runWith(`"params": [{"key": "a", "value": "\ud83d"}]`), "run.data.params[0].value holds half a surrogate pair"},
		"the other half":              {runWith(`"params": [{"key": "a", "value": "\ude00\ud83d"}]`), "run.data.params[0].value holds half a surrogate pair"},
		"a half in what is passed by": {`{"run": {"info": {"run_id": "r1"}, "outputs": {"models": ["\ud83d"]}}}`, "run.* holds half a surrogate pair"},
		"a name that is not UTF-8":    {`{"run": {"info": {"run_id": "r1"}, "` + "\xff" + `": 1}}`, "run.* is not UTF-8"},
		"too many brackets":           {`{"run": {"info": {"run_id": "r1"}, "outputs": ` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}}`, "run.* is nested too deeply"},
		"what a number cannot be":     {runWith(`"metrics": [{"key": "a", "value": 01, "timestamp": 1}]`), "the response is not JSON from byte 79 on"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := (&recorder{reply: tt.reply}).client().GetRun(t.Context(), "r1")
			assertOnly(t, err, tracking.ErrUnexpectedResponse)
			require.ErrorContains(t, err, tt.says)
			var got *tracking.Error
			require.ErrorAs(t, err, &got)
			assert.NotEmpty(t, got.Message, "the beginning of what came")
		})
	}
}

// TestSuccessThatSaysNo gives each operation a 200 with the error of something in front of the server.
func TestSuccessThatSaysNo(t *testing.T) {
	t.Parallel()
	for _, reply := range []string{
		`{"code": 7, "message": "denied"}`, `{"detail": "denied"}`, `{"detail": null}`, `{"error": {"reason": "denied"}}`, `{"errors": []}`,
		`{"message": "denied"}`, `{"error_message": "denied"}`, `{"success": false}`, `{"RUNS": [], "EXPERIMENTS": []}`,
	} {
		t.Run(reply, func(t *testing.T) {
			t.Parallel()
			for _, op := range operations {
				err := op.use(t.Context(), (&recorder{reply: reply}).client())
				require.Error(t, err, op.name)
				assertOnly(t, err, tracking.ErrUnexpectedResponse)
				var got *tracking.Error
				require.ErrorAs(t, err, &got)
				assert.Equal(t, reply, got.Message)
			}
		})
	}
}

// TestLenientResponses goes through what some server says in its own way, or may say one day.
func TestLenientResponses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		reply string
		want  tracking.RunData
	}{
		"no data":           {`{"run": {"info": {"run_id": "r1"}}}`, tracking.RunData{}},
		"null for no data":  {`{"run": {"info": {"run_id": "r1", "end_time": null, "run_name": null}, "data": null}}`, tracking.RunData{}},
		"null for no list":  {runWith(`"metrics": null, "params": null, "tags": null`), tracking.RunData{}},
		"new members":       {`{"new": {"\u0061": [1e5, true, null, "\n"]}, "run": {"info": {"run_id": "r1", "new": {}}, "data": {"new": [[]]}}}`, tracking.RunData{}},
		"another case":      {`{"Run": 1, "run": {"info": {"run_id": "r1", "RUN_ID": "r2"}}}`, tracking.RunData{}},
		"an escaped name":   {`{"r\u0075n": {"info": {"run_id": "r1"}}}`, tracking.RunData{}},
		"white space":       {"\r\n\t {\t\"run\" :\r{ \"info\"\n:{\"run_id\":\"r1\"} } }\n", tracking.RunData{}},
		"no value of a tag": {runWith(`"tags": [{"key": "a"}]`), tracking.RunData{Tags: map[string]string{"a": ""}}},
		"no value of a param": {
			runWith(`"params": [{"key": "a"}, {"value": "\ud83d\ude00\ufffd\u00e9\"\\\/\b\f\n\r\té` + "\x7f" + `", "key": ""}]`),
			tracking.RunData{Params: []tracking.Param{{Key: "a"}, {Value: "😀\uFFFDé\"\\/\b\f\n\r\té\x7f"}}},
		},
		"no step, and numbers in strings": {
			runWith(`"metrics": [{"value": "-2.5", "timestamp": "1704067200123", "key": "a"}]`),
			tracking.RunData{Metrics: []tracking.Metric{{Key: "a", Value: -2.5, Timestamp: epoch2024.UTC()}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run, err := (&recorder{reply: tt.reply}).client().GetRun(t.Context(), "r1")
			require.NoError(t, err)
			assert.Equal(t, "r1", run.Info.RunID)
			assert.ElementsMatch(t, tt.want.Metrics, run.Data.Metrics)
			assert.ElementsMatch(t, tt.want.Params, run.Data.Params)
			assert.Len(t, run.Data.Tags, len(tt.want.Tags))
			assert.Subset(t, run.Data.Tags, tt.want.Tags)
		})
	}
	list, err := (&recorder{reply: `{"experiments": null}`}).client().SearchExperiments(t.Context()) // FastTrackML
	require.NoError(t, err)
	assert.Empty(t, list.Experiments)
}

// stricter holds the errors of the generated readers about what encoding/json accepts; FuzzReader of package wire has the
// reasons.
var stricter = regexp.MustCompile(` is missing$| occurs twice$| is null$| is not a string$| is not UTF-8$| holds half a surrogate pair$` +
	`| is nested too deeply$| is not the object that was promised$`)

// FuzzResponseTypes compares the generated readers with encoding/json on the generated types: both accept and read the
// same, but for what is listed.
func FuzzResponseTypes(f *testing.F) {
	for i := range tracking.Operations {
		for _, reply := range []string{
			`{}`, `{"experiment_id": "7"}`, `{"run_info": {"run_id": "r1", "end_time": "1", "status": "x"}}`,
			`{"experiment": {"experiment_id": "7", "tags": [{"key": "a"}]}}`, `{"runs": [{"info": {"run_id": ""}}], "next_page_token": "1"}`,
			runWith(`"metrics": [{"key": "a", "value": "1e5", "timestamp": 1, "step": -2.0}], "params": [{"value": "b", "key": "a"}], "tags": null`),
		} {
			f.Add(i, []byte(reply))
		}
	}
	f.Fuzz(func(t *testing.T, i int, data []byte) {
		if i < 0 || i >= len(tracking.Operations) || bytes.ContainsAny(data, upperCase) {
			return // encoding/json takes RUN for run
		}
		ours, theirs := tracking.Operations[i].NewResponse(), tracking.Operations[i].NewResponse()
		err, theirErr := wire.Read(data, ours.(wire.Value)), json.Unmarshal(data, theirs)
		switch {
		case err == nil && theirErr != nil:
			require.Contains(t, string(data), "null", theirErr) // in place of an optional number
		case err == nil:
			want, wantErr := json.Marshal(theirs)
			got, gotErr := json.Marshal(ours)
			require.NoError(t, errors.Join(wantErr, gotErr))
			require.Equal(t, string(want), string(got))
		case theirErr == nil && string(bytes.TrimSpace(data)) != "null":
			require.Regexp(t, stricter, err.Error())
		}
	})
}

// upperCase holds the letters that have a lower case in ASCII, and the beginning of an escape that can be one.
const upperCase = "ABCDEFGHIJKLMNOPQRSTUVWXYZ\u017f\u212a\\"

// TestMemoryOfAResponse checks that memory is in proportion to the bytes of a response, whatever they say. It counts what
// is freed on the way too, such as what a list leaves behind each time that it grows: about half is in use at once.
func TestMemoryOfAResponse(t *testing.T) { //nolint:paralleltest // measures what the whole program allocates
	const size = 10 << 20
	fill := func(before, item, after string) string {
		return before + strings.TrimSuffix(strings.Repeat(item, size/len(item)), ",") + after
	}
	data := func(list, item string) string {
		return fill(`{"runs": [{"info": {"run_id": "r1"}, "data": {"`+list+`": [`, item, `]}}]}`)
	}
	bare := allocated(t, fill(`{"runs": [], "other": "`, "x", `"}`)) // what reading the body costs
	for name, tt := range map[string]struct {
		reply string
		times int // as many bytes as the response has, at most
	}{
		"null for metrics":      {data("metrics", `null,`), 0},
		"nothing for metrics":   {data("metrics", `{},`), 0},
		"text for tags":         {data("tags", `"",`), 0},
		"nothing for runs":      {fill(`{"runs": [`, `{},`, `]}`), 0},
		"null for runs":         {fill(`{"runs": [`, `null,`, `]}`), 0},
		"null, passed by":       {fill(`{"runs": [], "other": [`, `null,`, `]}`), 0},
		"objects, passed by":    {fill(`{"runs": [], "other": [`, `{"":{}},`, `]}`), 0},
		"escapes, passed by":    {fill(`{"runs": [], "other": "`, `\u0000`, `"}`), 0},
		"names, passed by":      {fill(`{"runs": [], `, `"":0,`, `}`), 0},
		"brackets":              {fill(`{"runs": [`, `[`, `]}`), 0},
		"the smallest metrics":  {data("metrics", `{"key":"","value":0,"timestamp":0},`), 10},
		"the smallest params":   {data("params", `{"key":""},`), 22},
		"the smallest tags":     {data("tags", `{"key":""},`), 20},
		"the smallest runs":     {fill(`{"runs": [`, `{"info":{"run_id":"a"}},`, `]}`), 40},
		"a text of escapes":     {fill(`{"next_page_token": "`, `\u0000`, `"}`), 2},
		"a text without escape": {fill(`{"next_page_token": "`, `x`, `"}`), 2},
	} {
		used := int64(allocated(t, tt.reply)) - int64(bare)
		assert.Less(t, used, int64(tt.times)*size+1<<20, name)
	}
}

// allocated returns how much memory a search allocates in all for a response, also of what it frees on the way.
func allocated(t *testing.T, reply string) uint64 {
	t.Helper()
	client := (&recorder{reply: reply}).client()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _ = client.SearchRuns(t.Context(), []string{"0"}) // many of these are refused
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestResponseMustBeAboutRequest plays servers, or proxies with a cache, that tell of something else.
func TestResponseMustBeAboutRequest(t *testing.T) {
	t.Parallel()
	getRun := func(ctx context.Context, c *tracking.Client) error { _, err := c.GetRun(ctx, "r1"); return err }
	create := func(opts ...tracking.CreateRunOption) func(context.Context, *tracking.Client) error {
		return func(ctx context.Context, c *tracking.Client) error {
			_, err := c.CreateRun(ctx, "7", opts...)
			return err
		}
	}
	update := func(opts ...tracking.UpdateRunOption) func(context.Context, *tracking.Client) error {
		return func(ctx context.Context, c *tracking.Client) error {
			_, err := c.UpdateRun(ctx, "r1", opts...)
			return err
		}
	}
	experiment := func(id string) func(context.Context, *tracking.Client) error {
		return func(ctx context.Context, c *tracking.Client) error { _, err := c.GetExperiment(ctx, id); return err }
	}
	named := func(ctx context.Context, c *tracking.Client) error {
		_, err := c.GetExperimentByName(ctx, "iris")
		return err
	}
	tags := tracking.WithRunTags(map[string]string{"a": "1"})
	end := tracking.WithEndTime(time.UnixMilli(1704067200123))
	for name, test := range map[string]struct {
		use   func(context.Context, *tracking.Client) error
		reply string
		ok    bool
	}{
		"another run":               {getRun, `{"run": {"info": {"run_id": "r2"}}}`, false},
		"the run, in capitals":      {getRun, `{"run": {"info": {"run_id": "R1"}}}`, true},
		"another experiment":        {experiment("7"), `{"experiment": {"experiment_id": "8"}}`, false},
		"the experiment, as number": {experiment("007"), `{"experiment": {"experiment_id": "7"}}`, true},
		"an experiment in words":    {experiment("seven"), `{"experiment": {"experiment_id": "7"}}`, false},
		"another name":              {named, `{"experiment": {"experiment_id": "7", "name": "mnist"}}`, false},
		"a run of another experiment": {
			create(), `{"run": {"info": {"run_id": "r1", "experiment_id": "8"}}}`, false,
		},
		"a run of another name": {
			create(tracking.WithRunName("a")), `{"run": {"info": {"run_id": "r1", "experiment_id": "7", "run_name": "b"}}}`, false,
		},
		"a run without its tags": {create(tags), `{"run": {"info": {"run_id": "r1", "experiment_id": "7"}}}`, false},
		"a run with another tag": {
			create(tags),
			`{"run": {"info": {"run_id": "r1", "experiment_id": "7"}, "data": {"tags": [{"key": "a", "value": "2"}]}}}`, false,
		},
		"a run with its tags": {
			create(tags),
			`{"run": {"info": {"run_id": "r1", "experiment_id": "7"}, "data": {"tags": [{"key": "a", "value": "1"}]}}}`, true,
		},
		"an update of another run": {update(), `{"run_info": {"run_id": "r2"}}`, false},
		"an update that kept the name": {
			update(tracking.WithRunName("b")), `{"run_info": {"run_id": "r1", "run_name": "a"}}`, false,
		},
		"an update that lacks the end time": {update(end), `{"run_info": {"run_id": "r1"}}`, false},
		"an update with another end time":   {update(end), `{"run_info": {"run_id": "r1", "end_time": 1704067200124}}`, false},
		"an update with the end time":       {update(end), `{"run_info": {"run_id": "r1", "end_time": 1704067200123}}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := test.use(t.Context(), newTestServer(t, respondWith(200, "application/json", test.reply)))
			if test.ok {
				assert.NoError(t, err)
			} else {
				assertOnly(t, err, tracking.ErrUnexpectedResponse)
			}
		})
	}
}
