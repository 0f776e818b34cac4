package transport

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// workspaceCheckTTL is how long a positive check is cached, as in Python's client: the server may be replaced by an older
// release.
const workspaceCheckTTL = time.Minute

// A workspaceCheck remembers that the server was seen to know workspaces. Older servers ignore the header that names
// one, and write into the workspace that all share.
type workspaceCheck struct {
	mu    sync.Mutex
	until time.Time       // when the server is to be asked again
	asked *workspaceProbe // by one call, for all that wait
}

// A workspaceProbe is sent to the server once. Its other fields are set when done is closed.
type workspaceProbe struct {
	done      chan struct{}
	refusal   *Outcome // nil if the server knows workspaces
	abandoned bool     // the call that asked ended without a result
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
		probe, first := check.asked, false
		if probe == nil {
			probe, first = &workspaceProbe{done: make(chan struct{})}, true
			check.asked = probe
		}
		check.mu.Unlock()
		if first {
			c.askForWorkspaces(ctx, probe)
			return probe.refusal
		}
		select {
		case <-ctx.Done():
			return &Outcome{Kind: Canceled, Err: ctx.Err()}
		case <-probe.done:
		}
		if !probe.abandoned {
			return probe.refusal
		}
	}
}

// askForWorkspaces sends a probe for all that wait for it. If a callback of the program's panics, one of them sends the next
// probe.
func (c *Call) askForWorkspaces(ctx context.Context, probe *workspaceProbe) {
	probe.abandoned = true
	defer c.client.workspace.finish(probe)
	probe.refusal = c.serverInfo(ctx)
	probe.abandoned = probe.refusal != nil && ctx.Err() != nil
}

// finish ends a probe, and remembers its result if the server supports workspaces.
func (w *workspaceCheck) finish(probe *workspaceProbe) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = nil
	if probe.refusal == nil && !probe.abandoned {
		w.until = time.Now().Add(workspaceCheckTTL)
	}
	close(probe.done)
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
			Kind: Unsupported, Status: o.Status, Code: codeFeatureDisabled,
			Message: "the server does not support workspaces; nothing was sent, because it would have gone to the default workspace",
		}
	}
	o = call.redacted(o)
	return &o
}
