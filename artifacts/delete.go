package artifacts

import (
	"cmp"
	"context"
	"net/http"

	"github.com/mlflow-go/mlflow/gen"
	"github.com/mlflow-go/mlflow/internal/wire"
)

// DeleteArtifact deletes a file of a run, or a folder with all that is in it. What does not exist is deleted without an
// error. Only artifacts that are kept behind a server can be deleted; all others are [tracking.ErrUnsupported]. MLflow
// before 2.17 cannot delete a single file from a folder of its own, and responds with status 500.
//
// GET /api/2.0/mlflow/runs/get
// DELETE /api/2.0/mlflow-artifacts/artifacts/{artifact_path}
func (c *Client) DeleteArtifact(ctx context.Context, runID, path string) error {
	const method = "DeleteArtifact"
	if err := cmp.Or(checkRun(method, runID), checkPath(method, path)); err != nil {
		return err
	}
	storage, err := c.storageOf(ctx, method, runID)
	if err != nil {
		return err
	}
	if !storage.isProxied() {
		return unsupported(method, "the artifacts of the run are in storage of the scheme %q, from which MLflow's API deletes nothing; "+
			"it does on servers that serve artifacts (mlflow-artifacts:)", storage.scheme)
	}
	_, err = callAt[wire.Empty](storage.proxy, crashIsFinal(method), func(g gen.Client) (*http.Response, error) {
		return g.DeleteArtifact(ctx, storage.pathOf(path))
	})
	return err
}
