package config

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// basic returns the header of a user name and password.
func basic(username, password string) string {
	request := &http.Request{Header: make(http.Header)}
	request.SetBasicAuth(username, password)
	return request.Header.Get("Authorization")
}

func TestCredentialsFile(t *testing.T) {
	t.Parallel()
	const both = "[mlflow]\nmlflow_tracking_username = file\nmlflow_tracking_password = pw\n"
	for name, tt := range map[string]struct {
		file               string
		username, password string // of the environment
		token              string
		set                func(*Options)
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
		"not before a token of the environment":   {file: both, token: "t0ken", want: "Bearer t0ken"},
		"not before a token and a user name":      {file: both, token: "t0ken", username: "env", want: "Bearer t0ken"},
		"not before an option's token":            {file: both, set: func(o *Options) { o.SetToken("t0ken", "WithToken") }, want: "Bearer t0ken"},
		"not before an option":                    {file: both, set: func(o *Options) { o.SetBasicAuth("option", "pw", "WithBasicAuth") }, want: basic("option", "pw")},
		"not before the tracking URI's user info": {file: both, set: func(o *Options) { *o = withTrackingURI("http://uri:pw@mlflow.test") }, want: basic("uri", "pw")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options := withTrackingURI(server)
			if tt.set != nil {
				tt.set(&options)
			}
			assert.Equal(t, tt.want, authorizationOf(t, options, place{home: writeCredentialsFile(t, tt.file), env: map[string]string{
				"MLFLOW_TRACKING_USERNAME": tt.username, "MLFLOW_TRACKING_PASSWORD": tt.password, "MLFLOW_TRACKING_TOKEN": tt.token,
			}}))
		})
	}
}

// Services run without a home, or with that of somebody else.
func TestCredentialsFileInLockedHomeIsIgnored(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for name, home := range map[string]string{"none": "", "not there": filepath.Join(t.TempDir(), "x"), "no folder": file} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Empty(t, authorizationOf(t, withTrackingURI(server), place{home: home}))
		})
	}
}

func TestCredentialsFileThatCannotBeReadIsRefused(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(home, ".mlflow", "credentials"), 0o700))
	reasons := requireRefused(t, withTrackingURI(server), place{home: home})
	require.Len(t, reasons, 1)
	assert.Contains(t, reasons[0], "the credentials file")

	options := withTrackingURI(server)
	options.SetToken("t0ken", "WithToken")
	assert.Equal(t, "Bearer t0ken", authorizationOf(t, options, place{home: home}), "it is not read without need")
}
