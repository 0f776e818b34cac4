package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// An Operation is what the transport needs to know of a method: what to call it, and whether to retry it.
type Operation struct {
	// Name is the name of the method, such as "LogMetric".
	Name string
	// Safety says when the request may be sent again.
	Safety Safety
	// FinalRefusal, if set, matches the message of a BAD_REQUEST, or the body of a response that asks to come back later, that a
	// retry would bring again.
	FinalRefusal *regexp.Regexp
	// OfProgram means that the program built the request itself: its headers stay as they are, and a success may hold
	// anything.
	OfProgram bool
	// CrashIsFinal means that a 500 without an error code is not retried: some servers answer an impossible request that
	// way.
	CrashIsFinal bool
	// Downloads means that the body of a success is a stream, and is not read.
	Downloads bool
}

// A Call sends the request of one operation, retrying where that is safe, and knows afterwards what became of it. It is
// used once.
type Call struct {
	// HasRun reports whether the server has run the request. The retry of a Reconciled request that may have run calls it
	// first: if it has, or if HasRun fails, the request is not sent again, and the outcome is that of the last attempt.
	HasRun func(context.Context) (bool, error)
	// Content, if set, is the body of the request in place of its own.
	Content *Content
	// Renew, if set, makes the request with which a download that was cut continues, in place of the first one, whose URL
	// may have expired.
	Renew func() (*http.Request, error)

	client    *Client
	operation Operation
	outcome   Outcome
	body      bufferedBody // of the response

	first             attempt // here, since there is always one
	attempts          int
	mayHaveRun        bool
	databaseRefusals  int
	ignoresWorkspace  bool
	renewed           bool        // it was sent again with new credentials
	authorized        bool        // the program's request has credentials of its own
	authorization     string      // the header of the last attempt
	nextAuthorization string      // the header of the next one, if it is known already
	sent              http.Header // those of the last attempt
	query             url.Values  // that of its URL, if the values are secrets
}

// Outcome returns what became of the request; the zero Outcome if none was sent.
func (c *Call) Outcome() Outcome { return c.outcome }

// OutcomeAfter is Outcome for who was to build the request and hand it over, and returned err: if no request came about,
// that is why.
func (c *Call) OutcomeAfter(err error) Outcome {
	if err != nil && c.outcome.Kind == Success {
		return Outcome{Kind: NotSent, Err: err}
	}
	return c.outcome
}

// Do sends the request, retrying where that is safe, and returns the last response, whatever its status, with a body
// that has been read already. The error is non-nil only if no complete response came; it wraps an error of package
// context only if the request's own context ended. Do closes the request's body.
func (c *Call) Do(request *http.Request) (*http.Response, error) {
	if request.Body != nil {
		defer request.Body.Close()
	}
	o := c.run(request)
	if o.stream != nil {
		o.stream = c.resumable(request, o)
	}
	c.outcome = c.redacted(o)
	return c.result()
}

// run sends the request until an attempt is final.
func (c *Call) run(request *http.Request) Outcome {
	ctx := request.Context()
	if refusal := c.checkWorkspace(ctx); refusal != nil {
		c.attempts = refusal.Attempts
		return c.withoutResponse(*refusal)
	}
	c.renewed = false
	for {
		start := time.Now()
		o := c.attempt(request)
		duration := time.Since(start)
		if o.Kind == DatabaseRefused {
			c.databaseRefusals++
		}
		wait, retry := c.next(request, o)
		c.log(request, o, duration, wait, retry)
		if !retry {
			return o
		}
		if err := c.beforeRetry(ctx, o, wait); err != nil {
			return o.stoppedBy(err, ctx.Err() != nil)
		}
	}
}

// withoutResponse returns the outcome of a request that was not sent, because of the outcome of another. No program must
// take the response to that for the one to its own request.
func (c *Call) withoutResponse(o Outcome) Outcome {
	if !c.operation.OfProgram {
		return o
	}
	if o.Kind == Success {
		o = o.unexpected(Unexpected, errNoWorkspaces)
	}
	o.response = nil
	return o
}

var errNoWorkspaces = errors.New("the server does not say whether it supports workspaces; the request was not sent")

// An attempt holds what one sending of a request needs, in one piece.
type attempt struct {
	progress progress
	target   url.URL
	values   [5]string // of the headers that the library sets, but for credentials and configured ones
}

// attempt sends the request once.
func (c *Call) attempt(request *http.Request) Outcome {
	if c.Content != nil || c.operation.Downloads {
		return c.attemptStream(request)
	}
	c.attempts++
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
	response, err := c.exchange(request, a)
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
	n := 0
	set := func(name, value string) {
		a.values[n] = value
		request.Header[name] = a.values[n : n+1 : n+1]
		n++
	}
	set("Accept", "application/json")
	set("Accept-Encoding", gzipEncoding)
	if request.Method == http.MethodGet { // a cache on the way must not tell of an earlier time
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

// hasNewCredentials reports whether there are other credentials than those that the server refused without running the
// request.
func (c *Call) hasNewCredentials(ctx context.Context, o Outcome) bool {
	config := &c.client.config
	if o.Status != http.StatusUnauthorized || config.Authorization == nil || c.authorized {
		return false
	}
	if config.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, config.Timeout)
		defer cancel()
	}
	authorization, err := config.Authorization(ctx)
	if err != nil || authorization == c.authorization {
		return false
	}
	c.nextAuthorization = authorization
	return true
}

// log tells of an attempt. It names nothing but what is listed here: no body, no query, no header.
func (c *Call) log(request *http.Request, o Outcome, duration, wait time.Duration, retry bool) {
	level, message := slog.LevelDebug, "mlflow request"
	if retry {
		level, message = slog.LevelWarn, "mlflow request is retried"
	}
	ctx, logger := request.Context(), c.client.config.Logger
	if !logger.Enabled(ctx, level) {
		return
	}
	attributes := []slog.Attr{
		slog.String("operation", c.operation.Name),
		slog.String("method", request.Method),
		slog.String("route", route(request.URL.Path)),
		slog.Int("attempt", c.attempts),
		slog.Duration("duration", duration),
	}
	if o.Status != 0 {
		attributes = append(attributes, slog.Int("status", o.Status))
	}
	if o.Kind != Success {
		attributes = append(attributes, slog.String("failure", o.Kind.String()))
	}
	if retry {
		attributes = append(attributes, slog.Duration("wait", wait))
	}
	logger.LogAttrs(ctx, level, message, attributes...)
}

// route returns the part of a path that MLflow knows, without the tracking URI's own, which may be private.
func route(path string) string {
	if i := strings.LastIndex(path, "/api/"); i >= 0 {
		return path[i:]
	}
	return ""
}
