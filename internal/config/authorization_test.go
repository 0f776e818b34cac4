package config

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCredentialsOfTheEnvironment(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name                      string
		username, password, token string
		user                      string // of the tracking URI
		set                       func(*Options)
		want                      string
	}{
		{name: "none"},
		{name: "a token", token: "env", want: "Bearer env"},
		{name: "basic", username: "env", password: "pw", want: basic("env", "pw")},
		{name: "basic before a token", username: "env", password: "pw", token: "env", want: basic("env", "pw")},
		{name: "a user name alone", username: "env"},
		{name: "a user name alone, and a token", username: "env", token: "env", want: "Bearer env"},
		{name: "a password alone", password: "pw"},
		{name: "an option's token before a token", token: "env", set: func(o *Options) { o.SetToken("option", "WithToken") }, want: "Bearer option"},
		{name: "an empty token is none", token: "env", set: func(o *Options) { o.SetToken("", "WithToken") }, want: "Bearer env"},
		{name: "an option's token before basic", username: "env", password: "pw", set: func(o *Options) { o.SetToken("option", "WithToken") }, want: "Bearer option"},
		{name: "an option's source of tokens before basic", username: "env", password: "pw", set: func(o *Options) {
			o.SetTokenSource(func(context.Context) (string, error) { return "option", nil }, "WithTokenSource")
		}, want: "Bearer option"},
		{name: "an option's basic before its token", set: func(o *Options) {
			o.SetBasicAuth("option", "pw", "WithBasicAuth")
			o.SetToken("option", "WithToken")
		}, want: basic("option", "pw")},
		{name: "an option's token before the URI's", user: "uri:pw", set: func(o *Options) { o.SetToken("option", "WithToken") }, want: "Bearer option"},
		{name: "an option's basic before all", username: "env", password: "pw", token: "env", user: "uri:pw", set: func(o *Options) {
			o.SetBasicAuth("option", "pw", "WithBasicAuth")
		}, want: basic("option", "pw")},
		{name: "the URI's before basic", username: "env", password: "pw", user: "uri:pw", want: basic("uri", "pw")},
		{name: "the URI's before a token", token: "env", user: "uri:pw", want: basic("uri", "pw")},
		{name: "the URI's user name alone, and basic", username: "env", password: "pw", user: "uri", want: basic("env", "pw")},
		{name: "the URI's user name alone, and a token", token: "env", user: "uri", want: "Bearer env"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			environment := place{env: map[string]string{
				"MLFLOW_TRACKING_USERNAME": tt.username, "MLFLOW_TRACKING_PASSWORD": tt.password, "MLFLOW_TRACKING_TOKEN": tt.token,
				"MLFLOW_TRACKING_URI": server,
			}}
			if tt.user != "" {
				environment.env["MLFLOW_TRACKING_URI"] = "http://" + tt.user + "@mlflow.test"
			}
			var options Options
			if tt.set != nil {
				tt.set(&options)
			}
			assert.Equal(t, tt.want, authorizationOf(t, options, environment))
		})
	}
}

func TestBadCredentialsOfTheEnvironmentAreRefused(t *testing.T) {
	t.Parallel()
	bad := map[string]string{"MLFLOW_TRACKING_TOKEN": "s3cret\n"}
	reasons := requireRefused(t, withTrackingURI(server), place{env: bad})
	require.Len(t, reasons, 1)
	assert.Contains(t, reasons[0], "token")

	bad["MLFLOW_TRACKING_USERNAME"] = "s3cret:"
	bad["MLFLOW_TRACKING_PASSWORD"] = "s3cret"
	reasons = requireRefused(t, withTrackingURI(server), place{env: bad})
	require.Len(t, reasons, 1)
	assert.Contains(t, reasons[0], "user name")
}

func TestTokenSourceMustReturnSendableToken(t *testing.T) {
	t.Parallel()
	for want, token := range map[string]string{"is empty": "", "has spaces around it": "s3cret ", "holds characters": "s3cret\n"} {
		options := withTrackingURI(server)
		options.SetTokenSource(func(context.Context) (string, error) { return token, nil }, "WithTokenSource")
		config, problems := Resolve(options, place{}.host())
		require.Empty(t, problems)
		_, err := config.Transport.Authorization(t.Context())
		require.ErrorContains(t, err, "token source: the token "+want)
		assert.NotContains(t, err.Error(), "s3cret")
	}
}

func TestBadCredentialsAreRefusedByTheirSource(t *testing.T) {
	t.Parallel()
	for want, tt := range map[string]struct {
		uri  string
		set  func(*Options)
		env  map[string]string
		file string
	}{
		"WithBasicAuth: ":                 {uri: server, set: func(o *Options) { o.SetBasicAuth("a:b", "s3cret", "WithBasicAuth") }},
		"WithToken: ":                     {uri: server, set: func(o *Options) { o.SetToken("s3cret\n", "WithToken") }},
		"the tracking URI: ":              {uri: "http://a%3Ab:s3cret@mlflow.test"},
		"WithToken: the token has spaces": {uri: server, set: func(o *Options) { o.SetToken(" s3cret", "WithToken") }},
		"WithWorkspace: ":                 {uri: server, set: func(o *Options) { o.Workspace = SetNonZero("a\nb", "WithWorkspace") }},
		"MLFLOW_TRACKING_USERNAME: ": {uri: server, env: map[string]string{
			"MLFLOW_TRACKING_USERNAME": "a:b", "MLFLOW_TRACKING_PASSWORD": "s3cret",
		}},
		"the credentials file: ": {uri: server, file: "[mlflow]\nmlflow_tracking_username = a:b\nmlflow_tracking_password = s3cret\n"},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			options := withTrackingURI(tt.uri)
			if tt.set != nil {
				tt.set(&options)
			}
			reasons := requireRefused(t, options, place{env: tt.env, home: writeCredentialsFile(t, tt.file)})
			require.Len(t, reasons, 1)
			assert.Contains(t, reasons[0], want)
		})
	}
}
