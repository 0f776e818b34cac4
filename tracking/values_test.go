package tracking_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	randv1 "math/rand"
	"math/rand/v2"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/tracking"
)

// awkwardFloats are values that a careless encoding loses.
var awkwardFloats = []float64{
	0, math.Copysign(0, -1), 1, -1, 0.1, 1.0 / 3, 100, 1e15, 1e16, 1e21, 1e22, -1e-7, 123456789.123456789,
	math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64,
	0x1p-1022, 0x1.fffffffffffffp-1023, // the smallest normal and the largest subnormal
	1 << 53, 1<<53 + 2, math.MaxInt64, math.Pi, math.Nextafter(1, 2),
	math.NaN(), math.Float64frombits(0x7ff8dead0000beef), math.Float64frombits(0xfff0000000000001),
	math.Inf(1), math.Inf(-1),
}

var awkwardSteps = []int64{0, 1, -1, 1<<53 + 1, -(1<<53 + 1), math.MaxInt64, math.MinInt64}

var awkwardKeys = []string{
	"plain", "with space", "with/slash/es", "with.dots.and-dashes_", "ünïcödé", "日本語", "CamelCase", "0", strings.Repeat("k", 250),
}

var awkwardTexts = []string{
	"", " ", "  leading and trailing  ", `it's "quoted"`, "back\\slash", "line\nbreak\ttab\r", "\x01\x1f\x7f", "<b>&amp;</b>",
	"🌍🧪 four bytes", "\u2028\u2029", "\uFFFD", "e\u0301 combined", "null", "NaN", `{"json": [1]}`, "%00%2F", strings.Repeat("ü", 5000),
}

// TestValuesSurvive logs what is hard to carry, and a hundred random values, and reads it back in both ways.
func TestValuesSurvive(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		run, at := newRun(t, s, client), s.Now()
		metrics := awkwardMetrics(at)
		params, tags := awkwardStrings()
		require.NoError(t, client.LogBatch(t.Context(), run.RunID, metrics, params, tags))
		for _, metric := range metrics[:5] { // and by the other endpoint
			require.NoError(t, client.LogMetric(t.Context(), run.RunID, metric.Key+" single", metric.Value,
				tracking.WithTimestamp(metric.Timestamp), tracking.WithStep(metric.Step)))
			metric.Key += " single"
			metrics = append(metrics, metric)
		}
		tags["mlflow.runName"] = "run"

		got, err := client.GetRun(t.Context(), run.RunID)
		require.NoError(t, err)
		found, err := client.SearchRuns(t.Context(), []string{run.ExperimentID})
		require.NoError(t, err)
		require.Len(t, found.Runs, 1)
		for _, got := range []*tracking.Run{got, &found.Runs[0]} {
			require.Len(t, got.Data.Metrics, len(metrics))
			byKey := metricsByKey(got)
			for _, want := range metrics {
				assertSameMetric(t, s, want, byKey[want.Key])
			}
			assert.ElementsMatch(t, params, got.Data.Params)
			assert.Equal(t, tags, got.Data.Tags)
		}
	})
}

// awkwardMetrics returns metrics whose values, steps, times and keys are hard to carry, always the same.
func awkwardMetrics(at time.Time) []tracking.Metric {
	random := rand.New(rand.NewPCG(1, 2))
	var metrics []tracking.Metric
	add := func(key string, value float64, step int64) {
		metrics = append(metrics, tracking.Metric{Key: key, Value: value, Timestamp: at, Step: step})
	}
	for i, value := range awkwardFloats {
		add(fmt.Sprint("float ", i), value, 0)
	}
	for i := range 100 {
		add(fmt.Sprint("random ", i), math.Float64frombits(random.Uint64()), int64(random.Uint64()))
	}
	for i, step := range awkwardSteps {
		add(fmt.Sprint("step ", i), 1, step)
	}
	for _, key := range awkwardKeys {
		add(key, 1, 0)
	}
	return metrics
}

