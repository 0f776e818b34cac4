package servers

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseReleases(t *testing.T) {
	t.Parallel()
	got, err := parseReleases("mlflow (3.0.1)\n" +
		"Available versions: 3.0.1, 3.0.0, 3.0.0rc1, 2.10.0, 2.9.2, 2.9.1, 1.30.1\n" +
		"  INSTALLED: 3.0.0\n")
	require.NoError(t, err)
	assert.Equal(t, []string{"2.9.2", "2.10.0", "3.0.0", "3.0.1"}, got)

	_, err = parseReleases("ERROR: No matching distribution found for mlflow\n")
	assert.ErrorContains(t, err, "lists no versions")
}
