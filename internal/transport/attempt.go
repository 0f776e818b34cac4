package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
)

// attempt sends the request once.
func (c *Call) attempt(request *http.Request) Outcome {
	caller := request.Context()
	ctx, cancel := c.client.withAttemptTimeout(caller)
	defer cancel()
	a := &c.first
	if c.attempts > 1 {
		a = new(attempt)
	}
	request, err := c.begin(ctx, cancel, request, a)
	if err != nil {
		return notSent(caller, reason(caller, ctx, err))
	}
	if err := c.client.acquireSlot(ctx); err != nil {
		a.progress.wanted.Store(true)
		return failed(reasonOf(caller, ctx, newURLError(request, err)), &a.progress)
	}
	defer c.client.releaseSlot()
	response, err := c.exchange(request, a) //nolint:bodyclose // read closes it
	if err != nil {
		return failed(reasonOf(caller, ctx, err), &a.progress)
	}
	return c.read(caller, request, response, &a.progress, c.operation.OfProgram)
}

// begin returns the request of an attempt, which cancel cancels.
func (c *Call) begin(ctx context.Context, cancel context.CancelFunc, request *http.Request, a *attempt) (*http.Request, error) {
	request = request.WithContext(a.progress.trace(ctx, cancel, c.client.mayUseH2C))
	return request, c.prepare(request, a)
}

// exchange sends the request of an attempt, and returns the response, whose body is not read yet.
func (c *Call) exchange(request *http.Request, a *attempt) (*http.Response, error) {
	a.progress.guardBody(request)
	response, err := c.client.http.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode < 100 { // which net/http lets pass
		response.Body.Close()
		return nil, newURLError(request, fmt.Errorf("malformed HTTP status %d", response.StatusCode))
	}
	return response, nil
}

// prepare gives a shallow copy of the request a body, headers and a URL of its own.
func (c *Call) prepare(request *http.Request, a *attempt) error {
	if request.GetBody != nil {
		body, err := request.GetBody()
		if err != nil {
			return err
		}
		request.Body = body
	}
	config := &c.client.config
	a.target = *request.URL
	request.URL = &a.target
	given := request.Header
	request.Header = make(http.Header, len(given)+len(a.values))
	maps.Copy(request.Header, given)
	var programs http.Header
	if c.operation.OfProgram {
		programs = given.Clone()
	}
	values := a.values[:0]
	set := func(name, value string) {
		values = append(values, value)
		request.Header[name] = values[len(values)-1 : len(values) : len(values)]
	}
	set("Accept", "application/json")
	set("Accept-Encoding", gzipEncoding)
	if request.Method == http.MethodGet { // make caches on the way revalidate
		set("Cache-Control", "no-cache")
	}
	if config.UserAgent != "" {
		set("User-Agent", config.UserAgent)
	}
	if config.Workspace != "" && !c.ignoresWorkspace {
		set(workspaceHeader, config.Workspace)
	}
	if _, c.authorized = programs["Authorization"]; !c.authorized {
		if err := c.authorize(request); err != nil {
			return err
		}
	}
	for name, values := range config.Header() {
		if name == "Host" { // net/http takes it from here, and ignores the header of that name
			request.Host = values[0]
			continue
		}
		request.Header[name] = slices.Clone(values)
	}
	maps.Copy(request.Header, programs)
	c.sent = request.Header
	if config.Edit != nil {
		if err := config.Edit(request.Context(), request); err != nil {
			return err
		}
		c.sent = request.Header // in case it was replaced
	}
	return nil
}

// authorize sets the Authorization header.
func (c *Call) authorize(request *http.Request) error {
	source := c.client.config.Authorization
	if source == nil {
		return nil
	}
	if c.nextAuthorization != "" {
		c.authorization, c.nextAuthorization = c.nextAuthorization, ""
	} else {
		var err error
		if c.authorization, err = source(request.Context()); err != nil {
			return err
		}
	}
	if c.authorization != "" {
		request.Header.Set("Authorization", c.authorization)
	}
	return nil
}

// read reads the response to an attempt. An error status says enough, even if its body came too late.
func (c *Call) read(caller context.Context, request *http.Request, response *http.Response, p *progress, mayBeAnything bool) Outcome {
	ctx := request.Context()
	body, err := readBody(response, c.client.config.MaxBody, mayBeAnything)
	tooLate := err != nil && (ctx.Err() != nil || isTimeout(err))
	if tooLate && (caller.Err() != nil || response.StatusCode < 300) {
		return failed(reasonOf(caller, ctx, newURLError(request, err)), p)
	}
	return c.received(response, body, err)
}

// received returns the outcome of an attempt that brought a response.
func (c *Call) received(response *http.Response, body []byte, readErr error) Outcome {
	o := Outcome{
		Status:     response.StatusCode,
		RetryAfter: retryAfter(response.Header),
		Body:       body,
		response:   response,
		bodyErr:    readErr,
	}
	// Some gateways send an error with status 200. A program knows best what it asked for.
	if !isSuccess(o.Status) || (!c.operation.OfProgram && bytes.Contains(body, []byte(`"error_code"`))) {
		var ok bool
		o.Code, o.Message, ok = parseError(body)
		o.quotesBody = !ok
	}
	o.Kind = Classify(o.Status, o.Code)
	switch location := response.Header.Get("Location"); {
	case o.Kind == Success && errors.Is(readErr, errTooLarge):
		return o.unexpected(Unexpected, readErr)
	case o.Kind == Success && readErr != nil:
		return o.unexpected(Truncated, readErr)
	case location != "" && o.Status < 400 && o.Kind != Success:
		o.Message, o.quotesBody = "the server redirects to "+cleanURL(location), false
	}
	return o
}
