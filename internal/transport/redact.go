package transport

import (
	"cmp"
	"errors"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// redact returns text without the secrets that were sent.
func (c *Call) redact(text string) string {
	if text == "" {
		return ""
	}
	for _, secret := range c.secrets() {
		text = strings.ReplaceAll(text, secret, "[redacted]")
	}
	return text
}

// beginning returns the start of a response that is not MLflow's, for a person to recognize.
func (c *Call) beginning(body []byte) string {
	const enough, longSecret = 256, 64 << 10
	text := strings.ToValidUTF8(string(body[:min(len(body), enough+longSecret)]), "\uFFFD")
	return Truncate(c.redact(text), enough) // in this order, or a part of a secret could be left at the end
}

// Truncate returns text, cut to about n bytes between two runes if it is longer.
func Truncate(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + "…"
}

// cleanError strips URLs, as the function does, and redacts the secrets that this call sent: errors of net/http can
// quote the server.
func (c *Call) cleanError(err error) error {
	err = cleanError(err)
	if text := err.Error(); c.redact(text) == text {
		return err
	}
	failed, ok := err.(*url.Error) //nolint:errorlint // what wraps one has a text of its own
	if !ok {
		return &redactedError{c.redact(err.Error()), err}
	}
	cause := &redactedError{c.redact(failed.Err.Error()), failed.Err}
	return &url.Error{Op: failed.Op, URL: c.redact(failed.URL), Err: cause}
}

// A redactedError is an error with another text. It does not unwrap to the one that has the secrets.
type redactedError struct {
	text string
	err  error
}

func (e *redactedError) Error() string        { return e.text }
func (e *redactedError) Is(target error) bool { return errors.Is(e.err, target) }
func (e *redactedError) Timeout() bool        { return isTimeout(e.err) }

// cleanError returns err without what the URL of a *[url.Error] may hold of secrets: after a redirect it is that of a
// login page, complete with its tokens.
func cleanError(err error) error {
	inner := asURLError(err)
	if inner == nil {
		return err
	}
	if failed, ok := err.(*url.Error); !ok || failed != inner { //nolint:errorlint // what wraps one has a text of its own
		return &redactedError{strings.ReplaceAll(err.Error(), inner.URL, cleanURL(inner.URL)), err}
	}
	cause := cleanError(inner.Err)
	if strings.HasPrefix(cause.Error(), "failed to parse Location header") { // which it quotes, complete with tokens
		cause = errors.New("the server redirects to something that is not a URL")
	}
	return &url.Error{Op: inner.Op, URL: cleanURL(inner.URL), Err: cause}
}

// cleanURL returns a URL without user info, query and fragment.
func cleanURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "(unreadable URL)"
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, "", false, "", ""
	return u.String()
}

// secrets returns what the last request carried that nobody else may see, as it is and as it looks when it is quoted.
// Short values are left out: they would blank out parts of ordinary words.
func (c *Call) secrets() []string {
	const short = 4
	var all []string
	keep := func(secret string) {
		if len(secret) > short {
			all = append(all, secret, strings.Trim(strconv.Quote(secret), `"`), url.QueryEscape(secret), html.EscapeString(secret))
		}
	}
	sent := http.Request{Header: c.sent}
	if username, password, ok := sent.BasicAuth(); ok {
		keep(username + ":" + password)
		keep(password)
	}
	_, credentials, _ := strings.Cut(c.sent.Get("Authorization"), " ")
	keep(credentials)
	for name, values := range c.sent {
		switch name {
		case "Accept", "Content-Type", "User-Agent", "X-Mlflow-Workspace":
			continue
		}
		for _, value := range values {
			keep(value)
		}
	}
	slices.SortFunc(all, func(a, b string) int {
		// A secret that another one holds goes after it, or the rest of the other one would be left.
		return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b))
	})
	return slices.Compact(all)
}
