package mlflow

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/mlflow-go/mlflow/internal/transport"
)

// The variables that are named in more than one place.
const (
	envTrackingURI = "MLFLOW_TRACKING_URI"
	envInsecureTLS = "MLFLOW_TRACKING_INSECURE_TLS"
	envServerCert  = "MLFLOW_TRACKING_SERVER_CERT_PATH"
	envClientCert  = "MLFLOW_TRACKING_CLIENT_CERT_PATH"
	envUsername    = "MLFLOW_TRACKING_USERNAME"
	envToken       = "MLFLOW_TRACKING_TOKEN" // #nosec G101 -- a name
	envWorkspace   = "MLFLOW_WORKSPACE"
)

// An environment is what the environment variables of Python's client, and its credentials file, say. An empty variable
// counts as unset.
type environment struct {
	trackingURI     string
	basic           *credentials
	token           string
	workspace       string
	tls             *tls.Config
	timeout         time.Duration
	retry           transport.RetryPolicy
	poolSize        int
	refuseRedirects bool
}

// readEnvironment reads all variables, and reports all that can't be read or are not supported.
func readEnvironment() (environment, error) {
	env := environment{timeout: transport.DefaultTimeout, retry: transport.DefaultRetryPolicy}
	var errs []error
	variable := func(name string, use func(value string) error) {
		if value := os.Getenv(name); value != "" {
			if err := use(value); err != nil {
				errs = append(errs, refused("%s: %v", name, err))
			}
		}
	}
	variable(envTrackingURI, text(&env.trackingURI))
	variable(envToken, text(&env.token))
	variable(envWorkspace, text(&env.workspace))

	variable("MLFLOW_HTTP_REQUEST_TIMEOUT", seconds(&env.timeout))
	variable("MLFLOW_HTTP_REQUEST_MAX_RETRIES", func(value string) error {
		err := whole(&env.retry.MaxAttempts, 0, 10)(value)
		env.retry.MaxAttempts++
		return err
	})
	variable("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", func(value string) error {
		env.retry.MaxBackoff = 2 * time.Minute // as in Python's client
		return seconds(&env.retry.MinBackoff)(value)
	})
	variable("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", seconds(&env.retry.Jitter))
	variable("MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER", func(value string) error {
		respect, err := boolean(value)
		env.retry.IgnoreRetryAfter = !respect
		return err
	})
	variable("MLFLOW_ALLOW_HTTP_REDIRECTS", func(value string) error {
		allow, err := boolean(value)
		env.refuseRedirects = !allow
		return err
	})
	variable("MLFLOW_HTTP_POOL_MAXSIZE", whole(&env.poolSize, 1, 10_000))
	// Python's client keeps a pool for each of so many hosts; ours has one host.
	variable("MLFLOW_HTTP_POOL_CONNECTIONS", whole(new(int), 1, 10_000))

	variable("MLFLOW_TRACKING_AWS_SIGV4", func(value string) error {
		if on, err := boolean(value); err != nil || !on {
			return err
		}
		return errors.New("not supported: unset it, and sign requests with WithRequestEditor, as examples/sigv4 does")
	})
	variable("MLFLOW_TRACKING_AUTH", func(string) error {
		return errors.New("plugins are Python's: unset it, and use WithTokenSource or WithRequestEditor")
	})

	var err error
	if env.tls, err = tlsFromEnvironment(); err != nil {
		errs = append(errs, err)
	}
	if env.basic, err = basicFromEnvironment(); err != nil {
		errs = append(errs, err)
	}
	return env, errors.Join(errs...)
}

func text(target *string) func(string) error {
	return func(value string) error {
		*target = value
		return nil
	}
}

func whole(target *int, least, most int) func(string) error {
	return func(value string) error {
		n, err := strconv.Atoi(strings.TrimSpace(value))
		if err != nil || n < least || n > most {
			return fmt.Errorf("%q is not a whole number from %d to %d", value, least, most)
		}
		*target = n
		return nil
	}
}

