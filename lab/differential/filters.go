package differential

import (
	"regexp"
	"strings"
)

// objectOf writes an object without oddities.
func (g *generator) objectOf(members []member) string {
	var parts []string
	for _, m := range members {
		parts = append(parts, quote(m.name)+": "+m.json)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func (g *generator) runFilter() string {
	return g.filter(g.runCondition)
}

// experimentFilter leaves out what 3.18.0 takes and 3.17.2 does not: operators in lower case, and attributes. as a prefix.
func (g *generator) experimentFilter() string {
	return strings.NewReplacer(" like", " LIKE", " ilike", " ILIKE").Replace(g.filter(g.experimentCondition))
}

// filter writes conditions, and damages them now and then.
func (g *generator) filter(condition func() string) string {
	var conditions []string
	for range 1 + g.IntN(3) {
		conditions = append(conditions, condition())
	}
	filter := strings.Join(conditions, pick(g, " AND ", " AND ", " and ", "  AND\n"))
	if g.chance(15) {
		filter = spaceAfterDot.ReplaceAllString(g.damage(filter), "$1$2")
	}
	return filter
}

// spaceAfterDot is left out: whether what follows belongs to the name depends on which words the real server's library for
// SQL takes for SQL's own.
var spaceAfterDot = regexp.MustCompile(`([\pL_"` + "`" + `]\.)\s+([\pL_])`)

// damage removes, doubles or adds a character.
func (g *generator) damage(text string) string {
	characters := []rune(text)
	if len(characters) == 0 {
		return text
	}
	at := g.IntN(len(characters))
	switch g.IntN(3) {
	case 0:
		return string(characters[:at]) + string(characters[at+1:])
	case 1:
		return string(characters[:at+1]) + string(characters[at:])
	default:
		return string(characters[:at]) + pick(g, " ", "'", `"`, "`", ".", "=", "(", ")", ",", "a", "1", "-", ";",
			"%") + string(characters[at:])
	}
}

func (g *generator) runCondition() string {
	switch g.IntN(7) {
	case 0, 1:
		return pick(g, "metrics.", "metric.", "metrics.") + g.quotedKey() + g.numberComparison(false)
	case 2:
		return pick(g, "params.", "param.", "parameters.", "`params`.") + g.quotedKey() + g.textComparison()
	case 3:
		return pick(g, "tags.", "tag.") + pick(g, g.quotedKey(), "mlflow.user", "`mlflow.runName`",
			"mlflow.note.content") + g.textComparison()
	case 4:
		return pick(g, "datasets.", "dataset.") + pick(g, "name", "digest", "context", "context", "source") +
			pick(g, g.textComparison(), pick(g, " IN ", " NOT IN ", " in ")+g.list("'wine'", "'iris'", "'1'", "'a'", "'b'"))
	case 5:
		if g.chance(3) {
			return pick(g, "run_id", "attributes.run_id") + pick(g, " IN ", " NOT IN ", " in ",
				" not in ") + g.list("'<run0>'", "'<run1>'", "'x'")
		}
		return pick(g, "attributes.", "attribute.", "attr.", "run.", "") + pick(g, "start_time", "end_time",
			"created") + g.numberComparison(true)
	default:
		prefix := pick(g, "attributes.", "attribute.", "attr.", "run.", "")
		if g.chance(4) { // no patterns that may or may not match an ID that a server made up
			return prefix + pick(g, "run_id = '<run0>'", "run_id != '<run1>'", "run_id LIKE '%'", "run_id ILIKE '<run0>'",
				"artifact_uri LIKE 'mlflow-artifacts:%'", "artifact_uri != ''", "artifact_uri = \"x\"", "run_id > 'x'")
		}
		return prefix + pick(g, "run_name", "status", "user_id", "`run name`", "run_name", "status", "experiment_id") +
			g.textComparison()
	}
}

func (g *generator) experimentCondition() string {
	switch g.IntN(4) {
	case 0:
		return pick(g, "tags.", "tag.", "tags.", "params.") + g.quotedKey() + g.textComparison()
	case 1:
		return pick(g, "attribute.", "", "attr.") + pick(g, "creation_time", "last_update_time") +
			pick(g, " > ", " < ", " >= ", " != ", " LIKE ") + pick(g, "0", "1", "99999999999999", "1.5", "-1")
	case 2:
		return pick(g, "attribute.", "") + "experiment_id" + pick(g, " = '<experiment0>'", " != '<experiment0>'",
			" IN ('<experiment0>', '<experiment1>')",
			" NOT IN ('<experiment1>')", " LIKE '1%'", " = 'x'", " = 5", " IN ()", " = ' <experiment0> '", " = ''")
	default:
		return pick(g, "attribute.", "") + "name" + g.textComparison()
	}
}

// quotedKey writes a key, in quotes if it needs them.
func (g *generator) quotedKey() string {
	key := pick(g, keys...)
	if g.chance(30) {
		return key
	}
	plain := strings.Trim(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._é") == ""
	if plain && !g.chance(5) {
		return key
	}
	quote := pick(g, "`", "`", `"`, "'")
	return quote + key + quote
}

func (g *generator) numberComparison(attribute bool) string {
	operator := pick(g, "=", "!=", "<", "<=", ">", ">=", "=", ">")
	if g.chance(25) {
		operator = pick(g, "LIKE", "==", "<>", "IN", "~", "=<")
	}
	value := pick(g, "0", "1", "-1", "0.5", "1.5", "2", "1e-3", "10", ".5", "5.", "1E308", "-0.5", "0.1")
	if attribute {
		value = pick(g, "1700000000000", "1700000500000", "0", "1700000250000.5", "1700000005000", "1e3", "-1")
	}
	if g.chance(30) {
		value = pick(g, "'1'", "x", "1x", "0x10", "- 1", "+1", "1e999", "99999999999999999999", "NaN", "inf", "1_0", "(1)", "''")
	}
	space := pick(g, " ", " ", "")
	return " " + operator + space + value
}

func (g *generator) textComparison() string {
	if g.chance(8) {
		return pick(g, " IS NULL", " IS NOT NULL", " is null", " is not null", " IS  NULL")
	}
	operator := pick(g, "=", "=", "!=", "LIKE", "LIKE", "ILIKE", "like", "ilike")
	if g.chance(25) {
		operator = pick(g, ">", "IN", "NOT LIKE", "RLIKE", "<>", "==", "NOT IN")
	}
	value := pick(g, texts...)
	if strings.Contains(strings.ToUpper(operator), "LIKE") {
		value = pick(g, "%", "a%", "%b", "A%", "_", "%'%", "é%", "É%", "a_b", "first", "FIN%", "%i%", "", "__", "100%",
			"mlflow-artifacts:%", "<run0>")
	} else if g.chance(2) {
		value = pick(g, "first", "RUNNING", "FINISHED", "ada", "renamed", "wine", "1", "<run0>", "finished")
	}
	quote := "'"
	if strings.Contains(value, "'") || !strings.Contains(value, `"`) && g.chance(4) {
		quote = `"`
	}
	if g.chance(40) {
		quote = pick(g, "", "`", "'", `"`)
	}
	space := pick(g, " ", " ", "")
	if operator[0] >= 'A' && space == "" && quote == "" {
		space = " "
	}
	return " " + operator + space + quote + value + quote
}

// list writes a list in parentheses.
func (g *generator) list(values ...string) string {
	var list []string
	for range g.IntN(4) {
		list = append(list, pick(g, values...))
	}
	if g.chance(20) {
		list = append(list, pick(g, "1", "x", `"a"`, ""))
	}
	return "(" + strings.Join(list, pick(g, ",", ", ")) + ")"
}

// orders writes a list of fields to sort by.
func (g *generator) orders(identifier func() string) string {
	var orders []string
	for range 1 + g.IntN(2) {
		order := identifier() + pick(g, "", " ASC", " DESC", " desc", " asc", "  DESC")
		if g.chance(20) {
			order = g.damage(order)
			if strings.Count(order, "'")%2+strings.Count(order, `"`)%2+strings.Count(order, "`")%2 > 0 {
				order = "metrics.loss" // the real server responds with 500 or 400, as it happens
			}
		}
		if g.chance(60) {
			order = pick(g, "", " ", "loss DESC ASC", "metrics.loss NULLS FIRST", "metrics.loss DESC,", "1",
				"metrics.loss DOWN", "a b c")
		}
		orders = append(orders, quote(order))
	}
	return "[" + strings.Join(orders, ", ") + "]"
}

func (g *generator) runIdentifier() string {
	return pick(g, "metrics."+g.quotedKey(), "metrics."+g.quotedKey(), "params."+g.quotedKey(), "tags."+g.quotedKey(),
		"start_time",
		"attributes.start_time", "end_time", "status", "run_name", "user_id", "created", "attributes.`end_time`",
		"datasets.name", "experiment_id",
		"tags.mlflow.user")
}

func (g *generator) experimentIdentifier() string {
	return pick(g, "name", "name", "experiment_id", "creation_time", "attribute.name", "tags.a", "attr.name", "x")
}
