package transport

import (
	"net/http"
	"strings"
)

const (
	encodingField = "Content-Encoding"
	gzipEncoding  = "gzip"
	// workspaceHeader names the workspace that a request is about.
	workspaceHeader = "X-Mlflow-Workspace"
)

// ReservedHeaders are the headers, in canonical form, that no configuration may set: a request breaks without the right
// ones, only gzip is decompressed, net/http takes an idempotency key for leave to send a request twice, and a server must
// be asked about workspaces before one is named.
var ReservedHeaders = []string{
	"Accept-Encoding", "Connection", "Content-Encoding", "Content-Length", "Content-Type", "Idempotency-Key", "Trailer",
	"Transfer-Encoding", "X-Idempotency-Key", workspaceHeader,
}

// neverForwarded are the headers of a program's own request that are left out. A request breaks with other values than
// ours, of which net/http takes the host and the length from the request's fields.
var neverForwarded = []string{
	"Accept-Encoding", "Connection", "Content-Length", "Host", "Idempotency-Key", "Trailer", "Transfer-Encoding",
	"X-Idempotency-Key", workspaceHeader,
}

// safeForOtherHosts are the headers that another host may see, unless they are configured: all others may be
// credentials, or a request editor's signature. The workspace header is kept: without it the request would go to another
// workspace.
var safeForOtherHosts = []string{"Accept", "Content-Type", "User-Agent", workspaceHeader}

// publicHeaders are the headers of ours that anyone may see. Configured ones of the same name are secrets.
var publicHeaders = []string{
	"Accept", "Accept-Encoding", "Cache-Control", "Content-Type", "Expect", "If-Range", "Range", "User-Agent", workspaceHeader,
}

// credentialHeaders are what net/http may add to a request that a redirect led to.
var credentialHeaders = []string{"Authorization", "Proxy-Authorization", "Cookie"}

// canonical returns a copy of a header with the names as net/http spells them. It would send a content-length beside the
// Content-Length.
func canonical(header http.Header) http.Header {
	copied := make(http.Header, len(header))
	for name, values := range header {
		name = http.CanonicalHeaderKey(name)
		copied[name] = append(copied[name], values...)
	}
	return copied
}

// ValidHeaderName reports whether text can be the name of a header.
func ValidHeaderName(text string) bool { return isToken(text) }

// ValidHeaderValue reports whether text can be the value of a header.
func ValidHeaderValue(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// isToken reports whether text can be a method, or the name of a header.
func isToken(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		isLetter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		return !isLetter && !strings.ContainsRune("0123456789!#$%&'*+-.^_`|~", r)
	})
}
