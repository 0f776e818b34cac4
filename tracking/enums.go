package tracking

// A RunStatus is the state of a run. If a server returns a status that this package doesn't know, it is passed on
// unchanged. [Client.UpdateRun] refuses an unknown status, because servers respond with 200 and ignore it.
type RunStatus string

// The statuses of a run.
const (
	RunStatusRunning   RunStatus = "RUNNING"
	RunStatusScheduled RunStatus = "SCHEDULED"
	RunStatusFinished  RunStatus = "FINISHED"
	RunStatusFailed    RunStatus = "FAILED"
	RunStatusKilled    RunStatus = "KILLED"
)

func (s RunStatus) known() bool {
	switch s {
	case RunStatusRunning, RunStatusScheduled, RunStatusFinished, RunStatusFailed, RunStatusKilled:
		return true
	}
	return false
}

// isFinal reports whether the run is over.
func (s RunStatus) isFinal() bool {
	switch s {
	case RunStatusFinished, RunStatusFailed, RunStatusKilled:
		return true
	}
	return false
}

// A ViewType says whether a search finds active experiments or runs, deleted ones, or both.
type ViewType string

// The view types. The servers' default is [ViewTypeActiveOnly].
const (
	ViewTypeActiveOnly  ViewType = "ACTIVE_ONLY"
	ViewTypeDeletedOnly ViewType = "DELETED_ONLY"
	ViewTypeAll         ViewType = "ALL"
)

func (v ViewType) known() bool {
	switch v {
	case ViewTypeActiveOnly, ViewTypeDeletedOnly, ViewTypeAll:
		return true
	}
	return false
}

// A LifecycleStage says whether an experiment or a run is deleted. Deleted ones stay on the server until its operator
// removes them with "mlflow gc".
type LifecycleStage string

// The lifecycle stages.
const (
	LifecycleStageActive  LifecycleStage = "active"
	LifecycleStageDeleted LifecycleStage = "deleted"
)
