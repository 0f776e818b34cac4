package differential

import (
	"fmt"
	"strings"
)

// artifact makes a call about the files of a run.
func (g *generator) artifact() {
	if g.located {
		return // mlflowtest keeps only what is at the default location
	}
	root := fmt.Sprintf("/api/2.0/mlflow-artifacts/artifacts/<experiment%d>/<run%d>/artifacts/", g.IntN(g.experiments), g.IntN(g.runs))
	path := pick(g, "a.txt", "a.txt", "d/b.bin", "d/b.bin", "d/e/c", "d", "%C3%A9.txt", "a%20b.txt", "it's", "q%3Fq",
		"q%3F", "s%3Bs", "s%3B", "a%2Bb", "a+b",
		"a:b", "d/empty", "back%5Cslash", "d/a.json")
	if g.chance(8) {
		path = pick(g, "..", "d/../x", "%2e%2e/x", "%252e%252e/x", "a%2525b", "per%25cent", "hash%23", "d//b", "./a",
			"d/./b", "d/", "", "tab%09", "line%0Aend",
			"%2Fabs", "C:/x", "a%00b")
	}
	switch g.IntN(6) {
	case 0, 1:
		body := pick(g, "hello", "", "été", "0123456789")
		g.calls = append(g.calls, call{method: "PUT", raw: root + path, body: body})
	case 2:
		ranges := pick(g, "", "", "bytes=0-1", "bytes=2-", "bytes=-2", "bytes=100-")
		g.calls = append(g.calls, call{method: "GET", raw: root + path, ranges: ranges})
	case 3:
		if g.chance(2) {
			g.calls = append(g.calls, call{method: "DELETE", raw: root + path})
			return
		}
		g.calls = append(g.calls, call{method: "GET", raw: fmt.Sprintf("/get-artifact?run_id=<run%d>&path=%s", g.IntN(g.runs), path)})
	case 4:
		folder := fmt.Sprintf("<experiment%d>/<run%d>/artifacts", g.IntN(g.experiments), g.IntN(g.runs))
		g.calls = append(g.calls, call{method: "GET", raw: "/api/2.0/mlflow-artifacts/artifacts?path=" + folder + pick(g,
			"", "/d", "/d/e", "/a.txt", "/x", "/..", "/d/", "//d")})
	default:
		query := "?run_id=" + strings.ReplaceAll(g.run(), " ", "%20")
		if !g.chance(3) {
			query += "&path=" + pick(g, "d", "d/e", "a.txt", "x", "..", "", "d/", "%2Fd", "d//e", ".", "d/.", "hash%23", "d%2Fe")
		}
		g.calls = append(g.calls, call{method: "GET", raw: "/api/2.0/mlflow/artifacts/list" + query})
	}
}
