package tracking

// Tags that MLflow gives a meaning. Its web page shows them apart from others.
const (
	// TagParentRunID holds the ID of the run of which this one is a child. See [WithParentRun].
	TagParentRunID = "mlflow.parentRunId"
	// TagRunName holds the name of the run. Setting the tag renames it.
	TagRunName = "mlflow.runName"
	// TagUser holds the name of the user who started the run. Servers don't set it themselves.
	TagUser = "mlflow.user"
	// TagNote holds the description of a run or an experiment, in Markdown.
	TagNote = "mlflow.note.content"
	// TagSourceName holds what started the run, such as the name of a program.
	TagSourceName = "mlflow.source.name"
	// TagSourceType holds what kind of source that is: NOTEBOOK, JOB, PROJECT, LOCAL or UNKNOWN.
	TagSourceType = "mlflow.source.type"
	// TagGitCommit holds the hash of the commit that the program was built from.
	TagGitCommit = "mlflow.source.git.commit"
)
