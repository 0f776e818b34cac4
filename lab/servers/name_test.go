package servers

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		want spec
		err  string
	}{
		{name: "2.9.2", want: spec{"mlflow", "2.9.2", "sqlite", ""}},
		{name: "2.22.5-postgres", want: spec{"mlflow", "2.22.5", "postgres", ""}},
		{name: "3.10.0-file", want: spec{"mlflow", "3.10.0", "file", ""}},
		{name: "fasttrackml", want: spec{"fasttrackml", fastTrackMLRelease, "sqlite", ""}},
		{name: "2.22.5-basicauth", want: spec{"mlflow", "2.22.5", "sqlite", "basicauth"}},
		{name: "3.10.0-workspaces", want: spec{"mlflow", "3.10.0", "sqlite", "workspaces"}},
		{name: "3.9.0-workspaces", err: "workspaces since 3.10.0"},
		{name: "3.17.2-postgres-basicauth", err: "is no server's name"},
		{name: "2.9.1", err: "older than 2.9.2"},
		{name: "1.30.0", err: "older than 2.9.2"},
		{name: "3.17", err: `"3.17" is no server's name`},
		{name: "3.17.2rc1", err: "final MLflow release"},
		{name: "3.17.2-mysql", err: "-postgres or -file"},
		{name: "fasttrackml-postgres", err: "is no server's name"},
		{name: "../3.17.2", err: "is no server's name"},
		{name: "", err: "is no server's name"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := parse(test.name)
			if test.err != "" {
				require.ErrorContains(t, err, test.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, test.want, got)
		})
	}
}

func TestEnvironmentIsSharedByStoresAndFeatures(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"3.17.2": "3.17.2", "3.17.2-postgres": "3.17.2", "3.17.2-file": "3.17.2", "3.17.2-basicauth": "3.17.2", "fasttrackml": "fasttrackml",
	} {
		s, err := parse(name)
		require.NoError(t, err)
		assert.Equal(t, want, s.environment(), name)
	}
}

func TestBefore(t *testing.T) {
	t.Parallel()
	assert.True(t, before("2.9.2", "2.10.0"))
	assert.True(t, before("2.22.5", "3.0.0"))
	assert.False(t, before("3.10.0", "3.9.0"))
	assert.False(t, before("3.17.2", "3.17.2"))
}
