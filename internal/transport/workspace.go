package transport

import (
	"context"
	"encoding/json"
	"net/http"
)

// A workspaceCheck remembers that the server was seen to know workspaces. Older servers ignore the header that names
// one, and write into the space that all share.
type workspaceCheck chan bool

func newWorkspaceCheck() workspaceCheck {
	check := make(workspaceCheck, 1)
	check <- false
	return check
}

// A WorkspaceError tells that a request was not sent because the server does not know workspaces, or doesn't say so.
type WorkspaceError struct {
	StatusCode int // of the answer to the question
}

func (*WorkspaceError) Error() string {
	return "the server has no workspaces, or they are off; nothing was sent, as it would be written to what all share"
}

// checkWorkspace asks the server, before the first request that names a workspace, whether it knows any. An answer that
// tells neither, such as that credentials are missing, is returned, and is the answer to the request as well.
func (c *Client) checkWorkspace(request *http.Request, call *Call) (*http.Response, error) {
	if c.config.Workspace == "" || call.ignoresWorkspace {
		return nil, nil
	}
	ctx := request.Context()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case known := <-c.workspace: // one at a time; the others wait for its result
		defer func() { c.workspace <- known }()
		if known {
			return nil, nil
		}
		response, err := c.askForWorkspaces(ctx, call)
		known = response == nil && err == nil
		return response, err
	}
}

func (c *Client) askForWorkspaces(ctx context.Context, call *Call) (*http.Response, error) {
	question := &Call{Operation: call.Operation, Repeatable: true, ignoresWorkspace: true}
	address := c.config.Server.JoinPath("api/3.0/mlflow/server-info").String()
	request, err := http.NewRequestWithContext(WithCall(ctx, question), http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	response, err := c.Do(request)
	call.Attempts, call.Interrupted, call.sent = question.Attempts, question.Interrupted, question.sent
	if err != nil {
		return nil, err
	}
	body, readErr := ReadBody(response)
	var info struct {
		WorkspacesEnabled bool `json:"workspaces_enabled"`
	}
	readable := readErr == nil && json.Unmarshal(body, &info) == nil
	success := response.StatusCode >= 200 && response.StatusCode < 300
	switch {
	case response.StatusCode == http.StatusOK && readable && info.WorkspacesEnabled:
		call.Attempts = 0 // those of the request are still to come
		return nil, nil
	// Any JSON, as it might pass for the answer to the request. A login page does not.
	case success && readErr == nil && json.Valid(body), response.StatusCode == http.StatusNotFound:
		return nil, &WorkspaceError{response.StatusCode}
	}
	return response, nil
}
