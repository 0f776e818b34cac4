package transport

import (
	"errors"
	"net/url"
	"strings"
	"unicode/utf8"
)

// redact returns text without the secrets that were sent, however they are spelled.
func (c *Call) redact(text string) string { return c.redactBeginning(text, maxErrorBody) }

// redactBeginning returns what about n bytes at the start of a text say, without the secrets that were sent. It looks at
// more of the text: a secret that goes on behind the end is one all the same.
func (c *Call) redactBeginning(text string, n int) string {
	if text == "" {
		return ""
	}
	text = text[:min(len(text), n+maxErrorBody)]
	hidden := make([]bool, len(text))
	secrets := c.secrets()
	eachSpelling(text, func(s spelling) {
		for secret := range secrets {
			s.find(secret, func(start, end int) {
				for i := start; i < end; i++ {
					hidden[i] = true
				}
			})
		}
	})
	end := cutAt(text, n)
	if end == len(text) {
		return leaveOut(text, hidden)
	}
	return leaveOut(text[:end], hidden) + "…"
}

// leaveOut returns a text with something else in place of what is hidden.
func leaveOut(text string, hidden []bool) string {
	var left strings.Builder
	for i := range len(text) {
		switch {
		case !hidden[i]:
			left.WriteByte(text[i])
		case i == 0 || !hidden[i-1]:
			left.WriteString("[redacted]")
		}
	}
	return left.String()
}

// beginning returns the start of a response that is not MLflow's, for a person to recognize.
func (c *Call) beginning(body []byte) string {
	const enough, redacted = 256, 4 << 10 // more than enough, as little may be left of it
	text := strings.ToValidUTF8(string(body[:min(len(body), redacted+maxErrorBody)]), "\uFFFD")
	return Truncate(c.redactBeginning(text, redacted), enough)
}

// Truncate returns text, cut to about n bytes between two runes if it is longer.
func Truncate(text string, n int) string {
	end := cutAt(text, n)
	if end == len(text) {
		return text
	}
	return text[:end] + "…"
}

// cutAt returns where to cut a text that is longer than n bytes, and else where it ends.
func cutAt(text string, n int) int {
	if len(text) <= n {
		return len(text)
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return n
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
		return newRedactedError(c.redact(err.Error()), err)
	}
	cause := newRedactedError(c.redact(failed.Err.Error()), failed.Err)
	return &url.Error{Op: failed.Op, URL: c.redact(failed.URL), Err: cause}
}

// A redactedError is an error with another text. It does not unwrap to the one that has the secrets, and keeps it inside
// a function, so that printing one with %#v does not show them either.
type redactedError struct {
	text   string
	hidden func() error
}

func newRedactedError(text string, err error) *redactedError {
	return &redactedError{text, func() error { return err }}
}

func (e *redactedError) Error() string        { return e.text }
func (e *redactedError) Is(target error) bool { return errors.Is(e.hidden(), target) }
func (e *redactedError) Timeout() bool        { return isTimeout(e.hidden()) }

// cleanError returns err without what the URL of a *[url.Error] may hold of secrets: after a redirect it is that of a
// login page, complete with its tokens.
func cleanError(err error) error {
	inner := asURLError(err)
	if inner == nil {
		return err
	}
	if failed, ok := err.(*url.Error); !ok || failed != inner { //nolint:errorlint // what wraps one has a text of its own
		return newRedactedError(strings.ReplaceAll(err.Error(), inner.URL, cleanURL(inner.URL)), err)
	}
	cause := cleanError(inner.Err)
	// Each quotes what cannot be parsed, complete with tokens and passwords.
	switch text := cause.Error(); {
	case strings.HasPrefix(text, "failed to parse Location header"):
		cause = errors.New("the server redirects to something that is not a URL")
	case strings.HasPrefix(text, "invalid proxy address"):
		cause = errors.New("the address of the proxy, perhaps of HTTP_PROXY or HTTPS_PROXY, is not a URL")
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
