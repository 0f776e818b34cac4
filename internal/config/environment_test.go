package config

import (
	"encoding/base64"
	"encoding/pem"
	"strings"
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
		"MLFLOW_HTTP_REQUEST_TIMEOUT":            append(notNumbers, "0", "0.0", "1e-12", "0.0009"),
		"MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR":     notNumbers,
		"MLFLOW_HTTP_REQUEST_BACKOFF_JITTER":     notNumbers,
		"MLFLOW_HTTP_REQUEST_MAX_RETRIES":        append(notWhole, "11"),
		"MLFLOW_HTTP_POOL_MAXSIZE":               append(notWhole, "0"),
		"MLFLOW_HTTP_POOL_CONNECTIONS":           append(notWhole, "0"),
		"MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": notBooleans,
		"MLFLOW_ALLOW_HTTP_REDIRECTS":            notBooleans,
		"MLFLOW_TRACKING_INSECURE_TLS":           notBooleans,
		"MLFLOW_TRACKING_AWS_SIGV4":              notBooleans,
		"MLFLOW_TRACKING_URI": {
			"mlruns", "http://", "ftp://mlflow.test", "http://mlflow.test:99999", "http://mlflow.test:65536", "http://mlflow.test:0",
			"http://mlflow\u200b.test", "http://mlflow.test\u200b:80", "http://mlflow%E2%80%8B.test", "http://mlflow\u00a0.test",
		},
		"MLFLOW_TRACKING_TOKEN": {"line\n", " token", "token ", "token\t", " "},
		"MLFLOW_WORKSPACE":      {"line\n", " vision", "vision ", " "},
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
		"MLFLOW_HTTP_REQUEST_TIMEOUT":            {"", "0.001", "1", "1.5", " 2 ", "1e1"},
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
				_, problems := Resolve(withTrackingURI(server), place{env: map[string]string{name: value}}.host())
				require.Empty(t, problems)
			})
		}
	}
}

// To go on without what these ask for would send requests unsigned.
func TestResolveRefusesWhatOnlyPythonCanDo(t *testing.T) {
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

func TestTLSVariablesDoNotQuoteCertificate(t *testing.T) {
	t.Parallel()
	der := append([]byte{0x30, 0x82}, strings.Repeat("s3cret", 20)...)
	block := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	secret := base64.StdEncoding.EncodeToString(der)[10:30]
	for name, value := range map[string]string{
		"PEM":                   block,
		"PEM on one line":       strings.ReplaceAll(block, "\n", `\n`),
		"PEM without its frame": base64.StdEncoding.EncodeToString(der),
		"lines of Base64":       strings.Join(strings.Split(block, "\n")[1:3], "\n"),
		"PEM in Base64":         base64.StdEncoding.EncodeToString([]byte(block)),
	} {
		for _, variable := range []string{"MLFLOW_TRACKING_SERVER_CERT_PATH", "MLFLOW_TRACKING_CLIENT_CERT_PATH"} {
			t.Run(variable+" "+name, func(t *testing.T) {
				t.Parallel()
				reasons := requireRefused(t, withTrackingURI(server), place{env: map[string]string{variable: value}})
				require.Len(t, reasons, 1)
				assert.Contains(t, reasons[0], variable+": the path of a PEM file is expected")
				assert.NotContains(t, reasons[0], secret)
				assert.NotContains(t, reasons[0], value[:20])
			})
		}
	}
}

func TestTLSVariablesNamePathWithoutCertificate(t *testing.T) {
	t.Parallel()
	for _, variable := range []string{"MLFLOW_TRACKING_SERVER_CERT_PATH", "MLFLOW_TRACKING_CLIENT_CERT_PATH"} {
		for _, path := range []string{"missing.pem", "MIIB/missing", "/certificates/" + strings.Repeat("long/", 60) + "missing.pem"} {
			reasons := requireRefused(t, withTrackingURI(server), place{env: map[string]string{variable: path}})
			require.Len(t, reasons, 1)
			assert.Contains(t, reasons[0], variable+": ")
			assert.Contains(t, reasons[0], path)
		}
	}
}

func TestPortsAndHostsThatAreTaken(t *testing.T) {
	t.Parallel()
	for _, uri := range []string{
		"http://mlflow.test:1", "http://mlflow.test:65535", "http://mlflow.test:", "http://[::1]:5000", "http://bücher.test", "http://ml_flow.test",
	} {
		_, problems := Resolve(withTrackingURI(uri), place{}.host())
		assert.Empty(t, problems, uri)
	}
}

func TestResolveNamesBadTrackingURIOfEnvironment(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]string{
		"":                              "set MLFLOW_TRACKING_URI",
		"ftp://me:s3cret@mlflow.test":   "MLFLOW_TRACKING_URI: the scheme",
		"http://me:s3cret%@mlflow.test": "MLFLOW_TRACKING_URI: not a valid",
		"databricks":                    "MLFLOW_TRACKING_URI: Databricks",
		"http://me:s3cret@a:99999":      "MLFLOW_TRACKING_URI: the port must be from 1 to 65535",
		"http://me:s3cret@a\u200b":      "MLFLOW_TRACKING_URI: the host holds an invisible character",
	} {
		reasons := requireRefused(t, Options{}, place{env: map[string]string{"MLFLOW_TRACKING_URI": uri}})
		require.Len(t, reasons, 1)
		assert.Contains(t, reasons[0], want)
	}
}

func TestResolveKeepsBadTrackingURIOfOption(t *testing.T) {
	t.Parallel()
	environment := place{env: map[string]string{"MLFLOW_TRACKING_URI": server}}
	reasons := requireRefused(t, withTrackingURI("ftp://mlflow.test"), environment)
	require.Len(t, reasons, 1)
	assert.Contains(t, reasons[0], "WithTrackingURI: the scheme")
}
