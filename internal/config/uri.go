package config

import (
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// parseTrackingURI returns the tracking URI without user info and without slashes at its end, and its user info as a
// layer. It returns no URI, and notes why, if that names no server.
func parseTrackingURI(uri Value[string], p *problems) (*url.URL, Layer) {
	if !uri.set {
		p.add("no tracking URI", "use WithTrackingURI or set %s, to http://localhost:5000 for instance", envTrackingURI)
		return nil, Layer{}
	}
	u, err := url.Parse(uri.v)
	if err != nil || strings.TrimSpace(uri.v) != uri.v {
		// The parser's own error quotes the URI, complete with its password.
		p.add(uri.source, "not a valid http:// or https:// URL; special characters in a user name or password must be percent-encoded")
		return nil, Layer{}
	}
	if reason := whyNoServer(u); reason != "" {
		p.add(uri.source, "%s", reason)
		return nil, Layer{}
	}
	layer := userInfoLayer(u.User)
	escaped := u.EscapedPath()
	u.RawPath = strings.TrimRight(escaped, "/")
	u.Path = strings.TrimSuffix(u.Path, escaped[len(u.RawPath):])
	u.User = nil
	return u, layer
}

// whyNoServer returns why a URI names no tracking server; "" if it does.
func whyNoServer(u *url.URL) string {
	switch {
	case u.Scheme == "databricks" || u.String() == "databricks":
		return "Databricks profiles are not supported: give the workspace's https:// URL and a token"
	case u.Scheme == "file" || u.Scheme == "sqlite" || u.Scheme == "":
		return "a tracking server's http:// or https:// URL is needed: start one with `mlflow server`"
	case u.Scheme != "http" && u.Scheme != "https":
		return "the scheme must be http or https"
	case u.Hostname() == "":
		return "the host is missing"
	case strings.ContainsFunc(u.Host, isInvisible):
		return "the host holds an invisible character, perhaps from copying it out of a document"
	case !validPort(u.Port()):
		return "the port must be from 1 to 65535"
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "a tracking URI has no query and no fragment"
	}
	return ""
}

func isInvisible(r rune) bool { return !unicode.IsPrint(r) }

// validPort reports whether port is empty or 1 to 65535.
func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

// userInfoLayer returns the layer of a URI's user info. A user name alone is ignored, as Python's client does.
func userInfoLayer(user *url.Userinfo) Layer {
	var layer Layer
	if password, ok := user.Password(); ok {
		layer.SetBasicAuth(user.Username(), password, "the tracking URI")
	}
	return layer
}
