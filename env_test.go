package mlflow_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
)

// These tests are not parallel: they set environment variables.

func TestNewClientReadsTrackingURIFromEnvironment(t *testing.T) {
	s := newServer(t)
	t.Setenv("MLFLOW_TRACKING_URI", s.URL+"/env/")
	for _, tt := range []struct {
		opts []mlflow.Option
		want string
	}{
		{nil, s.URL + "/env"},
		{[]mlflow.Option{mlflow.WithTrackingURI("")}, s.URL + "/env"},
		{[]mlflow.Option{mlflow.WithTrackingURI(s.URL + "/option")}, s.URL + "/option"},
	} {
		client, err := mlflow.NewClient(tt.opts...)
		require.NoError(t, err)
		assert.Equal(t, tt.want, client.TrackingURI())
		_, err = client.Tracking().GetRun(t.Context(), "r")
		require.NoError(t, err)
	}
}

func TestNewClientReadsEnvironmentOnce(t *testing.T) {
	s := newServer(t)
	t.Setenv("MLFLOW_TRACKING_TOKEN", "first")
	client, err := mlflow.NewClient(mlflow.WithTrackingURI(s.URL))
	require.NoError(t, err)
	t.Setenv("MLFLOW_TRACKING_TOKEN", "second")
	_, err = client.Tracking().GetRun(t.Context(), "r")
	require.NoError(t, err)
	assert.Equal(t, "Bearer first", s.requests[0].Header.Get("Authorization"))
}

// writeCredentialsFile makes a home folder with a credentials file.
func writeCredentialsFile(t *testing.T, content string) {
	t.Helper()
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	require.NoError(t, os.Mkdir(filepath.Join(home, ".mlflow"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(home, ".mlflow", "credentials"), []byte(content), 0o600))
}

// Package config tests what the file may hold; this is whether a client finds it.
func TestNewClientReadsCredentialsFile(t *testing.T) {
	s := newServer(t)
	writeCredentialsFile(t, "[mlflow]\nmlflow_tracking_username = file\nmlflow_tracking_password = pw\n")
	assert.Equal(t, basic("file", "pw"), s.requestOf(t).Header.Get("Authorization"))
}
