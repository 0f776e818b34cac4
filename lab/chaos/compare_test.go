package main

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A day without faults: two runs, of which the second one's CreateRun failed.
func goodDay() (*ledger, *holdings) {
	l := newLedger()
	l.creates["a"], l.creates["b"] = create{"1"}, create{}
	l.points[series{"1", "loss"}] = []point{
		{step: 1, value: math.NaN(), earliest: 5, last: 5, fate: stored},
		{step: 2, value: 0.5, earliest: 5, last: 7, fate: stored},
		{step: 3, value: 0.25, earliest: 5, last: 7, fate: unknown},
	}
	l.params[item{"1", "depth"}] = entry{"7", stored}
	l.tags[item{"1", "note"}] = entry{"x", stored}
	l.status["1"] = entry{"FINISHED", stored}

	h := &holdings{points: map[series][]heldPoint{{"1", "loss"}: {
		{number(math.NaN()), 5, 1}, {0.5, 6, 2},
	}}}
	h.runs = []heldRun{heldRunOf("1", "a", "active"), heldRunOf("2", "b", "active"), heldRunOf("3", "b", "deleted")}
	h.runs[0].Info.Status = "FINISHED"
	h.runs[0].Data.Params = []pair{pairOf("depth", "7")}
	h.runs[0].Data.Tags = append(h.runs[0].Data.Tags, pairOf("note", "x"), pairOf("mlflow.user", "me"))
	return l, h
}

func heldRunOf(id, key, stage string) heldRun {
	var run heldRun
	run.Info.RunID, run.Info.Status, run.Info.LifecycleStage = id, "RUNNING", stage
	run.Data.Tags = []pair{pairOf(idempotencyTag, key)}
	return run
}

func pairOf(key, value string) pair {
	text, _ := json.Marshal(value)
	return pair{key, text}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	const good = "lost 0, doubled 0, ghosts 0"
	loss := series{"1", "loss"}
	tests := []struct {
		name  string
		spoil func(*ledger, *holdings)
		want  string
	}{
		{"a good day", func(*ledger, *holdings) {}, good},
		{"a failed call that had an effect", func(_ *ledger, h *holdings) {
			h.points[loss] = append(h.points[loss], heldPoint{0.25, 6, 3})
		}, good},
		{"a lost NaN", func(_ *ledger, h *holdings) { h.points[loss] = h.points[loss][1:] }, "lost 1, doubled 0, ghosts 0"},
		{"a point stamped again", func(_ *ledger, h *holdings) {
			h.points[loss] = append(h.points[loss], heldPoint{0.5, 7, 2})
		}, "lost 0, doubled 1, ghosts 0"},
		{"another value", func(_ *ledger, h *holdings) { h.points[loss][1].Value = 0.6 }, "lost 0, doubled 0, ghosts 1"},
		{"another time", func(_ *ledger, h *holdings) { h.points[loss][1].Timestamp = 8 }, "lost 0, doubled 0, ghosts 1"},
		{"a point never sent", func(_ *ledger, h *holdings) {
			h.points[loss] = append(h.points[loss], heldPoint{0.5, 7, 9})
		}, "lost 0, doubled 0, ghosts 1"},
		{"a metric never sent", func(_ *ledger, h *holdings) {
			h.points[series{"1", "other"}] = []heldPoint{{0.5, 7, 9}}
		}, "lost 0, doubled 0, ghosts 1"},
		{"a lost param", func(_ *ledger, h *holdings) { h.runs[0].Data.Params = nil }, "lost 1, doubled 0, ghosts 0"},
		{"a lost tag", func(_ *ledger, h *holdings) { h.runs[0].Data.Tags = h.runs[0].Data.Tags[:1] }, "lost 1, doubled 0, ghosts 0"},
		{"a lost status", func(_ *ledger, h *holdings) { h.runs[0].Info.Status = "RUNNING" }, "lost 1, doubled 0, ghosts 0"},
		{"a param never sent", func(_ *ledger, h *holdings) {
			h.runs[0].Data.Params = append(h.runs[0].Data.Params, pairOf("new", "1"))
		}, "lost 0, doubled 0, ghosts 1"},
		{"another tag value", func(_ *ledger, h *holdings) { h.runs[0].Data.Tags[1] = pairOf("note", "y") }, "lost 0, doubled 0, ghosts 1"},
		{"a run without a key", func(_ *ledger, h *holdings) {
			h.runs = append(h.runs, heldRunOf("4", "", "active"))
		}, "lost 0, doubled 0, ghosts 1"},
		{"a second run", func(_ *ledger, h *holdings) {
			h.runs = append(h.runs, heldRunOf("4", "a", "active"))
		}, "lost 0, doubled 1, ghosts 0"},
		{"a second run of a call that failed", func(_ *ledger, h *holdings) {
			h.runs = append(h.runs, heldRunOf("4", "b", "active"))
		}, "lost 0, doubled 1, ghosts 0"},
		{"the other of two runs was returned", func(l *ledger, _ *holdings) {
			l.creates["b"] = create{"3"}
		}, "lost 1, doubled 0, ghosts 0"},
		{"a failed call that had its effect twice", func(_ *ledger, h *holdings) {
			h.points[loss] = append(h.points[loss], heldPoint{0.25, 5, 3}, heldPoint{0.25, 7, 3})
		}, "lost 0, doubled 1, ghosts 0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l, h := goodDay()
			test.spoil(l, h)
			assert.Equal(t, test.want, compare(l, h).String())
		})
	}
}
