package chaos

import (
	"fmt"
	"slices"
	"strings"
)

// idempotencyTag is where the library keeps the key of a run. It is spelled out here, because what is under test must
// not decide what is looked for.
const idempotencyTag = "mlflow_go.idempotency_key"

// A verdict is how what calls reported differs from what the server holds.
type verdict struct {
	lost    []string // reported as stored, and not there
	doubled []string // there more than once
	ghosts  []string // there, and never sent
	// What is no fault: failed calls that had an effect, and second runs that were found and deleted.
	landed, removed int
}

func (v *verdict) ok() bool { return len(v.lost)+len(v.doubled)+len(v.ghosts) == 0 }

func (v *verdict) String() string {
	return fmt.Sprintf("lost %d, doubled %d, ghosts %d", len(v.lost), len(v.doubled), len(v.ghosts))
}

// details names the first faults of each kind.
func (v *verdict) details() string {
	var text strings.Builder
	for _, kind := range []struct {
		name   string
		faults []string
	}{{"lost", v.lost}, {"doubled", v.doubled}, {"ghost", v.ghosts}} {
		for _, fault := range kind.faults[:min(10, len(kind.faults))] {
			fmt.Fprintf(&text, "  %s: %s\n", kind.name, fault)
		}
	}
	return text.String()
}

// compare compares what calls reported with what the server holds when all is over.
func compare(want *expected, got *actual) *verdict {
	v := &verdict{}
	v.compareRuns(want, got)
	v.comparePoints(want.points, got.points)
	params, tags, statuses := make(map[item][]string), make(map[item][]string), make(map[item][]string)
	for _, run := range got.runs {
		id := run.Info.RunID
		if !run.active() || !slices.ContainsFunc(run.Data.Tags, func(p pair) bool { return want.returned(p, id) }) {
			continue // compareRuns has judged it
		}
		for _, p := range run.Data.Params {
			params[item{id, p.Key}] = append(params[item{id, p.Key}], p.text())
		}
		for _, p := range run.Data.Tags {
			if !strings.HasPrefix(p.Key, "mlflow_go.") && !strings.HasPrefix(p.Key, "mlflow.") { // the library's, and MLflow's own
				tags[item{id, p.Key}] = append(tags[item{id, p.Key}], p.text())
			}
		}
		if run.Info.Status != "RUNNING" { // as every run begins
			statuses[item{id, "status"}] = append(statuses[item{id, "status"}], run.Info.Status)
		}
	}
	status := make(map[item]entry)
	for id, e := range want.status {
		status[item{id, "status"}] = e
	}
	v.compareItems("param", want.params, params)
	v.compareItems("tag", want.tags, tags)
	v.compareItems("status", status, statuses)
	return v
}

// returned reports whether a tag is the key of a CreateRun that returned the run.
func (e *expected) returned(tag pair, runID string) bool {
	return tag.Key == idempotencyTag && e.creates[tag.text()].runID == runID
}

func (v *verdict) compareRuns(want *expected, got *actual) {
	active := make(map[string][]string) // IDs of runs by key
	for _, run := range got.runs {
		key := "none"
		for _, tag := range run.Data.Tags {
			if tag.Key == idempotencyTag {
				key = tag.text()
			}
		}
		_, known := want.creates[key]
		switch {
		case !known:
			v.ghosts = append(v.ghosts, fmt.Sprintf("run %s with key %q", run.Info.RunID, key))
		case run.active():
			active[key] = append(active[key], run.Info.RunID)
		default:
			v.removed++
		}
	}
	for key, create := range want.creates {
		ids := active[key]
		switch {
		case len(ids) > 1:
			v.doubled = append(v.doubled, fmt.Sprintf("runs %q with key %q, of which %q was returned", ids, key, create.runID))
		case create.runID == "":
			v.landed += len(ids)
		case len(ids) == 0 || ids[0] != create.runID:
			v.lost = append(v.lost, fmt.Sprintf("run %s with key %q; there is %q", create.runID, key, ids))
		}
	}
}

func (v *verdict) comparePoints(want map[series][]point, got map[series][]actualPoint) {
	for in, points := range want {
		byStep := make(map[int64][]actualPoint)
		for _, there := range got[in] {
			byStep[there.Step] = append(byStep[there.Step], there)
		}
		for _, p := range points {
			there := byStep[p.step]
			delete(byStep, p.step)
			name := fmt.Sprintf("metric %v step %d value %v", in, p.step, p.value)
			switch {
			case len(there) > 1:
				v.doubled = append(v.doubled, fmt.Sprintf("%s: %v", name, there))
			case len(there) == 0 && p.reported == stored:
				v.lost = append(v.lost, name)
			case len(there) == 0:
			case !same(p.value, float64(there[0].Value)), there[0].Timestamp < p.earliest, there[0].Timestamp > p.last:
				v.ghosts = append(v.ghosts, fmt.Sprintf("%s from %d to %d: %v", name, p.earliest, p.last, there))
			case p.reported == unknown:
				v.landed++
			}
		}
		for _, there := range byStep {
			v.ghosts = append(v.ghosts, fmt.Sprintf("metric %v: %v", in, there))
		}
	}
	for in, points := range got {
		if _, ok := want[in]; !ok {
			v.ghosts = append(v.ghosts, fmt.Sprintf("metric %v: %v", in, points))
		}
	}
}

func (v *verdict) compareItems(kind string, want map[item]entry, got map[item][]string) {
	for in, e := range want {
		there := got[in]
		name := fmt.Sprintf("%s %v value %q", kind, in, e.value)
		switch {
		case len(there) > 1:
			v.doubled = append(v.doubled, fmt.Sprintf("%s: %q", name, there))
		case len(there) == 0 && e.reported == stored:
			v.lost = append(v.lost, name)
		case len(there) == 0:
		case there[0] != e.value:
			v.ghosts = append(v.ghosts, fmt.Sprintf("%s: %q", name, there))
		case e.reported == unknown:
			v.landed++
		}
	}
	for in, there := range got {
		if _, ok := want[in]; !ok {
			v.ghosts = append(v.ghosts, fmt.Sprintf("%s %v: %q", kind, in, there))
		}
	}
}
