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
// [Client.AllExperiments] and [Client.AllRuns] fetch the pages as they go.
//
// # Repeats
//
// A request is sent again, within the policy of mlflow.WithRetry, where that is safe. If it surely did not run, because
// no connection came about or the server answered 429, that is always so. If it may have run, because of a time limit, a
// lost connection, a 500 in HTML, a 502, 503 or 504, it depends on the method:
//
//   - Gets and searches are repeated.
//   - UpdateExperiment, SetExperimentTag, UpdateRun, DeleteRun, LogParam and SetTag are repeated: doing it twice is the
//     same as doing it once.
//   - LogMetric and LogBatch are repeated: servers with an SQL store keep a point once. Before MLflow 3.16 they refuse a
//     NaN that is there already, which then counts as success. File stores keep a repeated point twice.
//   - DeleteTag and DeleteExperiment are repeated, and finding nothing left to delete then counts as success.
//   - CreateExperiment is not repeated, nor is CreateRun unless [WithIdempotencyKey] is given.
//
// What may be repeated is also repeated, twice at most, after [ErrorCodeBadRequest], by which MLflow reports an
// overloaded database and lost races. A 500 with an error code of MLflow's is final. Times are stamped before the first
// attempt, and repeats send the same bytes.
//
// A call that fails after a request which may have run says so by its error being [ErrUnavailable], or having status
// 500: what it meant to do may be done or not.
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
// The text of an error is one line and bounded, and holds no credentials, nor any header that was configured: where the
// server quotes one, it says "[redacted]".
package tracking