func seconds(target *time.Duration) func(string) error {
	return func(value string) error {
		const most = 365 * 24 * 3600
		n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil || !(n >= 0 && n <= most) {
			return fmt.Errorf("%q is not a number of seconds", value)
		}
		*target = time.Duration(n * float64(time.Second))
		return nil
	}
}

func boolean(value string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false, nor 1 or 0", value)
}

// tlsFromEnvironment returns the TLS settings of the environment, nil for none, or all that is wrong with them.
func tlsFromEnvironment() (*tls.Config, error) {
	insecure, serverCert, clientCert := os.Getenv(envInsecureTLS), os.Getenv(envServerCert), os.Getenv(envClientCert)
	if insecure == "" && serverCert == "" && clientCert == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	var errs []error
	if insecure != "" {
		skip, err := boolean(insecure)
		switch {
		case err != nil:
			errs = append(errs, refused("%s: %v", envInsecureTLS, err))
		case skip && serverCert != "":
			errs = append(errs, refused("%s and %s contradict each other: unset one", envInsecureTLS, envServerCert))
		}
		config.InsecureSkipVerify = skip // #nosec G402 -- only when asked
	}
	if serverCert != "" {
		config.RootCAs = x509.NewCertPool()
		pem, err := os.ReadFile(serverCert)
		switch {
		case err != nil:
			errs = append(errs, refused("%s: %v", envServerCert, err))
		case !config.RootCAs.AppendCertsFromPEM(pem):
			errs = append(errs, refused("%s: %s holds no PEM certificate", envServerCert, serverCert))
		}
	}
	if clientCert != "" {
		pair, err := tls.LoadX509KeyPair(clientCert, clientCert)
		if err != nil {
			errs = append(errs, refused("%s: %v", envClientCert, err))
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, errors.Join(errs...)
}

// basicFromEnvironment returns the user name and the password, each from its variable, else from the credentials file.
// As in Python's client, one without the other is ignored.
func basicFromEnvironment() (*credentials, error) {
	found := credentials{os.Getenv(envUsername), os.Getenv("MLFLOW_TRACKING_PASSWORD"), envUsername}
	if found.username == "" || found.password == "" {
		file, err := readCredentialsFile()
		if err != nil {
			return nil, err
		}
		if found.username == "" {
			found.username, found.source = file.username, file.source
		}
		if found.password == "" {
			found.password = file.password
		}
	}
	if found.username == "" || found.password == "" {
		return nil, nil
	}
	return &found, nil
}

// readCredentialsFile reads ~/.mlflow/credentials: of the section [mlflow], mlflow_tracking_username and
// mlflow_tracking_password. No file is no error.
func readCredentialsFile() (credentials, error) {
	found := credentials{source: "the credentials file"}
	home, err := os.UserHomeDir()
	if err != nil {
		return found, nil //nolint:nilerr // nowhere to look
	}
	file := filepath.Join(home, ".mlflow", "credentials")
	if _, err := os.Stat(file); err != nil {
		return found, nil //nolint:nilerr // not there, or in the home of somebody else, as services that run without one of their own find
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return found, refused("the credentials file: %v", err)
	}
	section := ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if header, ok := strings.CutPrefix(line, "["); ok {
			section, _, _ = strings.Cut(header, "]")
			continue
		}
		end := strings.IndexAny(line, "=:")
		if section != "mlflow" || end < 0 {
			continue
		}
		// Python's parser takes keys in any case, and a doubled % for one. The key of a comment is none of ours.
		value := strings.ReplaceAll(strings.TrimSpace(line[end+1:]), "%%", "%")
		switch strings.ToLower(strings.TrimSpace(line[:end])) {
		case "mlflow_tracking_username":
			found.username = value
		case "mlflow_tracking_password":
			found.password = value
		}
	}
	return found, nil
}
