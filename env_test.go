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

func TestTheTrackingURIOfTheEnvironment(t *testing.T) {
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

func TestCredentialsOfTheEnvironment(t *testing.T) {
	s := newServer(t)
	for _, tt := range []struct {
		name                      string
		username, password, token string
		user                      string // of the tracking URI
		opts                      []mlflow.Option
		want                      string
	}{
		{name: "none"},
		{name: "a token", token: "env", want: "Bearer env"},
		{name: "basic", username: "env", password: "pw", want: basic("env", "pw")},
		{name: "basic before a token", username: "env", password: "pw", token: "env", want: basic("env", "pw")},
		{name: "a user name alone", username: "env"},
		{name: "a user name alone, and a token", username: "env", token: "env", want: "Bearer env"},
		{name: "a password alone", password: "pw"},
		{name: "an option's token before a token", token: "env", opts: []mlflow.Option{mlflow.WithToken("option")}, want: "Bearer option"},
		{name: "an empty token is none", token: "env", opts: []mlflow.Option{mlflow.WithToken("")}, want: "Bearer env"},
		{name: "basic before an option's token", username: "env", password: "pw", opts: []mlflow.Option{mlflow.WithToken("option")}, want: basic("env", "pw")},
		{name: "an option's basic before all", username: "env", password: "pw", token: "env", user: "uri:pw", opts: []mlflow.Option{
			mlflow.WithBasicAuth("option", "pw"),
		}, want: basic("option", "pw")},
		{name: "the URI's before basic", username: "env", password: "pw", user: "uri:pw", want: basic("uri", "pw")},
		{name: "the URI's before a token", token: "env", user: "uri:pw", want: basic("uri", "pw")},
		{name: "the URI's user name alone, and basic", username: "env", password: "pw", user: "uri", want: basic("env", "pw")},
		{name: "the URI's user name alone, and a token", token: "env", user: "uri", want: "Bearer env"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("MLFLOW_TRACKING_USERNAME", tt.username)
			t.Setenv("MLFLOW_TRACKING_PASSWORD", tt.password)
			t.Setenv("MLFLOW_TRACKING_TOKEN", tt.token)
			t.Setenv("MLFLOW_TRACKING_URI", s.URL)
			if tt.user != "" {
				t.Setenv("MLFLOW_TRACKING_URI", s.withUser(tt.user))
			}
			request := s.requestOf(t, append([]mlflow.Option{mlflow.WithTrackingURI("")}, tt.opts...)...)
			assert.Equal(t, tt.want, request.Header.Get("Authorization"))
		})
	}
}

func TestBadCredentialsOfTheEnvironmentAreRefused(t *testing.T) {
	t.Setenv("MLFLOW_TRACKING_TOKEN", "s3cret\n")
	reasons := requireRefused(t, mlflow.WithTrackingURI("http://mlflow.test"))
	require.Len(t, reasons, 1)
	assert.Contains(t, reasons[0].Message, "token")
	assert.NotContains(t, reasons[0].Error(), "s3cret")

	t.Setenv("MLFLOW_TRACKING_USERNAME", "s3cret:")
	t.Setenv("MLFLOW_TRACKING_PASSWORD", "s3cret")
	reasons = requireRefused(t, mlflow.WithTrackingURI("http://mlflow.test"))
	require.Len(t, reasons, 1)
	assert.Contains(t, reasons[0].Message, "user name")
	assert.NotContains(t, reasons[0].Error(), "s3cret")
}

func TestTheEnvironmentIsReadWhenTheClientIsMade(t *testing.T) {
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
func TestTheCredentialsFileOfTheHomeFolder(t *testing.T) {
	s := newServer(t)
	writeCredentialsFile(t, "[mlflow]\nmlflow_tracking_username = file\nmlflow_tracking_password = pw\n")
	assert.Equal(t, basic("file", "pw"), s.requestOf(t).Header.Get("Authorization"))
}
