package chaos

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A run without faults: two runs, of which the second one's CreateRun failed.
func goodRun() (*expected, *actual) {
	want := newExpected()
	want.creates["a"], want.creates["b"] = create{"1"}, create{}
	want.points[series{"1", "loss"}] = []point{
		{step: 1, value: math.NaN(), earliest: 5, last: 5, reported: stored},
		{step: 2, value: 0.5, earliest: 5, last: 7, reported: stored},
		{step: 3, value: 0.25, earliest: 5, last: 7, reported: unknown},
	}
	want.params[item{"1", "depth"}] = entry{"7", stored}
	want.tags[item{"1", "note"}] = entry{"x", stored}
	want.status["1"] = entry{"FINISHED", stored}

	got := &actual{points: map[series][]actualPoint{{"1", "loss"}: {
		{number(math.NaN()), 5, 1}, {0.5, 6, 2},
	}}}
	got.runs = []actualRun{newActualRun("1", "a", "active"), newActualRun("2", "b", "active"), newActualRun("3", "b", "deleted")}
	got.runs[0].Info.Status = "FINISHED"
	got.runs[0].Data.Params = []pair{newPair("depth", "7")}
	got.runs[0].Data.Tags = append(got.runs[0].Data.Tags, newPair("note", "x"), newPair("mlflow.user", "me"))
	return want, got
}

func newActualRun(id, key, stage string) actualRun {
	var run actualRun
	run.Info.RunID, run.Info.Status, run.Info.LifecycleStage = id, "RUNNING", stage
	run.Data.Tags = []pair{newPair(idempotencyTag, key)}
	return run
}

func newPair(key, value string) pair {
	text, _ := json.Marshal(value)
	return pair{key, text}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	const good = "lost 0, doubled 0, ghosts 0"
	loss := series{"1", "loss"}
	tests := []struct {
		name  string
		spoil func(*expected, *actual)
		want  string
	}{
		{"a good run", func(*expected, *actual) {}, good},
		{"a failed call that had an effect", func(_ *expected, got *actual) {
			got.points[loss] = append(got.points[loss], actualPoint{0.25, 6, 3})
		}, good},
		{"a lost NaN", func(_ *expected, got *actual) { got.points[loss] = got.points[loss][1:] }, "lost 1, doubled 0, ghosts 0"},
		{"a point stamped again", func(_ *expected, got *actual) {
			got.points[loss] = append(got.points[loss], actualPoint{0.5, 7, 2})
		}, "lost 0, doubled 1, ghosts 0"},
		{"another value", func(_ *expected, got *actual) { got.points[loss][1].Value = 0.6 }, "lost 0, doubled 0, ghosts 1"},
		{"another time", func(_ *expected, got *actual) { got.points[loss][1].Timestamp = 8 }, "lost 0, doubled 0, ghosts 1"},
		{"a point never sent", func(_ *expected, got *actual) {
			got.points[loss] = append(got.points[loss], actualPoint{0.5, 7, 9})
		}, "lost 0, doubled 0, ghosts 1"},
		{"a metric never sent", func(_ *expected, got *actual) {
			got.points[series{"1", "other"}] = []actualPoint{{0.5, 7, 9}}
		}, "lost 0, doubled 0, ghosts 1"},
		{"a lost param", func(_ *expected, got *actual) { got.runs[0].Data.Params = nil }, "lost 1, doubled 0, ghosts 0"},
		{"a lost tag", func(_ *expected, got *actual) { got.runs[0].Data.Tags = got.runs[0].Data.Tags[:1] }, "lost 1, doubled 0, ghosts 0"},
		{"a lost status", func(_ *expected, got *actual) { got.runs[0].Info.Status = "RUNNING" }, "lost 1, doubled 0, ghosts 0"},
		{"a param never sent", func(_ *expected, got *actual) {
			got.runs[0].Data.Params = append(got.runs[0].Data.Params, newPair("new", "1"))
		}, "lost 0, doubled 0, ghosts 1"},
		{"another tag value", func(_ *expected, got *actual) { got.runs[0].Data.Tags[1] = newPair("note", "y") }, "lost 0, doubled 0, ghosts 1"},
		{"a run without a key", func(_ *expected, got *actual) {
			got.runs = append(got.runs, newActualRun("4", "", "active"))
		}, "lost 0, doubled 0, ghosts 1"},
		{"a second run", func(_ *expected, got *actual) {
			got.runs = append(got.runs, newActualRun("4", "a", "active"))
		}, "lost 0, doubled 1, ghosts 0"},
		{"a second run of a call that failed", func(_ *expected, got *actual) {
			got.runs = append(got.runs, newActualRun("4", "b", "active"))
		}, "lost 0, doubled 1, ghosts 0"},
		{"the other of two runs was returned", func(want *expected, _ *actual) {
			want.creates["b"] = create{"3"}
		}, "lost 1, doubled 0, ghosts 0"},
		{"a failed call that had its effect twice", func(_ *expected, got *actual) {
			got.points[loss] = append(got.points[loss], actualPoint{0.25, 5, 3}, actualPoint{0.25, 7, 3})
		}, "lost 0, doubled 1, ghosts 0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			want, got := goodRun()
			test.spoil(want, got)
			assert.Equal(t, test.want, compare(want, got).String())
		})
	}
}
