package wire_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/wire"
)

// A node has a member of each kind.
type node struct {
	Text    string       `json:"text"`
	Number  wire.Float64 `json:"number"`
	Integer wire.Int64   `json:"integer"`
	List    []node       `json:"list,omitempty"` // none and an empty one are the same to the reader
	Child   *node        `json:"child"`
}

var jsonNode = wire.Object{{Name: "text", Required: true}, {Name: "number"}, {Name: "integer"}, {Name: "list"}, {Name: "child"}}

func (n *node) ReadJSON(r *wire.Reader) {
	for name := range r.Object(jsonNode) {
		switch name {
		case "text":
			n.Text = r.Text()
		case "number":
			n.Number.ReadJSON(r)
		case "integer":
			n.Integer.ReadJSON(r)
		case "list":
			for range r.List() {
				var item node
				item.ReadJSON(r)
				n.List = append(n.List, item)
			}
		case "child":
			n.Child = new(node)
			n.Child.ReadJSON(r)
		}
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]node{
		`{"text":""}`: {},
		" {\n\"text\": \"a\"\t,\"number\":-0.5e1, \"integer\":\"7\"}\r": {Text: "a", Number: -5, Integer: 7},
		`{"list": [], "text": "a", "child": {"text": "b", "list": [{"text": "c"}, {"text": "d", "other": [{}]}]}}`: {
			Text: "a", Child: &node{Text: "b", List: []node{{Text: "c"}, {Text: "d"}}},
		},
		`{"number": null, "integer": null, "list": null, "child": null, "text": "null"}`:          {Text: "null"},
		`{"Text": 1, "TEXT": 2, "text": "a", "other": 1, "other": "\ud83d\ude00"}`:                {Text: "a"},
		`{"t\u0065xt": "\"\\\/\b\f\n\r\t\u00e9\ud83D\uDe00\uFFFD` + "\u2028\x7f" + `"}`:           {Text: "\"\\/\b\f\n\r\té😀\uFFFD\u2028\x7f"},
		`{"text": "", "other": ` + strings.Repeat("[", 999) + strings.Repeat("]", 999) + `}`:      {},
		`{"text": "", "other": [true, false, null, 0, -1.5E+2, "", {}, [], {"": 0, "a": [[0]]}]}`: {},
	} {
		var got node
		require.NoError(t, wire.Read([]byte(data), &got), data)
		assert.Equal(t, want, got, data)
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		``:                                      "the response is empty",
		" \n":                                   "the response is empty",
		`null`:                                  "the response is not a JSON object",
		`[]`:                                    "the response is not a JSON object",
		`"{}"`:                                  "the response is not a JSON object",
		`<html`:                                 "the response is not JSON from byte 0 on",
		"\ufeff" + `{}`:                         "the response is not JSON from byte 0 on",
		`{`:                                     "the response is cut off after 1 bytes",
		`{"text"`:                               "the response is cut off after 7 bytes",
		`{"text":`:                              "the response is cut off after 8 bytes",
		`{"text":"`:                             "the response is cut off after 9 bytes",
		`{"text":"a\`:                           "the response is cut off after 11 bytes",
		`{"text":"a"`:                           "the response is cut off after 11 bytes",
		`{"text":"a"}}`:                         "the response is not JSON from byte 12 on",
		`{"text":"a"}{}`:                        "the response is not JSON from byte 12 on",
		`{"text":"a",}`:                         "the response is not JSON from byte 12 on",
		`{,"text":"a"}`:                         "the response is not JSON from byte 1 on",
		`{"text" "a"}`:                          "the response is not JSON from byte 8 on",
		`{text:"a"}`:                            "the response is not JSON from byte 1 on",
		`{"text":"a" "list":[]}`:                "the response is not JSON from byte 12 on",
		`{"text":a}`:                            "the response is not JSON from byte 8 on",
		`{"text":nul}`:                          "text is not a string",
		`{"text":1}`:                            "text is not a string",
		`{"text":null}`:                         "text is not a string",
		`{"text":"` + "\n" + `"}`:               "the response is not JSON from byte 9 on",
		`{"text":"a\x"}`:                        "the response is not JSON from byte 11 on",
		`{"text":"a\u00g0"}`:                    "the response is not JSON from byte 11 on",
		`{"text":"a\u00"}`:                      "the response is not JSON from byte 11 on",
		`{}`:                                    "text is missing",
		`{"list":[]}`:                           "text is missing",
		`{"other":1}`:                           "text is missing",
		`{"text":"","text":""}`:                 "text occurs twice",
		`{"text":"","child":null,"child":{}}`:   "child occurs twice",
		`{"text":"","child":[]}`:                "child is not a JSON object",
		`{"text":"","list":{}}`:                 "list is not a JSON list",
		`{"text":"","list":[{"text":""},null]}`: "list[1] is null",
		`{"text":"","list":[{"text":""},]}`:     "the response is not JSON from byte 31 on",
		`{"text":"","list":[{"text":""} {"text":""}]}`:                       "the response is not JSON from byte 31 on",
		`{"text":"","list":[{"text":"","child":{"text":"","list":[{}]}}]}`:   "list[0].child.list[0].text is missing",
		`{"text":"","number":"nan"}`:                                         `number is not a metric value: "nan"`,
		`{"text":"","number":01}`:                                            "the response is not JSON from byte 21 on",
		`{"text":"","number":-}`:                                             "the response is not JSON from byte 20 on",
		`{"text":"","number":1.}`:                                            "the response is not JSON from byte 20 on",
		`{"text":"","number":1e}`:                                            "the response is not JSON from byte 20 on",
		`{"text":"","number":{}}`:                                            "number is not a metric value",
		`{"text":"","integer":1.5}`:                                          `integer is not a 64-bit integer: "1.5"`,
		`{"text":"","integer":"` + strings.Repeat("s3cret", 9) + `"}`:        "integer is not a 64-bit integer: text of 54 bytes",
		`{"text":"` + "\xff" + `"}`:                                          "text is not UTF-8",
		`{"text":"\ud83d"}`:                                                  "text holds half a surrogate pair",
		`{"text":"\ud83d\ud83d\ude00"}`:                                      "text holds half a surrogate pair",
		`{"text":"\ude00\ud83d"}`:                                            "text holds half a surrogate pair",
		`{"text":"\ud83dx"}`:                                                 "text holds half a surrogate pair",
		`{"text":"","\udead":1}`:                                             "* holds half a surrogate pair",
		`{"text":"","list":[{"text":"","x":{"s3cret":["` + "\xff" + `"]}}]}`: "list[0].* is not UTF-8",
		`{"text":"","x":{"a":1,}}`:                                           "the response is not JSON from byte 22 on",
		`{"text":"","x":{"a" 1}}`:                                            "the response is not JSON from byte 20 on",
		`{"text":"","x":{1:1}}`:                                              "the response is not JSON from byte 16 on",
		`{"text":"","x":[1,]}`:                                               "the response is not JSON from byte 18 on",
		`{"text":"","x":[1 2]}`:                                              "the response is not JSON from byte 18 on",
		`{"text":"","x":tru}`:                                                "the response is not JSON from byte 15 on",
		`{"text":"","x":` + strings.Repeat("[", 1000):                        "* is nested too deeply",
		`{"text":"","x":` + strings.Repeat(`{"":`, 1000):                     "* is nested too deeply",
		strings.Repeat(`{"child":`, 1001):                                    "child.child is nested too deeply",
	} {
		err := wire.Read([]byte(data), new(node))
		require.Error(t, err, data)
		assert.True(t, strings.HasSuffix(err.Error(), want), "%s: %v, want %s", data, err, want)
	}
}

// TestReadWide checks that what was closed does not count as nested.
func TestReadWide(t *testing.T) {
	t.Parallel()
	const many = 2000
	var got node
	require.NoError(t, wire.Read([]byte(`{"list": [`+strings.Repeat(`{"text": "a", "list": [], "x": [[], {}]}, `, many)+`{"text": "b"}], "text": ""}`), &got))
	assert.Len(t, got.List, many+1)
	err := wire.Read([]byte(`{"list": [`+strings.Repeat(`{"text": "a", "list": []}, `, many)+`{}], "text": ""}`), &got)
	require.EqualError(t, err, "list[2000].text is missing")
	require.NoError(t, wire.Read([]byte(`{"text": "", "x": [`+strings.Repeat(`[], {}, `, many)+`0]}`), &got))
}

// TestReadEmpty reads the object by which servers say that all went well.
func TestReadEmpty(t *testing.T) {
	t.Parallel()
	for _, data := range []string{`{}`, " {\n} "} {
		require.NoError(t, wire.Read([]byte(data), new(wire.Empty)), data)
	}
	for _, data := range []string{`{"error":{}}`, `{"":null}`} {
		require.EqualError(t, wire.Read([]byte(data), new(wire.Empty)), "the response is not the object that was promised")
	}
	for _, data := range []string{``, `[]`, `null`, `OK`, `{}{}`, `{`} {
		require.Error(t, wire.Read([]byte(data), new(wire.Empty)), data)
	}
}

// TestSkippingIsFree checks that what is not read costs no memory.
func TestSkippingIsFree(t *testing.T) { //nolint:paralleltest // AllocsPerRun measures what the whole program allocates
	skipped := `{"text":"","other":[null,{"a":"\n\u00e9é"},` + strings.Repeat(`[{}],`, 1000) + `1.5e7]}`
	allocations := testing.AllocsPerRun(10, func() { _ = wire.Read([]byte(skipped), new(node)) })
	assert.LessOrEqual(t, allocations, 5.0) // the bytes, the node, the reader and its path
}

// stricter holds the errors of a [wire.Reader] about what encoding/json accepts.
var stricter = regexp.MustCompile(` is missing$` + // it does not know what a response needs
	`| occurs twice$` + // the last one wins there, after it was merged with those before
	`|\] is null$` + // an element of zeros there
	`|^(.*\.)?text is not a string$` + // null for what is required: passed over there
	`| is not UTF-8$| holds half a surrogate pair$` + // U+FFFD there
	`| is nested too deeply$` + // 10,000 levels there
	`| is not the object that was promised$`)

// FuzzReader compares the reader with encoding/json: both accept and read the same, but for what is listed.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{
		`{"text":"a","number":-1.5e-7,"integer":"12","list":[{"text":"\ud83d\ude00"}],"child":{"text":"é","x":[1,{"":null}]}}`,
		`{"text":"","number":"NaN","integer":1e3,"list":null}`, `{"text":"\ud800","list":[null]}`, `{"text":1}`, `{"":0}`, ` [] `,
		`{"text":"","text":"` + "\xff" + `"}`, `{"text":"\uFFFD","x":0.0e00}`, `{"text":"","x":[[[[[[]]]]]]}`, `{"text":"","number":01}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if foldsNames(data) {
			return // encoding/json takes TEXT for text
		}
		var ours, theirs node
		err, theirErr := wire.Read(data, &ours), json.Unmarshal(data, &theirs)
		switch {
		case err == nil && theirErr != nil:
			// Absent and null are the same to the reader; the methods of numbers refuse null when encoding/json calls them.
			require.Contains(t, string(data), "null", theirErr)
		case err == nil:
			want, wantErr := json.Marshal(theirs)
			got, gotErr := json.Marshal(ours)
			require.NoError(t, errors.Join(wantErr, gotErr))
			require.JSONEq(t, string(want), string(got))
		case theirErr == nil && !bytes.Equal(bytes.TrimSpace(data), []byte("null")): // a response is an object
			require.Regexp(t, stricter, err.Error())
		}
	})
}

// foldsNames reports whether there is text in data that may be the name of a member in another case.
func foldsNames(data []byte) bool {
	decoder := json.NewDecoder(bytes.NewReader(data))
	for {
		token, err := decoder.Token()
		if err != nil {
			return false
		}
		if text, ok := token.(string); ok && strings.ContainsAny(text, "TEXNUMBRIGLSCHD\u017f\u212a") {
			return true
		}
	}
}
