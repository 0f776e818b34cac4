// Package tracking is a client for MLflow's experiments and runs.
//
// An experiment groups runs. A run holds params, whose values never change; metrics, each with a history of values;
// tags; and the datasets that it has used. A [Client] comes from the Tracking method of mlflow.Client. It keeps no
// state between calls: there is no active run, and every call names its experiment or run, by [Experiment].ID or
// [RunInfo].RunID.
//
// # Success
//
// A nil error means that the response held what the call promises. A response with status 200 that is a login page,
// empty, cut off or without the promised object is an error. So is a run status that the server ignored.
//
// Zero values, empty strings, NaN and infinities are sent as such. The package refuses arguments that servers would
// silently take for something else, and sends nothing: empty IDs, keys and names, an unknown [RunStatus] or [ViewType],
// text that is not valid UTF-8, times beyond the count of milliseconds in an int64, and a param that occurs twice in a
// batch. The server judges everything else.
//
// # Values
//
// Times have millisecond resolution and are returned in UTC. A zero [time.Time] means "not set": as an argument it
// stands for the current time, and in a result for a time that the server does not know.
//
// A [Metric] can have any float64 value. Servers with an SQL store keep an infinity as plus or minus [math.MaxFloat64],
// and SQLite stores -0 as 0. NaN is returned as NaN. Before MLflow 3.17 filters compare NaN as if it were 0.
//
// Keys of metrics, params and tags have at most 250 characters: letters and digits of any script, '_', '-', '.', '/',
// spaces and, from MLflow 2.16 on unless the server runs on Windows, ':'. A key must look like a relative path in its
// shortest form: servers refuse "/a", "a/", "a//b", "./a" and "..".
//
// # Paging
//
// A search returns one page, of at most 1000 results by default, and a token for the next page. Only an empty token
// marks the last page: other pages can be empty too. [Client.AllExperiments] and [Client.AllRuns] fetch one page after
// the other, and [Client.AllMetrics] does for the history of a metric. How many results a page has is set by the option
// that is named as MLflow names it there: [WithExperimentsMaxResults], [WithRunsMaxResults] or [WithHistoryPageSize].
// ([WithMaxPoints] is no page: it says how many points a sample of a history has.)
//
// # Retries
//
// Requests are retried within the limits of mlflow.WithRetry, where that is safe. If a request cannot have run (no
// connection was made, or the status is 429), it is always retried. If it may have run (a timeout, a lost connection, a
// 500 in HTML, or 408, 502, 503 or 504), a retry depends on the method:
//
//   - SetExperimentTag, UpdateRun, DeleteRun, RestoreRun, LogParam, SetTag, LogInputs, SetTerminated are retried: doing
//     the same twice has the same effect as doing it once.
//   - GetExperiment, GetExperimentByName, SearchExperiments, GetRun, SearchRuns, GetMetricHistory, SampleMetricHistory
//     are retried: reading changes nothing.
//   - DeleteExperiment, RestoreExperiment, DeleteExperimentTag, DeleteTag are retried: on a retry, 404 counts as
//     success.
//   - LogMetric, LogBatch are retried: servers with an SQL store keep the same point once, and file stores twice.
//   - CreateExperiment is not retried: the retry would find the name taken.
//   - UpdateExperiment is retried: the second one changes nothing, but a file store refuses it with ErrAlreadyExists.
//   - CreateRun is not retried unless [WithIdempotencyKey] is given: the retry would create a second run.
//   - GetOrCreateExperiment is retried: if a retry finds the name taken, that is the experiment to return.
//
// All methods except CreateExperiment and CreateRun without a key are also retried, at most twice, after
// [ErrorCodeBadRequest], which can mean an overloaded database or a lost race. With it, servers with an SQL store before
// MLflow 3.16 also refuse a NaN that is stored already: LogMetric and LogBatch succeed then. A 500 with an MLflow error
// code is not retried. Times are set once, before the first attempt, so that every attempt sends the same bytes.
//
// If the error is [ErrUnavailable] or [ErrUnexpectedResponse], or has status 500, or if the context ended, the
// operation may or may not have taken effect.
//
// # Logging in the background
//
// A method of [Client] waits for the server: while it is away, a call can take minutes. A [Batcher] has the methods that
// log metrics, params and tags, with the same signatures, and returns at once: it sends in the background, in batches, and
// continues when the server is back. With [WithSpool] it also survives the end of the process.
//
// # Errors
//
// Every failure of a [Client] is an [*Error] or wraps one. It has the HTTP status, and MLflow's error code and message as the
// server sent them. So is the reason of a [BatchFailure], which is what a [Batcher] could not log. Beside these a Batcher has
// errors of its own, which have nothing to do with a response: [ErrQueueFull], [ErrBatcherClosed], items that are not sent
// when the context ends, a spool that cannot be used or written, and a panic of the program's code on one of its goroutines.
//
// Use [errors.Is] with the sentinel errors of this package to tell failures apart, and [errors.As] for the details:
//
//	_, err := client.GetRun(ctx, runID)
//	if errors.Is(err, tracking.ErrNotFound) {
//		...
//	}
//
// The text of an error is a single line of limited length. It contains no credentials and no configured headers: where
// the server quotes one, the text says "[redacted]".
//
// # Testing
//
// Package mlflowtest of this module is an MLflow server in memory. A test that needs less can respond to requests itself:
// [NewClient] takes a [Doer].
// An [*Error] made by hand matches the same sentinels as one from a server:
//
//	&tracking.Error{StatusCode: 404, Code: tracking.ErrorCodeResourceDoesNotExist} // is ErrNotFound
package tracking
