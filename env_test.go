package mlflow_test

import (
	"os"
	"path/filepath"
	"strings"
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

func TestABadTrackingURIOfTheEnvironmentIsNamed(t *testing.T) {
	for uri, want := range map[string]string{
		"":                              "set MLFLOW_TRACKING_URI",
		"ftp://me:s3cret@mlflow.test":   "MLFLOW_TRACKING_URI: the scheme",
		"http://me:s3cret%@mlflow.test": "MLFLOW_TRACKING_URI: not a valid",
		"databricks":                    "MLFLOW_TRACKING_URI: Databricks",
	} {
		t.Setenv("MLFLOW_TRACKING_URI", uri)
		reasons := requireRefused(t)
		require.Len(t, reasons, 1)
		assert.Contains(t, reasons[0].Message, want)
		assert.NotContains(t, reasons[0].Error(), "s3cret")
	}
}

func TestABadTrackingURIOfAnOptionIsNotReplaced(t *testing.T) {
	t.Setenv("MLFLOW_TRACKING_URI", "http://mlflow.test")
	reasons := requireRefused(t, mlflow.WithTrackingURI("ftp://mlflow.test"))
	require.Len(t, reasons, 1)
	assert.Contains(t, reasons[0].Message, "WithTrackingURI: the scheme")
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

func TestTheCredentialsFile(t *testing.T) {
	s := newServer(t)
	const both = "[mlflow]\nmlflow_tracking_username = file\nmlflow_tracking_password = pw\n"
	for name, tt := range map[string]struct {
		file               string
		username, password string // of the environment
		token              string
		opts               []mlflow.Option
		want               string
	}{
		"both":                          {file: both, want: basic("file", "pw")},
		"empty":                         {file: ""},
		"without its last line's end":   {file: strings.TrimSpace(both), want: basic("file", "pw")},
		"with carriage returns":         {file: strings.ReplaceAll(both, "\n", "\r\n"), want: basic("file", "pw")},
		"a user name alone":             {file: "[mlflow]\nmlflow_tracking_username = file\n"},
		"a password alone":              {file: "[mlflow]\nmlflow_tracking_password = pw\n"},
		"empty values":                  {file: "[mlflow]\nmlflow_tracking_username =\nmlflow_tracking_password =\n"},
		"no section":                    {file: strings.TrimPrefix(both, "[mlflow]\n")},
		"another section":               {file: strings.Replace(both, "mlflow", "databricks", 1)},
		"another section before":        {file: "[other]\nmlflow_tracking_username = other\n" + both, want: basic("file", "pw")},
		"another section behind":        {file: both + "[other]\nmlflow_tracking_username = other\n", want: basic("file", "pw")},
		"a section in other case":       {file: strings.Replace(both, "[mlflow]", "[MLflow]", 1)},
		"a comment behind the section":  {file: strings.Replace(both, "[mlflow]", "[mlflow] # mine", 1), want: basic("file", "pw")},
		"keys in any case, with colons": {file: "[mlflow]\nMLFLOW_TRACKING_USERNAME: file\nMlflow_Tracking_Password:pw", want: basic("file", "pw")},
		"other keys, and lines of none": {file: "[mlflow]\n\nother = x\nnonsense\n" + strings.TrimPrefix(both, "[mlflow]"), want: basic("file", "pw")},
		"comments": {
			file: "# mine\n; mine\n" + both + "# mlflow_tracking_username = no\n; mlflow_tracking_password = no\n  # mlflow_tracking_password = no\n",
			want: basic("file", "pw"),
		},
		"signs in the password": {
			file: "[mlflow]\nmlflow_tracking_username = file\nmlflow_tracking_password = a=b:c #;[d] %%e ß\n",
			want: basic("file", "a=b:c #;[d] %e ß"),
		},
		"the user name of the environment":        {file: both, username: "env", want: basic("env", "pw")},
		"the password of the environment":         {file: both, password: "env", want: basic("file", "env")},
		"both of the environment":                 {file: both, username: "env", password: "env", want: basic("env", "env")},
		"before a token":                          {file: both, token: "t0ken", want: basic("file", "pw")},
		"before an option's token":                {file: both, opts: []mlflow.Option{mlflow.WithToken("t0ken")}, want: basic("file", "pw")},
		"not before an option":                    {file: both, opts: []mlflow.Option{mlflow.WithBasicAuth("option", "pw")}, want: basic("option", "pw")},
		"not before the tracking URI's user info": {file: both, opts: []mlflow.Option{mlflow.WithTrackingURI(s.withUser("uri:pw"))}, want: basic("uri", "pw")},
	} {
		t.Run(name, func(t *testing.T) {
			writeCredentialsFile(t, tt.file)
			t.Setenv("MLFLOW_TRACKING_USERNAME", tt.username)
			t.Setenv("MLFLOW_TRACKING_PASSWORD", tt.password)
			t.Setenv("MLFLOW_TRACKING_TOKEN", tt.token)
			assert.Equal(t, tt.want, s.requestOf(t, tt.opts...).Header.Get("Authorization"))
		})
	}
}

// Services run without a home, or with that of somebody else.
func TestAHomeThatCannotBeEnteredHoldsNoCredentials(t *testing.T) {
	s := newServer(t)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for name, home := range map[string]string{"none": "", "not there": filepath.Join(t.TempDir(), "x"), "no folder": file} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("HOME", home)
			t.Setenv("USERPROFILE", home)
			assert.Empty(t, s.requestOf(t).Header.Get("Authorization"))
		})
	}
}

func TestACredentialsFileThatCannotBeReadIsRefused(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	require.NoError(t, os.MkdirAll(filepath.Join(home, ".mlflow", "credentials"), 0o700))
	reasons := requireRefused(t, mlflow.WithTrackingURI("http://mlflow.test"))
	require.Len(t, reasons, 1)
	assert.Contains(t, reasons[0].Message, "the credentials file")
}
