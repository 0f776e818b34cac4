package servers

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMatrixHasNames(t *testing.T) {
	t.Parallel()
	for _, name := range Matrix {
		assert.NoError(t, CheckName(name))
	}
}

func TestRecordedIsInTestdata(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir("../../testdata")
	require.NoError(t, err)
	var folders []string
	for _, entry := range entries {
		if CheckName(entry.Name()) == nil {
			folders = append(folders, entry.Name())
		}
	}
	assert.ElementsMatch(t, folders, Recorded)
}
