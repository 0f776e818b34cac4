// Package redact masks secrets in texts that somebody else wrote, in whatever spelling they stand there: an error page of
// a gateway may quote the headers of the request that it refused.
package redact

import (
	"encoding/base64"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Secrets are texts that nobody else may see.
type Secrets map[string]bool

// Add adds a secret, and how it reads where a server takes bytes for Latin-1, as uvicorn does, or replaces those that are
// not UTF-8.
func (s Secrets) Add(secret string) {
	secret = strings.Trim(secret, " \t") // as net/http does
	if secret == "" {
		return
	}
	s[secret] = true
	if strings.IndexFunc(secret, func(r rune) bool { return r >= utf8.RuneSelf }) < 0 {
		return
	}
	latin1 := make([]rune, len(secret))
	for i := range len(secret) {
		latin1[i] = rune(secret[i])
	}
	s[string(latin1)] = true
	s[string([]rune(secret))] = true
	s[strings.ToValidUTF8(secret, "\uFFFD")] = true
}

// AddHeader adds the values of a header, and what stands in them behind a scheme.
func (s Secrets) AddHeader(name string, values []string) {
	for _, value := range values {
		s.Add(value)
		if name == "Cookie" {
			s.addCookies(value)
			continue
		}
		scheme, credentials, _ := strings.Cut(strings.TrimSpace(value), " ")
		s.Add(credentials)
		if strings.EqualFold(scheme, "Basic") {
			s.addBasic(strings.TrimSpace(credentials))
		}
		if name == "Authorization" || name == "Proxy-Authorization" {
			s.addParameters(credentials)
		}
	}
}

// addBasic adds the user name and password of basic auth.
func (s Secrets) addBasic(encoded string) {
	pair, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return
	}
	if username, password, ok := strings.Cut(string(pair), ":"); ok {
		s.AddPassword(username, password)
	}
}

// AddPassword adds a password, and what it is sent as together with the user name, which is no secret.
func (s Secrets) AddPassword(username, password string) {
	if password == "" {
		return
	}
	pair := username + ":" + password
	s.Add(password)
	s.Add(pair)
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		s.Add(encoding.EncodeToString([]byte(pair)))
	}
}

// addParameters adds the values of credentials such as `Credential=..., Signature=...`.
func (s Secrets) addParameters(credentials string) {
	for part := range strings.FieldsFuncSeq(credentials, func(r rune) bool { return r == ',' || r == ';' || r == ' ' }) {
		if _, value, ok := strings.Cut(part, "="); ok {
			s.Add(strings.Trim(value, `"=`))
		}
	}
}

// addCookies adds the value of each cookie of a header.
func (s Secrets) addCookies(line string) {
	for part := range strings.SplitSeq(line, ";") {
		if _, value, ok := strings.Cut(part, "="); ok {
			s.AddCookie(value)
		}
	}
}

// AddCookie adds the value of a cookie, also as a server reads it that encodes its cookies.
func (s Secrets) AddCookie(value string) {
	value = strings.Trim(value, ` "`)
	s.Add(value)
	if decoded, err := url.QueryUnescape(value); err == nil {
		s.Add(decoded)
	}
}
