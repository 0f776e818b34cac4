package differential

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
)

// A call is a request. IDs of what earlier calls create are placeholders in it, such as <run0>.
type call struct {
	method, path string
	query        [][2]string // of a GET
	body         string      // of a POST
	creates      string      // the placeholder of what it creates
	raw          string      // path and query of a request for files, in place of both
	ranges       string      // the header Range
}

func (c call) String() string {
	if c.raw != "" {
		return fmt.Sprintf("%s %s %s %q", c.method, c.raw, c.ranges, c.body)
	}
	if c.method == http.MethodGet {
		return fmt.Sprintf("GET %s %q", c.path, c.query)
	}
	body := c.body
	if len(body) > 1000 {
		body = body[:1000] + "..."
	}
	return "POST " + c.path + " " + body
}

// A generator makes the calls of a sequence. The same seed and number make the same calls.
type generator struct {
	*rand.Rand
	prefix      string // of the names of all experiments
	calls       []call
	experiments int
	runs        int
	located     bool // an experiment keeps its artifacts elsewhere
}

func generate(seed uint64, number int) []call {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, uint64(number))), prefix: fmt.Sprintf("s%d-%d-", seed, number)}
	g.createExperiment()
	for range 1 + g.IntN(3) {
		g.createRun()
	}
	steps := []func(){
		g.createExperiment, g.createRun, g.createRun, g.logMetric, g.logMetric, g.logMetric, g.logParam, g.setTag, g.setTag,
		g.deleteTag, g.logBatch, g.logBatch, g.logInputs, g.getRun, g.updateRun, g.deleteOrRestore, g.experimentTag,
		g.updateExperiment, g.getExperiment, g.history, g.sample, g.searchRuns, g.searchRuns, g.searchRuns,
		g.searchExperiments, g.artifact,
	}
	if number%8 == 0 { // one in eight is about files
		steps = []func(){g.artifact}
	}
	for range 2 + g.IntN(8) {
		steps[g.IntN(len(steps))]()
	}
	g.searchRuns()
	g.searchRuns()
	return g.calls
}

// chance reports true once in n times.
func (g *generator) chance(n int) bool { return g.IntN(n) == 0 }

func pick[T any](g *generator, list ...T) T { return list[g.IntN(len(list))] }

// A member of a request is written as JSON, which need not be valid.
type member struct{ name, json string }

func (g *generator) text(name, value string) member { return member{name, quote(value)} }

func quote(text string) string {
	var quoted strings.Builder
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false) // placeholders are found by their brackets
	if err := encoder.Encode(text); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(quoted.String(), "\n")
}

// oddities stand in place of any value, now and then.
var oddities = []string{
	"null", `""`, "0", "1", "-1", "5.5", "true", "false", "[]", "{}", `"x"`, `"5"`, "[1]", `["x"]`, `"nan"`, `"NaN"`, "NaN", "1e999",
	"9223372036854775808", "123.0", `"1e3"`, `" 5"`, `"\ud800"`, `"a\u0000b"`, "[null]", `[{"key": "a"}]`, `{"key": "a"}`, `["key"]`,
}

// object writes an object, with an oddity or without a member now and then.
func (g *generator) object(members ...member) string {
	if g.chance(25) {
		odd := g.IntN(len(members))
		if g.chance(3) {
			members = slices.Delete(members, odd, odd+1)
		} else {
			members[odd].json = pick(g, oddities...)
		}
	}
	if g.chance(40) {
		g.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	}
	var parts []string
	for _, m := range members {
		parts = append(parts, quote(m.name)+": "+m.json)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func (g *generator) post(path string, members ...member) {
	g.calls = append(g.calls, call{method: http.MethodPost, path: path, body: g.object(members...)})
}

func (g *generator) get(path string, query ...[2]string) {
	if g.chance(25) {
		odd := g.IntN(len(query))
		if g.chance(3) {
			query = slices.Delete(query, odd, odd+1)
		} else {
			query[odd][1] = pick(g, "", "x", "0", "-1", "5.5", "NaN", "99999999999999999999", "1e3", " 5", "1_0")
		}
	}
	g.calls = append(g.calls, call{method: http.MethodGet, path: path, query: query})
}

func (g *generator) run() string {
	if g.chance(40) {
		return pick(g, absent["run"], "no run", "", "../x")
	}
	return fmt.Sprintf("<run%d>", g.IntN(g.runs))
}

func (g *generator) experiment() string {
	if g.chance(30) {
		return pick(g, absent["experiment"], "x", "", "-5", "99999999999999999999", "5.5")
	}
	return fmt.Sprintf("<experiment%d>", g.IntN(g.experiments))
}

func (g *generator) name() string {
	if g.chance(30) {
		return strings.Repeat("n", 501)
	}
	return g.prefix + pick(g, "a", "b", "c", "A", "été", "a b", "it's")
}

var keys = []string{"loss", "loss", "acc", "a b", "x/y", "a.b", "été", "p-1", "a:b", "Loss", "1m", "end"}

func (g *generator) key() string {
	if g.chance(20) {
		return pick(g, "", "a//b", "..", ".", "/a", "a/", "a*b", "a,b", "../a", "./a", "a\nb", "a\tb", "🙂", "²", strings.Repeat("k", 250),
			strings.Repeat("k", 251), strings.Repeat("ü", 250), "..a", "a/../b", "ⅷ", "a\u0301")
	}
	return pick(g, keys...)
}

func (g *generator) tagKey() string {
	if g.chance(4) {
		return pick(g, "mlflow.runName", "mlflow.user", "mlflow.note.content", "mlflow.parentRunId")
	}
	return g.key()
}

var texts = []string{"", "a", "b", "A", "aB", "été", "ÉTÉ", "it's", `say "x"`, "100%", "a_b", "0.5", "10", "9", " ", "a\nb", "<&>", "🙂"}

func (g *generator) value() string {
	if g.chance(40) {
		return strings.Repeat(pick(g, "v", "ü"), pick(g, 6000, 6001, 8000, 8001, 500, 501, 20000, 20001))
	}
	return pick(g, texts...)
}

// numbers are values of metrics, as JSON.
var numbers = []string{
	"0", "1", "-1", "0.5", "1.5", "2", "10", "1e-3", "1e308", "-1e308", "0.1", "3", "-0.0", "123456789012345680", `"NaN"`, `"NaN"`,
	`"Infinity"`, `"-Infinity"`, "5e-324",
}

func (g *generator) number() string {
	if g.chance(30) {
		return pick(g, `"2.5"`, "true", "NaN", "Infinity", "1e999", `"nan"`, `"inf"`, `"1_0"`, `"0x10"`, `""`, `"-infinity"`, `" 1 "`)
	}
	return pick(g, numbers...)
}

func (g *generator) timestamp() string {
	if g.chance(30) {
		return pick(g, "-1", "9223372036854775807", `"5"`, "5.0", "1e3", "true")
	}
	return pick(g, "0", "1", "2", "1700000000000", "1700000000001")
}

func (g *generator) step() string {
	return pick(g, "0", "0", "1", "2", "3", "-1", "9007199254740993", "10")
}

// startTimes are all different, since runs that started at once are sorted by their IDs, which differ.
func (g *generator) startTime() string {
	return fmt.Sprint(1700000000000 + int64(g.IntN(1000))*1000 + int64(g.runs))
}
