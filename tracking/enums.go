package tracking

// A RunStatus says how far a run has come. A status that this package doesn't know passes through unchanged when a
// server sends it, and is refused when a caller does: servers answer 200 to an unknown status and ignore it.
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

// A ViewType says whether a search finds active experiments or runs, deleted ones, or both.
type ViewType string

// The view types. Servers take [ViewTypeActiveOnly] when none is given.
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

// A LifecycleStage tells whether an experiment or a run is deleted. MLflow keeps deleted ones until they are
// garbage-collected on the server.
type LifecycleStage string

// The lifecycle stages.
const (
	LifecycleStageActive  LifecycleStage = "active"
	LifecycleStageDeleted LifecycleStage = "deleted"
)
