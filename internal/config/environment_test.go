package config

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestValuesThatCannotBeReadAreRefusedByName(t *testing.T) {
	t.Parallel()
	notNumbers := []string{"x", "1s", "-1", "NaN", "inf", "1e99", "1,5"}
	notWhole := []string{"x", "1.5", "-1", "1e1", "99999999999999999999"}
	notBooleans := []string{"yes", "on", "2", "truee", "t"}
	for name, values := range map[string][]string{
		"MLFLOW_HTTP_REQUEST_TIMEOUT":            notNumbers,
		"MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR":     notNumbers,
		"MLFLOW_HTTP_REQUEST_BACKOFF_JITTER":     notNumbers,
		"MLFLOW_HTTP_REQUEST_MAX_RETRIES":        append(notWhole, "11"),
		"MLFLOW_HTTP_POOL_MAXSIZE":               append(notWhole, "0"),
		"MLFLOW_HTTP_POOL_CONNECTIONS":           append(notWhole, "0"),
		"MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": notBooleans,
		"MLFLOW_ALLOW_HTTP_REDIRECTS":            notBooleans,
		"MLFLOW_TRACKING_INSECURE_TLS":           notBooleans,
		"MLFLOW_TRACKING_AWS_SIGV4":              notBooleans,
		"MLFLOW_TRACKING_URI":                    {"mlruns", "http://", "ftp://mlflow.test"},
		"MLFLOW_TRACKING_TOKEN":                  {"line\n"},
		"MLFLOW_WORKSPACE":                       {"line\n", " vision", "vision ", " "},
	} {
		for _, value := range values {
			t.Run(name+"="+value, func(t *testing.T) {
				t.Parallel()
				env := map[string]string{"MLFLOW_TRACKING_URI": server}
				env[name] = value
				reasons := requireRefused(t, Options{}, place{env: env})
				require.Len(t, reasons, 1)
				assert.Contains(t, reasons[0], name+": ")
			})
		}
	}
}

func TestValuesThatCanBeRead(t *testing.T) {
	t.Parallel()
	numbers := []string{"", "0", "1", "1.5", " 2 ", "1e1"}
	booleans := []string{"", "true", "false", "TRUE", "False", "1", "0", " true "}
	for name, values := range map[string][]string{
		"MLFLOW_HTTP_REQUEST_TIMEOUT":            numbers,
		"MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR":     numbers,
		"MLFLOW_HTTP_REQUEST_BACKOFF_JITTER":     numbers,
		"MLFLOW_HTTP_REQUEST_MAX_RETRIES":        {"", "0", "10", " 3 "},
		"MLFLOW_HTTP_POOL_MAXSIZE":               {"", "1", "100"},
		"MLFLOW_HTTP_POOL_CONNECTIONS":           {"", "1", "100"},
		"MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": booleans,
		"MLFLOW_ALLOW_HTTP_REDIRECTS":            booleans,
		"MLFLOW_TRACKING_INSECURE_TLS":           booleans,
		"MLFLOW_TRACKING_AWS_SIGV4":              {"", "false", "0"},
		"MLFLOW_TRACKING_AUTH":                   {""},
	} {
		for _, value := range values {
			t.Run(name+"="+value, func(t *testing.T) {
				t.Parallel()
				_, problems := Resolve(withTrackingURI(server), place{env: map[string]string{name: value}}.machine())
				require.Empty(t, problems)
			})
		}
	}
}

// To go on without what these ask for would send requests unsigned.
func TestWhatOnlyPythonCanDoIsRefusedWithAWayOut(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		values []string
		hints  []string
	}{
		"MLFLOW_TRACKING_AWS_SIGV4": {[]string{"true", "1", "True"}, []string{"unset it", "WithRequestEditor", "examples/sigv4"}},
		"MLFLOW_TRACKING_AUTH":      {[]string{"kubernetes", "false"}, []string{"unset it", "WithTokenSource"}},
	} {
		for _, value := range tt.values {
			t.Run(name+"="+value, func(t *testing.T) {
				t.Parallel()
				reasons := requireRefused(t, withTrackingURI(server), place{env: map[string]string{name: value}})
				require.Len(t, reasons, 1)
				assert.Contains(t, reasons[0], name)
				for _, hint := range tt.hints {
					assert.Contains(t, reasons[0], hint)
				}
			})
		}
	}
}

func TestABadTrackingURIOfTheEnvironmentIsNamed(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]string{
		"":                              "set MLFLOW_TRACKING_URI",
		"ftp://me:s3cret@mlflow.test":   "MLFLOW_TRACKING_URI: the scheme",
		"http://me:s3cret%@mlflow.test": "MLFLOW_TRACKING_URI: not a valid",
		"databricks":                    "MLFLOW_TRACKING_URI: Databricks",
	} {
		reasons := requireRefused(t, Options{}, place{env: map[string]string{"MLFLOW_TRACKING_URI": uri}})
		require.Len(t, reasons, 1)
		assert.Contains(t, reasons[0], want)
	}
}

func TestABadTrackingURIOfAnOptionIsNotReplaced(t *testing.T) {
	t.Parallel()
	environment := place{env: map[string]string{"MLFLOW_TRACKING_URI": server}}
	reasons := requireRefused(t, withTrackingURI("ftp://mlflow.test"), environment)
	require.Len(t, reasons, 1)
	assert.Contains(t, reasons[0], "WithTrackingURI: the scheme")
}
