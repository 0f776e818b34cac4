package transport

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/mlflow-go/mlflow/internal/wire"
)

// workspaceHeader names the workspace that a request is about.
const workspaceHeader = "X-Mlflow-Workspace"

// workspaceTerm is how long a server that knows workspaces is believed to know them. It may be replaced by an older
// release. Python's client believes it as long.
const workspaceTerm = time.Minute

// A workspaceCheck remembers that the server was seen to know workspaces. Older servers ignore the header that names
// one, and write into the workspace that all share.
type workspaceCheck struct {
	mu    sync.Mutex
	until time.Time          // when the server is to be asked again
	asked *workspaceQuestion // by one call, for all that wait
}

// A workspaceQuestion is put to the server once. Its other fields are set when done is closed.
type workspaceQuestion struct {
	done      chan struct{}
	refusal   *Outcome // nil if the server knows workspaces
	abandoned bool     // the context of the call that asked has ended
}

// checkWorkspace asks the server whether it knows workspaces, unless it was asked lately. It returns nil if it does. A
// response that says neither yes nor no, such as that credentials are missing, is the outcome of the call.
func (c *Call) checkWorkspace(ctx context.Context) *Outcome {
	if c.client.config.Workspace == "" || c.ignoresWorkspace {
		return nil
	}
	check := c.client.workspace
	for {
		check.mu.Lock()
		if time.Now().Before(check.until) {
			check.mu.Unlock()
			return nil
		}
		question, first := check.asked, false
		if question == nil {
			question, first = &workspaceQuestion{done: make(chan struct{})}, true
			check.asked = question
		}
		check.mu.Unlock()
		if first {
			c.askForWorkspaces(ctx, question)
			return question.refusal
		}
		select {
		case <-ctx.Done():
			return &Outcome{Kind: Canceled, Err: ctx.Err()}
		case <-question.done:
		}
		if !question.abandoned {
			return question.refusal
		}
	}
}

// askForWorkspaces asks a question for all that wait for it.
func (c *Call) askForWorkspaces(ctx context.Context, question *workspaceQuestion) {
	question.refusal = c.serverInfo(ctx)
	question.abandoned = question.refusal != nil && ctx.Err() != nil
	check := c.client.workspace
	check.mu.Lock()
	defer check.mu.Unlock()
	check.asked = nil
	if question.refusal == nil {
		check.until = time.Now().Add(workspaceTerm)
	}
	close(question.done)
}

// serverInfo returns nil if the server says that it knows workspaces.
func (c *Call) serverInfo(ctx context.Context) *Outcome {
	call := c.client.NewCall(Operation{Name: c.operation.Name, Safety: MayRunTwice})
	call.ignoresWorkspace = true
	// By the path that calls use: nothing is cleaned.
	address := c.client.config.Server.String() + "/api/3.0/mlflow/server-info"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return &Outcome{Kind: NotSent, Err: err}
	}
	o := call.run(request)
	var info struct {
		WorkspacesEnabled bool `json:"workspaces_enabled"`
	}
	isJSON := o.Kind == Success && json.Valid(o.Body)
	if isJSON && o.Status == http.StatusOK && json.Unmarshal(o.Body, &info) == nil && info.WorkspacesEnabled {
		return nil
	}
	// Any JSON, as it might pass for the response to the request. A login page does not.
	if isJSON || o.Status == http.StatusNotFound {
		o = Outcome{
			Kind: Unsupported, Status: o.Status, Code: wire.CodeFeatureDisabled,
			Message: "the server does not support workspaces; nothing was sent, because it would have gone to the default workspace",
		}
	}
	o = call.redacted(o)
	return &o
}
