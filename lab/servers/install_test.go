package servers

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRecipe(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		python      string
		release     string
		requirement string // the first
		over        string
	}{
		{"2.9.2", ">=3.10,<3.12", "mlflow==2.9.2", "mlflow[auth]==2.9.2", ""},
		{"3.1.4-file", ">=3.10,<3.14", "mlflow==3.1.4", "mlflow[auth]==3.1.4", ""},
		{"3.17.2-postgres", ">=3.10,<3.15", "mlflow==3.17.2", "mlflow[auth]==3.17.2", ""},
		{"3.18.0", ">=3.10,<3.15", "mlflow==3.17.2", "mlflow[auth]==3.17.2", "mlflow==3.18.0"},
		{"fasttrackml", ">=3.10,<3.12", "fasttrackml==0.6.0", "fasttrackml==0.6.0", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, err := parse(test.name)
			require.NoError(t, err)
			r := recipeOf(s)
			assert.Equal(t, test.python, r.python)
			assert.Equal(t, test.release, r.release)
			assert.Equal(t, test.requirement, r.requirements[0])
			assert.Equal(t, test.over, r.over)
		})
	}
}

func TestPins(t *testing.T) {
	t.Parallel()
	for release, pins := range pins {
		s, err := parse(release)
		require.NoError(t, err)
		assert.Subset(t, recipeOf(s).requirements, pins)
	}
}

// Environments of different recipes must not be taken for each other.
func TestRecipesDiffer(t *testing.T) {
	t.Parallel()
	older, err := parse("3.17.2")
	require.NoError(t, err)
	newer, err := parse("3.18.0")
	require.NoError(t, err)
	assert.NotEqual(t, recipeOf(older).String(), recipeOf(newer).String())
}

func TestLastUpload(t *testing.T) {
	t.Parallel()
	got, err := lastUpload(`
		sdist = { url = "x", upload-time = 2023-12-14T05:30:54Z, size = 1 }
		wheels = [{ url = "y", upload-time = 2023-12-14T05:30:49Z }]`)
	require.NoError(t, err)
	assert.Equal(t, time.Date(2023, 12, 14, 5, 30, 54, 0, time.UTC), got)

	got, err = lastUpload(`sdist = { url = "x", size = 1 }`)
	require.NoError(t, err)
	assert.Zero(t, got, "an index without dates")

	_, err = lastUpload(`upload-time = yesterday`)
	assert.ErrorContains(t, err, "upload time")
}
