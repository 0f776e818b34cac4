package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestServerNames(t *testing.T) {
	otherwise := []string{"3.17.2"}
	for value, want := range map[string][]string{
		"":                       otherwise,
		" ":                      otherwise,
		"2.9.2":                  {"2.9.2"},
		"2.9.2 3.1.4-file":       {"2.9.2", "3.1.4-file"},
		" 2.9.2,fasttrackml ,\n": {"2.9.2", "fasttrackml"},
	} {
		t.Setenv("SERVERS", value)
		names, err := serverNames(t.Context(), otherwise)
		require.NoError(t, err, value)
		assert.Equal(t, want, names, value)
	}

	t.Setenv("SERVERS", "2.9.2 latest")
	_, err := serverNames(t.Context(), otherwise)
	assert.ErrorContains(t, err, `"latest" is not the name of a server`)
}
