package config

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/transport"
)

const server = "http://mlflow.test"

// A place is a machine of a test's own: its variables, and what its credentials file holds, if it has one.
type place struct {
	env  map[string]string
	home string
}

func (p place) host() Host {
	return Host{
		Getenv: func(name string) string { return p.env[name] },
		Home: func() (string, error) {
			if p.home == "" {
				return "", os.ErrNotExist
			}
			return p.home, nil
		},
	}
}

// withTrackingURI returns options for a server.
func withTrackingURI(uri string) Options {
	return Options{Layer: Layer{TrackingURI: SetNonZero(uri, "WithTrackingURI")}}
}

// authorizationOf returns the Authorization header that the settings make.
func authorizationOf(t *testing.T, options Options, p place) string {
	t.Helper()
	config, problems := Resolve(options, p.host())
	require.Empty(t, problems)
	if config.Transport.Authorization == nil {
		return ""
	}
	value, err := config.Transport.Authorization(t.Context())
	require.NoError(t, err)
	return value
}

// requireRefused checks that the settings are refused, and returns the reasons.
func requireRefused(t *testing.T, options Options, p place) []string {
	t.Helper()
	_, problems := Resolve(options, p.host())
	require.NotEmpty(t, problems)
	reasons := make([]string, 0, len(problems))
	for _, problem := range problems {
		assert.NotContains(t, problem.Error(), "s3cret")
		reasons = append(reasons, problem.Error())
	}
	return reasons
}

// writeCredentialsFile makes a home folder with a credentials file.
func writeCredentialsFile(t *testing.T, content string) (home string) {
	t.Helper()
	home = t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(home, ".mlflow"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(home, ".mlflow", "credentials"), []byte(content), 0o600))
	return home
}

func TestResolveUsesDefaults(t *testing.T) {
	t.Parallel()
	config, problems := Resolve(withTrackingURI(server), place{}.host())
	require.Empty(t, problems)
	assert.Equal(t, server, config.Transport.Server.String())
	assert.Equal(t, transport.DefaultTimeout, config.Transport.Timeout)
	assert.Equal(t, transport.DefaultRetryPolicy(), config.Transport.Retry)
	assert.Nil(t, config.Transport.Authorization)
	assert.Nil(t, config.Transport.TLS)
	assert.Zero(t, config.Transport.MaxConnsPerHost)
	assert.False(t, config.Transport.RefuseRedirects)
	assert.Empty(t, config.Transport.Workspace)
}

// A field that over forgets would be a setting without effect.
func TestLayerIsMergedWhole(t *testing.T) {
	t.Parallel()
	full := environment{place{env: map[string]string{
		envTrackingURI: server, envWorkspace: "vision", envUsername: "me", envPassword: "pw", envToken: "t0ken",
		envTimeout: "1", envMaxRetries: "1", envBackoffFactor: "1", envBackoffJitter: "1", envRespectRetryAfter: "false",
		envAllowRedirects: "false", envPoolSize: "1", envInsecureTLS: "true",
	}}.host().Getenv, &problems{}}.layer()
	for i := range reflect.TypeFor[Layer]().NumField() {
		assert.False(t, reflect.ValueOf(full).Field(i).IsZero(), reflect.TypeFor[Layer]().Field(i).Name)
	}
	assert.Equal(t, full, full.over(Layer{}))
	assert.Equal(t, full, Layer{}.over(full))
	assert.Equal(t, full, full.over(defaults()))
}
