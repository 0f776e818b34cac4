package differential

import (
	"fmt"
	"strings"
)

func (g *generator) createExperiment() {
	members := []member{g.text("name", g.name())}
	if g.chance(4) {
		members = append(members, member{"tags", g.tags(3, g.key)})
	}
	if g.chance(15) {
		g.located = true
		members = append(members, g.text("artifact_location", pick(g, "s3://bucket/path", "s3://bucket/path?a=b",
			"mlflow-artifacts:/x",
			"mlflow-artifacts://host/x", "http://host/x", "ftp://host/x", "runs:/x", "/tmp/x/", "s3://b#x", "s3://b;x",
			"s3://b?a=..", "file:///x",
			"s3://"+strings.Repeat("l", 2050), "")))
	}
	g.post("experiments/create", members...)
	g.calls[len(g.calls)-1].creates = fmt.Sprintf("<experiment%d>", g.experiments)
	g.experiments++
}

// tags writes up to n tags.
func (g *generator) tags(n int, key func() string) string {
	var tags []string
	for range g.IntN(n + 1) {
		tags = append(tags, g.object(g.text("key", key()), g.text("value", g.value())))
	}
	return "[" + strings.Join(tags, ", ") + "]"
}

func (g *generator) createRun() {
	members := []member{g.text("experiment_id", g.experiment())}
	if g.chance(2) {
		members = append(members, member{"tags", g.tags(3, g.tagKey)})
	}
	if g.chance(3) {
		members = append(members, g.text("user_id", pick(g, "ada", "bob", "")))
	}
	// The start and the name are always there, as runs are sorted by them. What a server makes up is not compared.
	start := fmt.Sprintf(`{"start_time": %s, "run_name": %s, `, g.startTime(), quote(pick(g, "first", "second", "é", "a", "b")))
	g.post("runs/create", members...)
	g.calls[len(g.calls)-1].body = start + strings.TrimPrefix(g.calls[len(g.calls)-1].body, "{")
	g.calls[len(g.calls)-1].creates = fmt.Sprintf("<run%d>", g.runs)
	g.runs++
}

// runID is run_id, or its old name.
func (g *generator) runID() member {
	return g.text(pick(g, "run_id", "run_id", "run_id", "run_id", "run_id", "run_uuid", "runId"), g.run())
}

func (g *generator) logMetric() {
	g.post("runs/log-metric", g.runID(), g.text("key", g.key()), member{"value", g.number()},
		member{"timestamp", g.timestamp()}, member{"step", g.step()})
}

func (g *generator) logParam() {
	g.post("runs/log-parameter", g.runID(), g.text("key", g.key()), g.text("value", g.value()))
}

func (g *generator) setTag() {
	g.post("runs/set-tag", g.runID(), g.text("key", g.tagKey()), g.text("value", g.value()))
}

func (g *generator) deleteTag() {
	g.post("runs/delete-tag", g.runID(), g.text("key", g.tagKey()))
}

func (g *generator) logBatch() {
	var metrics []string
	for range g.IntN(6) {
		metrics = append(metrics, g.object(g.text("key", g.key()), member{"value", g.number()},
			member{"timestamp", g.timestamp()}, member{"step", g.step()}))
	}
	if g.chance(60) {
		one := g.object(g.text("key", "many"), member{"value", "1"}, member{"timestamp", "1"})
		metrics = strings.Split(strings.Repeat(one+"\n", pick(g, 1000, 1001)), "\n")
		metrics = metrics[:len(metrics)-1]
	}
	g.post("runs/log-batch", g.runID(), member{"metrics", "[" + strings.Join(metrics, ", ") + "]"},
		member{"params", g.tags(pick(g, 3, 3, 3, 0), g.key)}, member{"tags", g.tags(pick(g, 3, 3, 3, 0), g.tagKey)})
}

func (g *generator) logInputs() {
	var inputs []string
	for range g.IntN(4) {
		dataset := g.object(g.text("name", pick(g, "wine", "iris", "", strings.Repeat("d", pick(g, 5, 500, 501)))),
			g.text("digest", pick(g, "1", "2", "", strings.Repeat("d", pick(g, 36, 37)))),
			g.text("source_type", "local"), g.text("source", pick(g, "{}", "x", "")), g.text("schema", pick(g, "", "s")))
		inputs = append(inputs, g.object(member{"tags", g.tags(2, func() string {
			return pick(g, "mlflow.data.context",
				"other", "")
		})},
			member{"dataset", dataset}))
	}
	g.post("runs/log-inputs", g.runID(), member{"datasets", "[" + strings.Join(inputs, ", ") + "]"})
}

func (g *generator) getRun() {
	g.get("runs/get", [2]string{pick(g, "run_id", "run_id", "run_uuid"), g.run()})
}

