package tracking

import (
	"context"
	"errors"
	"net/http"
	"regexp"

	"github.com/mlflow-go/mlflow/gen"
	"github.com/mlflow-go/mlflow/internal/transport"
)

// An operation is what a method of [Client] needs to know of its endpoint. Request and Response are the generated types
// of the bodies, or of the query.
type operation[Request, Response any] struct {
	// name is the name of the method, and of the operation in the spec.
	name string
	// send is the method of the generated client.
	send func(gen.Client, context.Context, Request) (*http.Response, error)
	// mayRunTwice tells that the server may run the request twice. Then it is retried even if it may have run: after a
	// timeout, a lost connection, a 500 in HTML, a 502, 503 or 504, or MLflow's BAD_REQUEST. The others are retried only if
	// the request cannot have run: no connection was made, or the status is 429.
	mayRunTwice bool
	// done tells, of an error of the server's, whether it is what a retry gets because the request had run before. Nil
	// stands for never.
	done func(error) bool
	// finalRefusal matches the message of a BAD_REQUEST that a retry would bring again. Nil stands for none.
	finalRefusal *regexp.Regexp
}

// The operations, one for each endpoint. The tests hold them against the spec, and the tables of the documentation
// against them.
var (
	createExperiment = operation[gen.CreateExperimentRequest, gen.CreateExperimentResult]{
		name: "CreateExperiment", send: gen.Client.CreateExperiment, // the second one would be told that the name is taken
	}
	getExperiment = operation[*gen.GetExperimentParams, gen.GetExperimentResult]{
		name: "GetExperiment", send: gen.Client.GetExperiment, mayRunTwice: true,
	}
	getExperimentByName = operation[*gen.GetExperimentByNameParams, gen.GetExperimentByNameResult]{
		name: "GetExperimentByName", send: gen.Client.GetExperimentByName, mayRunTwice: true,
	}
	updateExperiment = operation[gen.UpdateExperimentRequest, gen.EmptyResponse]{
		name: "UpdateExperiment", send: gen.Client.UpdateExperiment, mayRunTwice: true,
	}
	deleteExperiment = operation[gen.DeleteExperimentRequest, gen.EmptyResponse]{
		name: "DeleteExperiment", send: gen.Client.DeleteExperiment, mayRunTwice: true, done: isGone,
	}
	restoreExperiment = operation[gen.RestoreExperimentRequest, gen.EmptyResponse]{
		name: "RestoreExperiment", send: gen.Client.RestoreExperiment, mayRunTwice: true, done: isGone,
	}
	searchExperiments = operation[gen.SearchExperimentsRequest, gen.SearchExperimentsResult]{
		name: "SearchExperiments", send: gen.Client.SearchExperiments, mayRunTwice: true,
	}
	setExperimentTag = operation[gen.SetExperimentTagRequest, gen.EmptyResponse]{
		name: "SetExperimentTag", send: gen.Client.SetExperimentTag, mayRunTwice: true,
	}
	deleteExperimentTag = operation[gen.DeleteExperimentTagRequest, gen.EmptyResponse]{
		name: "DeleteExperimentTag", send: gen.Client.DeleteExperimentTag, mayRunTwice: true, done: isGone,
	}
	createRun = operation[gen.CreateRunRequest, gen.CreateRunResult]{
		name: "CreateRun", send: gen.Client.CreateRun, // the second one would create a second run: see WithIdempotencyKey
	}
	getRun = operation[*gen.GetRunParams, gen.GetRunResult]{
		name: "GetRun", send: gen.Client.GetRun, mayRunTwice: true,
	}
	updateRun = operation[gen.UpdateRunRequest, gen.UpdateRunResult]{
		name: "UpdateRun", send: gen.Client.UpdateRun, mayRunTwice: true,
	}
	deleteRun = operation[gen.DeleteRunRequest, gen.EmptyResponse]{
		name: "DeleteRun", send: gen.Client.DeleteRun, mayRunTwice: true, // servers respond with 200 to the second one
	}
	restoreRun = operation[gen.RestoreRunRequest, gen.EmptyResponse]{
		name: "RestoreRun", send: gen.Client.RestoreRun, mayRunTwice: true, // servers respond with 200 to the second one
	}
	searchRuns = operation[gen.SearchRunsRequest, gen.SearchRunsResult]{
		name: "SearchRuns", send: gen.Client.SearchRuns, mayRunTwice: true,
	}
	logMetric = operation[gen.LogMetricRequest, gen.EmptyResponse]{
		name: "LogMetric", send: gen.Client.LogMetric, mayRunTwice: true,
	}
	logParam = operation[gen.LogParamRequest, gen.EmptyResponse]{
		name: "LogParam", send: gen.Client.LogParam, mayRunTwice: true,
	}
	setTag = operation[gen.SetTagRequest, gen.EmptyResponse]{
		name: "SetTag", send: gen.Client.SetTag, mayRunTwice: true,
	}
	deleteTag = operation[gen.DeleteTagRequest, gen.EmptyResponse]{
		name: "DeleteTag", send: gen.Client.DeleteTag, mayRunTwice: true, done: isGone,
	}
	logBatch = operation[gen.LogBatchRequest, gen.EmptyResponse]{
		name: "LogBatch", send: gen.Client.LogBatch, mayRunTwice: true,
	}
	logInputs = operation[gen.LogInputsRequest, gen.EmptyResponse]{
		name: "LogInputs", send: gen.Client.LogInputs, mayRunTwice: true,
	}
	getMetricHistory = operation[*gen.GetMetricHistoryParams, gen.GetMetricHistoryResult]{
		name: "GetMetricHistory", send: gen.Client.GetMetricHistory, mayRunTwice: true,
	}
	sampleMetricHistory = operation[*gen.SampleMetricHistoryParams, gen.SampleMetricHistoryResult]{
		name: "SampleMetricHistory", send: gen.Client.SampleMetricHistory, mayRunTwice: true,
	}
)

// The operations of methods that have no endpoint of their own. Their name is that of the method, for errors and logs.
var (
	getOrCreateExperiment = operation[gen.CreateExperimentRequest, gen.CreateExperimentResult]{
		name: "GetOrCreateExperiment", send: gen.Client.CreateExperiment, mayRunTwice: true, // a taken name is one to get
	}
	setTerminated = operation[gen.UpdateRunRequest, gen.UpdateRunResult]{
		name: "SetTerminated", send: gen.Client.UpdateRun, mayRunTwice: true,
	}
)

// doneBefore tells whether err says that an attempt before the last one, whose response was lost, had succeeded.
func (o operation[Request, Response]) doneBefore(err error) bool {
	if err == nil || o.done == nil {
		return false
	}
	var refusal *Error
	return errors.As(err, &refusal) && refusal.mayHaveRun && o.done(err)
}

// newCall returns a call of the operation.
func (o operation[Request, Response]) newCall(c *Client) *transport.Call {
	return c.transport.NewCall(transport.Operation{Name: o.name, MayRunTwice: o.mayRunTwice, FinalRefusal: o.finalRefusal})
}

// isGone tells whether a call was refused because there is nothing to delete, or nothing deleted to restore.
func isGone(err error) bool { return errors.Is(err, ErrNotFound) }
