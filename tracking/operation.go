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
	// safety says when the request may be sent again.
	safety transport.Safety
	// alreadyDone reports whether the server's error is what a retry gets because the request had run before. Nil stands
	// for never.
	alreadyDone func(error) bool
	// finalRefusal matches the message of a BAD_REQUEST that a retry would bring again. Nil stands for none.
	finalRefusal *regexp.Regexp
}

// The operations, one for each endpoint. The tests hold them against the spec, and the tables of the documentation
// against them.
var (
	createExperiment = operation[gen.CreateExperimentRequest, gen.CreateExperimentResult]{
		// The second one would be told that the name is taken.
		name: "CreateExperiment", send: gen.Client.CreateExperiment, safety: transport.RunOnce,
	}
	getExperiment = operation[*gen.GetExperimentParams, gen.GetExperimentResult]{
		name: "GetExperiment", send: gen.Client.GetExperiment, safety: transport.MayRunTwice,
	}
	getExperimentByName = operation[*gen.GetExperimentByNameParams, gen.GetExperimentByNameResult]{
		name: "GetExperimentByName", send: gen.Client.GetExperimentByName, safety: transport.MayRunTwice,
	}
	updateExperiment = operation[gen.UpdateExperimentRequest, gen.EmptyResponse]{
		name: "UpdateExperiment", send: gen.Client.UpdateExperiment, safety: transport.MayRunTwice,
	}
	deleteExperiment = operation[gen.DeleteExperimentRequest, gen.EmptyResponse]{
		name: "DeleteExperiment", send: gen.Client.DeleteExperiment, safety: transport.MayRunTwice, alreadyDone: isGone,
	}
	restoreExperiment = operation[gen.RestoreExperimentRequest, gen.EmptyResponse]{
		name: "RestoreExperiment", send: gen.Client.RestoreExperiment, safety: transport.MayRunTwice, alreadyDone: isGone,
	}
	searchExperiments = operation[gen.SearchExperimentsRequest, gen.SearchExperimentsResult]{
		name: "SearchExperiments", send: gen.Client.SearchExperiments, safety: transport.MayRunTwice,
	}
	setExperimentTag = operation[gen.SetExperimentTagRequest, gen.EmptyResponse]{
		name: "SetExperimentTag", send: gen.Client.SetExperimentTag, safety: transport.MayRunTwice,
	}
	deleteExperimentTag = operation[gen.DeleteExperimentTagRequest, gen.EmptyResponse]{
		name: "DeleteExperimentTag", send: gen.Client.DeleteExperimentTag, safety: transport.MayRunTwice, alreadyDone: isGone,
	}
	createRun = operation[gen.CreateRunRequest, gen.CreateRunResult]{
		// The second one would create a second run: see WithIdempotencyKey.
		name: "CreateRun", send: gen.Client.CreateRun, safety: transport.RunOnce,
	}
	getRun = operation[*gen.GetRunParams, gen.GetRunResult]{
		name: "GetRun", send: gen.Client.GetRun, safety: transport.MayRunTwice,
	}
	updateRun = operation[gen.UpdateRunRequest, gen.UpdateRunResult]{
		name: "UpdateRun", send: gen.Client.UpdateRun, safety: transport.MayRunTwice,
	}
	deleteRun = operation[gen.DeleteRunRequest, gen.EmptyResponse]{
		name: "DeleteRun", send: gen.Client.DeleteRun, safety: transport.MayRunTwice, // servers respond with 200 to the second one
	}
	restoreRun = operation[gen.RestoreRunRequest, gen.EmptyResponse]{
		name: "RestoreRun", send: gen.Client.RestoreRun, safety: transport.MayRunTwice, // servers respond with 200 to the second one
	}
	searchRuns = operation[gen.SearchRunsRequest, gen.SearchRunsResult]{
		name: "SearchRuns", send: gen.Client.SearchRuns, safety: transport.MayRunTwice,
	}
	logMetric = operation[gen.LogMetricRequest, gen.EmptyResponse]{
		name: "LogMetric", send: gen.Client.LogMetric, safety: transport.MayRunTwice,
	}
	logParam = operation[gen.LogParamRequest, gen.EmptyResponse]{
		name: "LogParam", send: gen.Client.LogParam, safety: transport.MayRunTwice,
	}
	setTag = operation[gen.SetTagRequest, gen.EmptyResponse]{
		name: "SetTag", send: gen.Client.SetTag, safety: transport.MayRunTwice,
	}
	deleteTag = operation[gen.DeleteTagRequest, gen.EmptyResponse]{
		name: "DeleteTag", send: gen.Client.DeleteTag, safety: transport.MayRunTwice, alreadyDone: isGone,
	}
	logBatch = operation[gen.LogBatchRequest, gen.EmptyResponse]{
		name: "LogBatch", send: gen.Client.LogBatch, safety: transport.MayRunTwice,
	}
	logInputs = operation[gen.LogInputsRequest, gen.EmptyResponse]{
		name: "LogInputs", send: gen.Client.LogInputs, safety: transport.MayRunTwice,
	}
	getMetricHistory = operation[*gen.GetMetricHistoryParams, gen.GetMetricHistoryResult]{
		name: "GetMetricHistory", send: gen.Client.GetMetricHistory, safety: transport.MayRunTwice,
	}
	sampleMetricHistory = operation[*gen.SampleMetricHistoryParams, gen.SampleMetricHistoryResult]{
		name: "SampleMetricHistory", send: gen.Client.SampleMetricHistory, safety: transport.MayRunTwice,
	}
)

// The operations of methods that have no endpoint of their own. Their name is that of the method, for errors and logs.
var (
	getOrCreateExperiment = operation[gen.CreateExperimentRequest, gen.CreateExperimentResult]{
		name: "GetOrCreateExperiment", send: gen.Client.CreateExperiment, safety: transport.MayRunTwice, // a taken name is one to get
	}
	setTerminated = operation[gen.UpdateRunRequest, gen.UpdateRunResult]{
		name: "SetTerminated", send: gen.Client.UpdateRun, safety: transport.MayRunTwice,
	}
)

// isAlreadyDone reports whether err means that an attempt before the last one, whose response was lost, had succeeded.
func (o operation[Request, Response]) isAlreadyDone(err error) bool {
	if err == nil || o.alreadyDone == nil {
		return false
	}
	var refusal *Error
	return errors.As(err, &refusal) && refusal.mayHaveRun && o.alreadyDone(err)
}

// newCall returns a call of the operation.
func (o operation[Request, Response]) newCall(c *Client) *transport.Call {
	return c.transport.NewCall(transport.Operation{Name: o.name, Safety: o.safety, FinalRefusal: o.finalRefusal})
}

// newReconciledCall returns a call of the operation that asks hasRun before it sends a request again that may have run.
func (o operation[Request, Response]) newReconciledCall(c *Client, hasRun func(context.Context) (bool, error)) *transport.Call {
	o.safety = transport.Reconciled
	call := o.newCall(c)
	call.HasRun = hasRun
	return call
}

// isGone reports whether a call was refused because there is nothing to delete, or nothing deleted to restore.
func isGone(err error) bool { return errors.Is(err, ErrNotFound) }
