// Package tracking is the client for MLflow's experiments and runs.
//
// An experiment groups runs. A run holds params, which never change; metrics, each with a history of values; and tags.
// A [Client] comes from the Tracking method of mlflow.Client. It holds no state: every call names the experiment or
// the run that it is about.
//
// # Truth
//
// A call that returns without an error has been answered by the server with what it promises. An answer of 200 that is
// a login page, empty, cut off or without the promised object is an error, and so is a status that the server did not
// take over. What is sent is what was meant: zero values, empty strings, NaN and infinities arrive as such. Arguments
// that servers silently take for something else are refused before anything is sent: empty IDs, keys and names, an
// unknown [RunStatus] or [ViewType], and text that is not valid UTF-8. Everything else is for the server to judge.
//
// # Values
//
// Times have millisecond resolution, and come back in UTC. A zero [time.Time] means "not set": as an argument it stands
// for now, in an answer for a time that the server does not know.
//
// A [Metric] can be any float64. SQL-backed servers store an infinity as ±[math.MaxFloat64], and SQLite stores -0 as 0;
// NaN comes back as NaN. Before MLflow 3.17 a NaN is searched for, and sorted, as if it were 0.
//
// # Paging
//
// A search returns one page, of 1000 results unless told otherwise, and a token for the next one. Only an empty token
// is the end: pages can be empty before.
//
// # Errors
//
// Every failure is an [*Error], with the HTTP status, and MLflow's own error code and message, word for word. Use
// [errors.Is] with the sentinels of this package to tell what it means, and [errors.As] for the details:
//
//	_, err := client.GetRun(ctx, runID)
//	if errors.Is(err, tracking.ErrNotFound) {
//		...
//	}
//
// The text of an error is one line and bounded, and holds no credentials.
package tracking