func awkwardStrings() ([]tracking.Param, map[string]string) {
	var params []tracking.Param
	tags := make(map[string]string)
	for i, text := range awkwardTexts {
		params = append(params, tracking.Param{Key: fmt.Sprint("text ", i), Value: text})
		tags[fmt.Sprint("text ", i)] = text
	}
	for _, key := range awkwardKeys {
		params = append(params, tracking.Param{Key: key, Value: key})
		tags[key] = key
	}
	return append(params, tracking.Param{Key: "longest", Value: strings.Repeat("🌍", 6000)}), tags
}

// assertSameMetric checks that a metric was read as it was logged, as far as the server can hold it.
func assertSameMetric(t *testing.T, s *scenario.Session, want, got tracking.Metric) {
	t.Helper()
	switch {
	case math.IsNaN(want.Value):
		assert.True(t, math.IsNaN(got.Value), "%s: %v, want NaN", want.Key, got.Value)
		want.Value, got.Value = 0, 0
	case math.IsInf(want.Value, 0) && s.Server.Store != "file":
		want.Value = math.Copysign(math.MaxFloat64, want.Value)
	case want.Value == 0 && (s.Server.Store == "sqlite" || s.Server.Store == "postgres" && s.Server.Before("3")):
		want.Value = 0 // SQLite has no negative zero, and psycopg2, the driver before psycopg 3, sends none
	}
	assert.Equal(t, math.Float64bits(want.Value), math.Float64bits(got.Value), "%s: %v, want %v", want.Key, got.Value, want.Value)
	want.Value, got.Value = 0, 0
	assert.Equal(t, want, got)
}

// FuzzRequest checks that any metric, param and tag goes over the wire as it is, or is refused.
func FuzzRequest(f *testing.F) {
	for i, value := range awkwardFloats {
		f.Add(math.Float64bits(value), awkwardSteps[i%len(awkwardSteps)], int64(i), awkwardKeys[i%len(awkwardKeys)], awkwardTexts[i%len(awkwardTexts)])
	}
	f.Add(uint64(0), int64(0), int64(-1), "\xff", "\xed\xa0\x80")
	f.Fuzz(func(t *testing.T, bits uint64, step, ms int64, key, text string) {
		server := &recorder{reply: `{}`}
		client := server.client()
		value := math.Float64frombits(bits)
		metric := tracking.Metric{Key: key, Value: value, Timestamp: time.UnixMilli(ms), Step: step}
		err := client.LogBatch(t.Context(), "r1", []tracking.Metric{metric}, []tracking.Param{{Key: key, Value: text}}, map[string]string{key: text})
		if !validText(key, text) || key == "" {
			require.ErrorIs(t, err, tracking.ErrInvalidArgument)
			require.Nil(t, server.body)
			return
		}
		require.NoError(t, err)
		body := parse(t, server.body).(map[string]any)
		sent := body["metrics"].([]any)[0].(map[string]any)
		assert.Equal(t, key, sent["key"])
		assert.Equal(t, fmt.Sprint(step), fmt.Sprint(sent["step"]))
		assert.Equal(t, fmt.Sprint(time.UnixMilli(ms).UnixMilli()), fmt.Sprint(sent["timestamp"]))
		switch literal := fmt.Sprint(sent["value"]); {
		case math.IsNaN(value):
			assert.Equal(t, "NaN", sent["value"])
		case math.IsInf(value, 0):
			assert.Equal(t, map[bool]string{true: "Infinity", false: "-Infinity"}[value > 0], sent["value"])
		default:
			exact, _, err := big.ParseFloat(literal, 10, 2000, big.ToNearestEven)
			require.NoError(t, err)
			rounded, _ := exact.Float64()
			assert.Equal(t, bits, math.Float64bits(rounded), literal)
			assert.Equal(t, math.Signbit(value) && value == 0, literal == "-0.0", "Python reads -0 as an integer")
		}
		for _, list := range []string{"params", "tags"} {
			assert.Equal(t, []any{map[string]any{"key": key, "value": text}}, body[list])
		}
	})
}

