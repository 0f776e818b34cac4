package matrix

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var columns = []Column{
	{Server: "2.9.2", Scenarios: []Scenario{
		{Name: "TestGet", Outcome: OK},
		{Name: "TestLog", Outcome: Skip, Skipped: []string{"needs 3.0"}},
	}},
	{Server: "2.22.5", Scenarios: []Scenario{
		{Name: "TestGet", Outcome: OK},
		{Name: "TestLog", Outcome: Skip, Skipped: []string{"needs 3.0"}},
	}},
	{Server: "3.18.0", Err: "start 3.18.0: exit status 1\n\tits log is elsewhere"},
	{Server: "3.17.2", Scenarios: []Scenario{
		{Name: "TestGet", Outcome: Fail},
		{Name: "TestNew", Outcome: OK, Skipped: []string{"slow", "needs 3.0", "slow"}},
		{Name: "TestLog", Outcome: OK},
	}},
}

func TestText(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	require.NoError(t, Text(&text, columns, false))
	assert.Equal(t, `scenario  2.9.2     2.22.5    3.18.0    3.17.2
TestGet   ok        ok        FAIL (2)  FAIL
TestLog   skip (1)  skip (1)  FAIL (2)  ok
TestNew   -         -         FAIL (2)  ok (1,3)

(1) needs 3.0
(2) start 3.18.0: exit status 1
(3) slow
`, text.String())
}

func TestMarkdownMerged(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	require.NoError(t, Markdown(&text, columns, true))
	assert.Equal(t, `| scenario | 2.9.2 to 2.22.5 | 3.18.0 | 3.17.2 |
|---|---|---|---|
| `+"`TestGet`"+` | ok | FAIL (2) | FAIL |
| `+"`TestLog`"+` | skip (1) | FAIL (2) | ok |
| `+"`TestNew`"+` | - | FAIL (2) | ok (1,3) |

1. needs 3.0
2. start 3.18.0: exit status 1
3. slow
`, text.String())
}
