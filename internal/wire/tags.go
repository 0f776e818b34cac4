package wire

// The tags of a run that CreateRun with an idempotency key sets.
const (
	IdempotencyKeyTag   = "mlflow_go.idempotency_key"
	IdempotencyNonceTag = "mlflow_go.idempotency_nonce"      // of the call that created the run
	IdempotencyUserTag  = "mlflow_go.idempotency_used_by"    // the nonce of a later call that found the run and returned it
	IdempotencyDoomTag  = "mlflow_go.idempotency_deleted_by" // the nonce of a call that is about to delete the run
)
