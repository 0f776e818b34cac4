// Package mlflow is a client for MLflow Experiment Tracking, on servers from MLflow 2.9 to the newest.
//
// MLflow's REST API answers 200 to requests that it has half dropped. This client is a thin façade that tells the
// truth: when a call returns without an error, the server holds what the caller meant, and otherwise the error says
// what happened.
//
//	client, err := mlflow.NewClient(mlflow.WithTrackingURI("http://localhost:5000"))
//	...
//	experimentID, err := client.Tracking().CreateExperiment(ctx, "iris")
//
// [Client.Tracking] returns the client for experiments and runs; package tracking describes its methods, its types
// and its errors.
//
// # Configuration
//
// Options win over the environment, which has the variables of Python's client:
//
//   - MLFLOW_TRACKING_URI: where the server is, as [WithTrackingURI]. There is no default.
//   - MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, each else from the file ~/.mlflow/credentials: as
//     [WithBasicAuth].
//   - MLFLOW_TRACKING_TOKEN: as [WithToken].
//   - MLFLOW_TRACKING_SERVER_CERT_PATH, MLFLOW_TRACKING_CLIENT_CERT_PATH and MLFLOW_TRACKING_INSECURE_TLS: a file with
//     the certificates to trust, one with a certificate and its key to show, and whether to trust anyone.
//   - MLFLOW_WORKSPACE: as [WithWorkspace].
//   - MLFLOW_HTTP_REQUEST_TIMEOUT: the seconds of [WithTimeout].
//   - MLFLOW_HTTP_REQUEST_MAX_RETRIES (0 to 10), MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR and
//     MLFLOW_HTTP_REQUEST_BACKOFF_JITTER: repeats, the seconds before the first one, and seconds on top, at random.
//   - MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER and MLFLOW_ALLOW_HTTP_REDIRECTS: false turns either off.
//   - MLFLOW_HTTP_POOL_MAXSIZE: how many connections are open at most, 8 by default.
//
// A variable that cannot be read is an error that names it. So are MLFLOW_TRACKING_AWS_SIGV4 and MLFLOW_TRACKING_AUTH,
// which are not supported and would be unsafe to ignore. Proxies are taken from HTTP_PROXY, HTTPS_PROXY and NO_PROXY, as
// net/http does. The file ~/.netrc is not read.
//
// # Authentication
//
// A user name and password, or a bearer token, can be set, or a source of tokens that expire. As in Python's client the
// user name and password win if both are, wherever they come from: options come before the user info of the tracking
// URI, and that before the environment. They are never sent to a host that the server redirects to, and appear in no
// error and no log. They are sent over plain http too, if that is what the tracking URI says.
//
// # Time limits and repeats
//
// A call ends when its context does. Apart from that one attempt to get an answer is bounded by [WithTimeout], and
// [WithRetry] bounds how many there are. Package tracking says which requests are repeated, and when.
package mlflow
