package mlflow

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/mlflow-go/mlflow/internal/transport"
	"github.com/mlflow-go/mlflow/tracking"
)

// version is the library's own, as it appears in the User-Agent header and in the changelog.
const version = "0.1.0"

const userAgent = "mlflow-go/" + version

// A Client is the way in to one MLflow server. It is safe for concurrent use; a program needs one for each server.
type Client struct {
	trackingURI string
	tracking    func() *tracking.Client
}

// NewClient returns a client for the server that the options and the environment name. It checks every setting, and
// reports all that are wrong at once, but never talks to the server. Its errors match [ErrInvalidArgument].
func NewClient(opts ...Option) (*Client, error) {
	s := newSettings(opts)
	server, user, uriErr := s.server()
	authorization, authErr := s.authorization(user)
	err := errors.Join(uriErr, authErr, s.check())
	if err != nil {
		return nil, err
	}
	doer := transport.New(transport.Config{
		HTTPClient:    s.httpClient,
		Authorization: authorization,
		Header:        s.header(),
		UserAgent:     s.userAgent,
		Timeout:       s.timeout,
		Logger:        s.logger,
	})
	return &Client{
		trackingURI: server.String(),
		tracking: sync.OnceValue(func() *tracking.Client {
			return tracking.NewClient(server, doer, tracking.Config{
				BatchLimits: s.batchLimits,
				Logger:      s.logger,
			})
		}),
	}, nil
}

// Tracking returns the client for experiment tracking: made on first use, and the same one ever after.
func (c *Client) Tracking() *tracking.Client { return c.tracking() }

// TrackingURI returns the server's address, without user name and password.
func (c *Client) TrackingURI() string { return c.trackingURI }

// String returns the server's address, without user name and password.
func (c *Client) String() string { return "mlflow.Client(" + c.trackingURI + ")" }

// server returns the tracking URI without user info and without slashes at its end, and its user info apart.
func (s *settings) server() (*url.URL, *url.Userinfo, error) {
	raw, source := s.trackingURI, "WithTrackingURI"
	if raw == "" {
		raw, source = os.Getenv(envTrackingURI), envTrackingURI
	}
	refuse := func(why string) (*url.URL, *url.Userinfo, error) {
		return nil, nil, refused("%s: %s", source, why)
	}
	if raw == "" {
		return nil, nil, refused("no tracking URI: use WithTrackingURI or set %s, to http://localhost:5000 for instance", envTrackingURI)
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || strings.TrimSpace(raw) != raw:
		// The parser's own error quotes the URI, complete with its password.
		return refuse("not a valid http:// or https:// URL; special characters in a user name or password must be percent-encoded")
	case u.Scheme == "databricks" || raw == "databricks":
		return refuse("Databricks profiles are not supported: give the workspace's https:// URL and a token")
	case u.Scheme == "file" || u.Scheme == "sqlite" || u.Scheme == "":
		return refuse("a tracking server's http:// or https:// URL is needed: start one with `mlflow server`")
	case u.Scheme != "http" && u.Scheme != "https":
		return refuse("the scheme must be http or https")
	case u.Hostname() == "":
		return refuse("the host is missing")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return refuse("a tracking URI has no query and no fragment")
	}
	user := u.User
	path := strings.TrimRight(u.EscapedPath(), "/")
	u.User, u.RawPath = nil, path
	u.Path, err = url.PathUnescape(path)
	return u, user, err
}

// authorization returns what makes the value of the Authorization header. The secrets stay inside the function.
func (s *settings) authorization(user *url.Userinfo) (func(context.Context) (string, error), error) {
	basic := s.basic
	if password, ok := user.Password(); ok && basic == nil {
		basic = &credentials{user.Username(), password}
	}
	basic = cmp.Or(basic, credentialsFromEnvironment())
	token := cmp.Or(s.token, os.Getenv(envToken))

	var value string
	switch {
	case basic != nil && (basic.username == "" || strings.Contains(basic.username, ":")):
		return nil, refused("a user name must not be empty nor hold a colon")
	case basic != nil:
		value = "Basic " + base64.StdEncoding.EncodeToString([]byte(basic.username+":"+basic.password))
	case token != "":
		value = "Bearer " + token
	}
	if !validHeaderValue(value) {
		return nil, refused("the token holds characters that a header can't carry, perhaps a line's end")
	}
	return func(context.Context) (string, error) { return value, nil }, nil
}

// header returns what makes the headers that options set. Their values stay inside the function.
func (s *settings) header() func() http.Header {
	header := make(http.Header, len(s.headers))
	for name, value := range s.headers {
		header.Set(name, value)
	}
	return func() http.Header { return header }
}

// check reports the settings that are wrong by themselves.
func (s *settings) check() error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s.headers)) {
		switch {
		case !validHeaderName(name):
			errs = append(errs, refused("WithHeaders: %q is not the name of a header", name))
		case !validHeaderValue(s.headers[name]):
			errs = append(errs, refused("WithHeaders: the value of %s holds characters that a header can't carry", name))
		case slices.Contains(transport.OwnHeaders, name):
			errs = append(errs, refused("WithHeaders: %s is set by the library", name))
		}
	}
	if !validHeaderValue(s.userAgent) {
		errs = append(errs, refused("WithUserAgent: the product holds characters that a header can't carry"))
	}
	if s.timeout < 0 {
		errs = append(errs, refused("WithTimeout: %v is negative", s.timeout))
	}
	if l := s.batchLimits; min(l.Metrics, l.Params, l.Tags, l.Items, l.Bytes) < 0 {
		errs = append(errs, refused("WithBatchLimits: a limit is negative"))
	}
	return errors.Join(errs...)
}

func refused(format string, args ...any) error {
	return &Error{Op: "NewClient", Message: fmt.Sprintf(format, args...)}
}

func validHeaderName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		return !letter && !strings.ContainsRune("0123456789!#$%&'*+-.^_`|~", r)
	})
}

func validHeaderValue(value string) bool {
	return !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}
