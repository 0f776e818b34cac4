package transport

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/mlflow-go/mlflow/internal/wire"
)

// A workspaceCheck remembers that the server was seen to know workspaces. Older servers ignore the header that names
// one, and write into the workspace that all share.
type workspaceCheck chan bool

func newWorkspaceCheck() workspaceCheck {
	check := make(workspaceCheck, 1)
	check <- false
	return check
}

// checkWorkspace asks the server, before the first request that names a workspace, whether it knows any. It returns nil
// if it does. A response that says neither yes nor no, such as that credentials are missing, is the outcome of the call.
func (c *Call) checkWorkspace(ctx context.Context) *Outcome {
	if c.client.config.Workspace == "" || c.ignoresWorkspace {
		return nil
	}
	select {
	case <-ctx.Done():
		return &Outcome{Kind: Canceled, Err: ctx.Err()}
	case known := <-c.client.workspace: // one at a time; the others wait for its result
		defer func() { c.client.workspace <- known }()
		if known {
			return nil
		}
		refusal := c.askForWorkspaces(ctx)
		known = refusal == nil
		return refusal
	}
}

func (c *Call) askForWorkspaces(ctx context.Context) *Outcome {
	question := c.client.NewCall(Operation{Name: c.operation.Name, MayRunTwice: true})
	question.ignoresWorkspace = true
	address := c.client.config.Server.JoinPath("api/3.0/mlflow/server-info").String()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return &Outcome{Kind: NotSent, Err: err}
	}
	o := question.run(request)
	var info struct {
		WorkspacesEnabled bool `json:"workspaces_enabled"`
	}
	isJSON := o.Kind == Success && json.Valid(o.Body)
	if isJSON && o.Status == http.StatusOK && json.Unmarshal(o.Body, &info) == nil && info.WorkspacesEnabled {
		return nil
	}
	c.attempts, c.sent = question.attempts, question.sent
	// Any JSON, as it might pass for the response to the request. A login page does not.
	if isJSON || o.Status == http.StatusNotFound {
		return &Outcome{
			Kind: Unsupported, Status: o.Status, Code: wire.CodeFeatureDisabled,
			Message: "the server does not support workspaces; nothing was sent, because it would have gone to the default workspace",
		}
	}
	return &o
}