func (g *generator) updateRun() {
	members := []member{g.runID()}
	if g.chance(2) {
		members = append(members, member{"status", pick(g, `"FINISHED"`, `"FAILED"`, `"KILLED"`, `"RUNNING"`,
			`"SCHEDULED"`, `"finished"`,
			`"DONE"`, "3", `"3"`, "9", "3.0")})
	}
	if g.chance(2) {
		members = append(members, member{"end_time", pick(g, "1700000005000", "0", "1", `"5"`, "5.5")})
	}
	if g.chance(2) {
		members = append(members, g.text("run_name", pick(g, "renamed", "first", "", "é")))
	}
	g.post("runs/update", members...)
}

func (g *generator) deleteOrRestore() {
	if g.chance(3) {
		g.post(pick(g, "experiments/delete", "experiments/restore"), g.text("experiment_id", g.experiment()))
		return
	}
	g.post(pick(g, "runs/delete", "runs/restore"), g.runID())
}

func (g *generator) experimentTag() {
	if g.chance(3) {
		g.post("experiments/delete-experiment-tag", g.text("experiment_id", g.experiment()), g.text("key", g.key()))
		return
	}
	g.post("experiments/set-experiment-tag", g.text("experiment_id", g.experiment()), g.text("key", g.key()), g.text("value", g.value()))
}

func (g *generator) updateExperiment() {
	g.post("experiments/update", g.text("experiment_id", g.experiment()), g.text("new_name", g.name()))
}

func (g *generator) getExperiment() {
	if g.chance(2) {
		g.get("experiments/get-by-name", [2]string{"experiment_name", g.name()})
		return
	}
	g.get("experiments/get", [2]string{"experiment_id", g.experiment()})
}

func (g *generator) history() {
	query := [][2]string{{"run_id", g.run()}, {"metric_key", pick(g, keys...)}}
	if g.chance(2) {
		query = append(query, [2]string{"max_results", pick(g, "1", "2", "25000", "0", "-1", "x")})
	}
	if g.chance(3) {
		query = append(query, [2]string{"page_token", g.token()})
	}
	g.get("metrics/get-history", query...)
}

// token is a page token: of {"offset": 1} and its like.
func (g *generator) token() string {
	return pick(g, "eyJvZmZzZXQiOiAxfQ==", "eyJvZmZzZXQiOiAyfQ==", "eyJvZmZzZXQiOiAiMSJ9", "eyJvZmZzZXQiOiAwfQ==", "",
		"x", "e30=", "W10=", "bnVsbA==",
		"eyJvZmZzZXQiOiAtMX0=", "eyJvZmZzZXQiOiAxLjV9")
}

func (g *generator) sample() {
	query := [][2]string{{"run_ids", g.run()}, {"run_ids", g.run()}, {"metric_key", pick(g, keys...)}}
	if g.chance(2) {
		query = append(query, [2]string{"max_results", pick(g, "1", "2", "3", "2500", "2501", "0")})
	}
	if g.chance(2) {
		query = append(query, [2]string{"start_step", pick(g, "0", "-1", "1", "-9223372036854775808")})
	}
	if g.chance(2) {
		query = append(query, [2]string{"end_step", pick(g, "0", "2", "9223372036854775807", "3")})
	}
	g.get("metrics/get-history-bulk-interval", query...)
}

func (g *generator) searchRuns() {
	var ids []string
	for i := range g.experiments {
		if !g.chance(4) {
			ids = append(ids, quote(fmt.Sprintf("<experiment%d>", i)))
		}
	}
	if g.chance(20) {
		ids = append(ids, quote(g.experiment()))
	}
	members := []member{{"experiment_ids", "[" + strings.Join(ids, ", ") + "]"}}
	if !g.chance(4) {
		members = append(members, g.text("filter", g.runFilter()))
	}
	if g.chance(3) {
		members = append(members, member{"run_view_type", pick(g, `"ALL"`, `"DELETED_ONLY"`, `"ACTIVE_ONLY"`, "3", `"NONE"`)})
	}
	if g.chance(3) {
		members = append(members, member{"max_results", pick(g, "1", "2", "50000", "50001", "0", "-1", "1000")})
	}
	if g.chance(2) {
		members = append(members, member{"order_by", g.orders(g.runIdentifier)})
	}
	if g.chance(8) {
		members = append(members, g.text("page_token", g.token()))
	}
	g.post("runs/search", members...)
}

func (g *generator) searchExperiments() {
	filter := "name LIKE '" + g.prefix + "%'"
	if g.chance(2) {
		filter += " AND " + g.experimentFilter()
	}
	members := []member{{"max_results", pick(g, "1", "2", "1000", "50000", "50001", "0")}, g.text("filter", filter)}
	if g.chance(3) {
		members = append(members, member{"view_type", pick(g, `"ALL"`, `"DELETED_ONLY"`, `"ACTIVE_ONLY"`, "3", `"NONE"`)})
	}
	if g.chance(2) {
		members = append(members, member{"order_by", g.orders(g.experimentIdentifier)})
	}
	if g.chance(8) {
		members = append(members, g.text("page_token", g.token()))
	}
	// Without its filter a search finds what other sequences made, at other times.
	body := strings.ReplaceAll(g.objectOf(members), `"filter": null`, `"filter": "name = 'x'"`)
	g.calls = append(g.calls, call{method: "POST", path: "experiments/search", body: body})
}
