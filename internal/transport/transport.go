// Package transport is the one way from the library to HTTP. It adds what every request needs (credentials, headers, a
// time limit), retries what may be retried, reads every response in full and within limits, and logs what happened. It
// knows nothing of MLflow's operations but what a [Call] is told.
package transport

import (
	"cmp"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// All that happens to a request, in order. Package tracking or artifacts has checked the arguments, and the generated
// client has built the request; Forward (forward.go) checks and copies one of the program's own.
//
//  1. Call.Do takes the request. If a workspace is configured, the server is asked whether it supports workspaces, once a
//     minute for all calls that wait; if it does not, nothing else is sent (workspace.go).
//  2. An attempt begins: its time limit starts, or for streams the limit on how long nothing moves, and net/http reports
//     its progress (attempt.go, stream.go, progress.go).
//  3. The attempt gets a body of its own from GetBody, a URL and headers: the library's, Authorization from the token
//     source, the configured ones, those of a program's own request. The request editor comes last (Call.prepare).
//  4. For a stream, the headers of a download are set, and the content of an upload is opened (Call.attemptStream).
//  5. The body is guarded against being sent a second time by net/http (progress.guardBody).
//  6. A request without a stream waits for a slot among the requests in flight (Client.acquireSlot).
//  7. The http.Client adds the cookies of its jar, connects, and sends. It follows a redirect only with the same method,
//     without what another host must not see, and if the caller's own CheckRedirect agrees (redirect.go).
//  8. The response is read whole, decompressed, and within limits (body.go). The body of a download that succeeds is
//     handed up instead.
//  9. The attempt becomes an Outcome: by MLflow's error code or the HTTP status (Call.received, errorcode.go), or, without
//     a response, by the error and the progress (failure.go). The slot and the time limit are released.
//  10. What the operation, the outcome and the policy allow decides whether the request is sent again, and after what wait.
//     A 401 is followed by one more attempt if the token source has new credentials (retry.go).
//  11. The attempt is logged (Call.log).
//  12. If it is sent again: wait, close silent HTTP/2 connections, ask HasRun where the call is Reconciled, and continue
//     with 2 (Call.beforeRetry).
//  13. A download that succeeded gets a body that resumes by itself, from 1 on, where it is cut (Call.resumable).
//  14. The secrets that were sent are masked in what failed (redact.go, package redact).
//  15. The response goes up as net/http would return it, and the outcome stays with the call (Call.result).
//
// A callback of the program's (token source, request editor, RoundTripper, CheckRedirect, HasRun, content) may panic
// anywhere on this way. The panic reaches the caller of Do; slots, time limits and the question about workspaces are
// released by deferred calls, and what net/http calls on goroutines of its own hands its panic over (upload.rethrow).

// Do sends a request that must not run twice, as the call of an operation without a name.
func (c *Client) Do(request *http.Request) (*http.Response, error) {
	return c.NewCall(Operation{}).Do(request)
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
		o := c.send(request)
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

// send makes one attempt.
func (c *Call) send(request *http.Request) Outcome {
	c.attempts++
	if c.Content != nil || c.operation.Downloads {
		return c.attemptStream(request)
	}
	return c.attempt(request)
}

// withoutResponse returns the outcome of a request that was not sent, because of the outcome of another. A program must
// never mistake that response for its own.
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

// log logs an attempt. It names nothing but what is listed here: no body, no query, no header.
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

// result returns the outcome as net/http would.
func (c *Call) result() (*http.Response, error) {
	o := &c.outcome
	if o.response == nil {
		return nil, cmp.Or(o.Err, errors.New(o.Message))
	}
	if o.stream != nil {
		o.response.Body = o.stream
		return o.response, nil
	}
	c.body.data.Reset(o.Body)
	c.body.err = o.bodyErr
	o.response.Body = &c.body
	return o.response, nil
}

// Unexpected returns the outcome for a caller who found that a 2xx response does not hold what it promises.
func (c *Call) Unexpected(err error) Outcome {
	return c.redacted(c.outcome.unexpected(Unexpected, err))
}
