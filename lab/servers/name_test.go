package servers

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCheckName(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		err  string
	}{
		{name: "2.9.2"},
		{name: "2.22.5-postgres"},
		{name: "3.10.0-file"},
		{name: "fasttrackml"},
		{name: "2.22.5-basicauth"},
		{name: "3.10.0-workspaces"},
		{name: "3.17.2-s3"},
		{name: "3.9.0-workspaces", err: "workspaces since 3.10.0"},
		{name: "3.17.2-postgres-basicauth", err: "is not the name of a server"},
		{name: "2.9.1", err: "older than 2.9.2"},
		{name: "1.30.0", err: "older than 2.9.2"},
		{name: "3.17", err: `"3.17" is not the name of a server`},
		{name: "3.17.2rc1", err: "final MLflow release"},
		{name: "3.17.2-mysql", err: "-postgres or -file"},
		{name: "fasttrackml-postgres", err: "is not the name of a server"},
		{name: "../3.17.2", err: "is not the name of a server"},
		{name: "", err: "is not the name of a server"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := CheckName(test.name)
			if test.err == "" {
				assert.NoError(t, err)
				return
			}
			assert.ErrorContains(t, err, test.err)
		})
	}
}

func TestEnvironmentIsSharedByStoresAndFeatures(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"3.17.2": "3.17.2", "3.17.2-postgres": "3.17.2", "3.17.2-file": "3.17.2", "3.17.2-basicauth": "3.17.2", "3.17.2-s3": "3.17.2-s3", "fasttrackml": "fasttrackml",
	} {
		s, err := parse(name)
		require.NoError(t, err)
		assert.Equal(t, want, environment(s), name)
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"3.17.2":            "MLflow 3.17.2",
		"2.22.5-postgres":   "MLflow 2.22.5 on PostgreSQL",
		"3.17.2-workspaces": "MLflow 3.17.2 with workspaces",
		"fasttrackml":       "FastTrackML " + fastTrackMLRelease,
	} {
		assert.Equal(t, want, Describe(name))
	}
}
