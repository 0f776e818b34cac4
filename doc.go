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
//   - MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD: as [WithBasicAuth].
//   - MLFLOW_TRACKING_TOKEN: as [WithToken].
//
// Proxies are taken from HTTP_PROXY, HTTPS_PROXY and NO_PROXY, as net/http does.
//
// # Authentication
//
// A user name and password, or a bearer token, can be set. As in Python's client the user name and password win if
// both are, wherever they come from: options come before the user info of the tracking URI, and that before the
// environment. They are never sent to a host that the server redirects to, and appear in no error and no log. They
// are sent over plain http too, if that is what the tracking URI says.
//
// # Time limits
//
// A call ends when its context does. Apart from that one attempt to get an answer is bounded by [WithTimeout].
package mlflow
