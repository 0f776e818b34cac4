// Package mlflowtest is an MLflow tracking server in memory, for tests of programs that use one. It needs no Python, starts
// in microseconds, and forgets everything when it is closed.
//
//	server := mlflowtest.NewServer()
//	defer server.Close()
//	client, err := mlflow.NewClient(mlflow.WithTrackingURI(server.URL))
//
// It behaves as MLflow 3.18 on SQLite does in all that package tracking calls, and serves the files of runs: values and
// their limits, error codes and statuses, deleted things, filters, orders and pages. The scenarios that this module runs
// against real servers run against it, and random requests are compared with a real server's responses. Where a real
// server responds with status 500 to what nobody has thought of, this one responds with 400, and says so.
//
// A server of this package holds only experiments and runs with their metrics, params, tags, datasets and files. It
// knows nothing of logged models, traces, the model registry, workspaces and users: requests for those get a 404, as
// from a server that is too old for them.
//
// The guide docs/testing.md of this module shows how to test with it.
package mlflowtest