// TestRequestsAreWrittenAsByEncodingJSON fills the generated types at random, and compares the bytes.
func TestRequestsAreWrittenAsByEncodingJSON(t *testing.T) {
	t.Parallel()
	random := randv1.New(randv1.NewSource(1)) // what testing/quick takes
	for _, op := range tracking.Operations {
		kind := reflect.TypeOf(op.NewRequest())
		if _, ok := op.NewRequest().(interface{ AppendJSON(data []byte) []byte }); !ok {
			continue // a query
		}
		for range 200 {
			value, ok := quick.Value(kind, random)
			require.True(t, ok)
			request := value.Interface().(interface{ AppendJSON(data []byte) []byte })
			if value.IsNil() {
				continue
			}
			want, err := json.Marshal(request)
			require.NoError(t, err)
			assert.Equal(t, string(want), string(request.AppendJSON(nil)), op.Name)
		}
	}
}

// FuzzResponse checks that no response makes the client panic, and that a metric in one is read right or not at all.
func FuzzResponse(f *testing.F) {
	for _, literal := range []string{`1`, `-0.0`, `1e308`, `1e309`, `"NaN"`, `"Infinity"`, `"nan"`, `null`, `[]`, `9223372036854775807`, `"12"`, `1.5`} {
		f.Add(literal, literal, literal, []byte(literal))
	}
	f.Add(`1`, `1`, `1`, []byte(runJSON))
	f.Add(`1`, `1`, `1`, []byte(`{"error_code": 5, "message": []}`))
	f.Fuzz(func(t *testing.T, value, timestamp, step string, anything []byte) {
		for _, op := range operations {
			for _, status := range []int{200, 404} {
				server := &recorder{status: status, reply: string(anything)}
				if err := op.use(t.Context(), server.client()); err != nil {
					var failure *tracking.Error
					require.ErrorAs(t, err, &failure)
					require.NotContains(t, failure.Error(), "\n")
				}
			}
		}
		reply := fmt.Sprintf(`{"run": {"info": {"run_id": "r1"}, "data": {"metrics": [{"key": "k", "value": %s, "timestamp": %s, "step": %s}]}}}`,
			value, timestamp, step)
		run, err := (&recorder{reply: reply}).client().GetRun(t.Context(), "r1")
		if err != nil || len(run.Data.Metrics) != 1 || strings.ContainsAny(value+timestamp+step, ",{}[]\\") {
			return
		}
		if longExponent.MatchString(value + " " + timestamp + " " + step) {
			return // takes math/big too long
		}
		metric := run.Data.Metrics[0]
		assertReads(t, value, metric.Value)
		assert.Zero(t, exactly(t, timestamp).Cmp(new(big.Rat).SetInt64(metric.Timestamp.UnixMilli())), timestamp)
		assert.Zero(t, exactly(t, step).Cmp(new(big.Rat).SetInt64(metric.Step)), step)
	})
}

var longExponent = regexp.MustCompile(`[eE][+-]?\d{4}`)

// assertReads checks a float64 against the JSON that it was read from.
func assertReads(t *testing.T, literal string, got float64) {
	t.Helper()
	switch strings.Trim(literal, "\" \t\r\n") {
	case "NaN":
		assert.True(t, math.IsNaN(got))
	case "Infinity":
		assert.True(t, math.IsInf(got, 1))
	case "-Infinity":
		assert.True(t, math.IsInf(got, -1))
	default:
		exact, _, err := big.ParseFloat(strings.Trim(literal, "\" \t\r\n"), 10, 2000, big.ToNearestEven)
		require.NoError(t, err, literal)
		want, _ := exact.Float64()
		assert.Equal(t, math.Float64bits(want), math.Float64bits(got), literal)
	}
}

// exactly returns the number that a JSON number, or a string with one in it, stands for.
func exactly(t *testing.T, literal string) *big.Rat {
	t.Helper()
	number, ok := new(big.Rat).SetString(strings.Trim(literal, "\" \t\r\n"))
	require.True(t, ok, literal)
	return number
}
