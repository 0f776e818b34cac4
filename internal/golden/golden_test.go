package golden_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/golden"
)

func TestGoldenCompare(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "page.md")
	require.ErrorContains(t, golden.Compare(file, "one\ntwo\n", false), "page.md is stale")
	require.NoError(t, golden.Compare(file, "one\ntwo\n", true))
	require.NoError(t, golden.Compare(file, "one\ntwo\n", false))

	err := golden.Compare(file, "one\n"+strings.Repeat("2", 1000)+"\n", false)
	require.ErrorContains(t, err, "page.md is stale: run make tables\n  line 2 has   \"two\"\n  and should be \"2222")
	assert.Less(t, len(err.Error()), 500, "a page is not printed")
	assert.ErrorContains(t, golden.Compare(file, "one\ntwo", false), "line 3 has   \"\"\n  and should be (the end of the file)")
}

func TestCompareTakesLineEndsOfWindows(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "page.md")
	require.NoError(t, os.WriteFile(file, []byte("one\r\ntwo\r\n"), 0o600))
	require.NoError(t, golden.Compare(file, "one\ntwo\n", false))
}
