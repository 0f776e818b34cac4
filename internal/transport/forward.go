package transport

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Forward sends a request of the program's own to the server, as a request of that name, and does not change it. It
// returns the last response, whatever its status, or nil and what became of the request. It closes the request's body.
func (c *Client) Forward(name string, request *http.Request) (*http.Response, Outcome) {
	target, refusal := c.target(request)
	if refusal == "" {
		refusal = c.whyNotForward(request)
	}
	if refusal != "" {
		if request.Body != nil {
			request.Body.Close()
		}
		return nil, Outcome{Kind: Refused, Message: refusal}
	}
	forwarded := request.Clone(request.Context())
	forwarded.URL, forwarded.Host, forwarded.RequestURI = target, "", ""
	forwarded.TransferEncoding, forwarded.Trailer = nil, nil
	forwarded.Header = canonical(request.Header)
	for _, header := range neverForwarded {
		forwarded.Header.Del(header)
	}
	isRead := request.Method == "" || request.Method == http.MethodGet || request.Method == http.MethodHead
	safety := RunOnce
	if isRead {
		safety = MayRunTwice
	}
	call := c.NewCall(Operation{Name: name, Safety: safety, OfProgram: true})
	response, _ := call.Do(forwarded) // the outcome tells more than the error
	if response == nil {
		return nil, call.outcome
	}
	return asReceived(response, request, call.outcome), call.outcome
}

// asReceived returns a response as net/http would: about its content, and with the program's request, which has none of
// the client's credentials.
func asReceived(response *http.Response, request *http.Request, o Outcome) *http.Response {
	last := response.Request
	response.Request = request.Clone(request.Context())
	response.Request.Body, response.Request.GetBody = nil, nil
	if last != nil {
		response.Request.URL = last.URL // of the last redirect
	}
	if request.Method == http.MethodHead {
		return response
	}
	if response.Header.Get(encodingField) == gzipEncoding {
		response.Header = response.Header.Clone()
		response.Header.Del(encodingField)
		response.Header.Del("Content-Length")
		response.Uncompressed = true
	}
	response.ContentLength = int64(len(o.Body))
	if o.bodyErr != nil {
		response.ContentLength = -1
	}
	return response
}

// whyNotForward returns why a request cannot be forwarded, whatever its URL is; "" if it can.
func (c *Client) whyNotForward(request *http.Request) string {
	hasBody := request.Body != nil && request.Body != http.NoBody
	workspaces := canonical(request.Header)[workspaceHeader]
	switch {
	case !isToken(request.Method) && request.Method != "", request.Method == http.MethodConnect:
		return "the method is not one that a server knows"
	case hasBody && request.ContentLength <= 0:
		return "the length of the body is not known, and MLflow reads a body without a Content-Length as an empty one: set ContentLength"
	case slices.ContainsFunc(workspaces, func(name string) bool { return name != c.config.Workspace }):
		return "the workspace is not that of the client"
	}
	for name, values := range request.Header {
		isInvalid := func(value string) bool { return !ValidHeaderValue(value) }
		if !ValidHeaderName(name) || slices.ContainsFunc(values, isInvalid) {
			// Quote neither: a secret may be in the wrong place.
			return "a header's name or value holds characters that headers must not contain"
		}
	}
	return ""
}

// target returns the URL to which a program's own request goes, or why it goes nowhere. One without a host is below that
// of the server.
func (c *Client) target(request *http.Request) (target *url.URL, refusal string) {
	u, server := request.URL, c.config.Server
	switch {
	case u == nil || u.Opaque != "":
		return nil, "the URL has no path"
	case u.User != nil:
		return nil, "the URL has user info: set the Authorization header instead"
	case u.Host == "" && u.Scheme != "":
		return nil, "the URL has no host"
	case u.Host != "" && !sameServer(u, server), request.Host != "" && request.Host != u.Host:
		return nil, "the host is not that of the tracking URI"
	case hasDotSegments(u.Path):
		return nil, `the path has a segment "." or ".."`
	}
	prefix, path := server.EscapedPath(), u.EscapedPath()
	below := *server
	below.RawQuery, below.ForceQuery = u.RawQuery, u.ForceQuery
	if u.Host == "" {
		below.Path = server.Path + "/" + strings.TrimPrefix(u.Path, "/")
		below.RawPath = prefix + "/" + strings.TrimPrefix(path, "/")
		return &below, ""
	}
	if path != prefix && !strings.HasPrefix(path, prefix+"/") {
		return nil, "the path is not below that of the tracking URI"
	}
	below.Path, below.RawPath = u.Path, u.RawPath
	return &below, ""
}

// sameServer reports whether two URLs lead to the same server by the same scheme, which may be left out of the first.
func sameServer(u, server *url.URL) bool {
	port := func(u *url.URL) string {
		switch {
		case u.Port() != "":
			return u.Port()
		case server.Scheme == "https":
			return "443"
		}
		return "80"
	}
	return (u.Scheme == "" || strings.EqualFold(u.Scheme, server.Scheme)) &&
		strings.EqualFold(u.Hostname(), server.Hostname()) && port(u) == port(server)
}

// hasDotSegments reports whether a path has segments by which a server, or a proxy, would go to another one.
func hasDotSegments(path string) bool {
	segments := strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == '\\' })
	return slices.Contains(segments, ".") || slices.Contains(segments, "..")
}
