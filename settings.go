package mlflow

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-go/mlflow/internal/transport"
	"github.com/mlflow-go/mlflow/tracking"
)

// settings is what options set. Where they leave something out, the environment may have it.
type settings struct {
	trackingURI string
	basic       *credentials
	token       string
	tokenSource func(context.Context) (string, error)
	headers     map[string]string
	workspace   string
	httpClient  *http.Client
	tls         *tls.Config
	timeout     *time.Duration
	retry       *RetryPolicy
	edit        func(context.Context, *http.Request) error
	logger      *slog.Logger
	userAgent   string
	batchLimits tracking.BatchLimits
}

// credentials are a user name and a password, and where the user name comes from.
type credentials struct{ username, password, source string }

func newSettings(opts []Option) *settings {
	s := &settings{headers: make(map[string]string), userAgent: userAgent}
	for _, option := range opts {
		option(s)
	}
	return s
}

// transport returns what the settings and the environment say together, or all that is wrong with them.
func (s *settings) transport() (transport.Config, error) {
	env, envErr := readEnvironment()
	server, user, uriErr := s.server(env)
	authorization, authErr := s.authorization(user, env)
	workspace, workspaceErr := s.workspaceName(env)
	retry, retryErr := s.retryPolicy(env)
	if err := errors.Join(envErr, uriErr, authErr, workspaceErr, retryErr, s.check()); err != nil {
		return transport.Config{}, err
	}
	timeout := env.timeout
	if s.timeout != nil {
		timeout = *s.timeout
	}
	return transport.Config{
		HTTPClient:      s.httpClient,
		TLS:             cmp.Or(s.tls, env.tls),
		MaxConnsPerHost: env.poolSize,
		RefuseRedirects: env.refuseRedirects,
		Server:          server,
		Workspace:       workspace,
		Authorization:   authorization,
		Header:          s.header(),
		UserAgent:       s.userAgent,
		Edit:            s.edit,
		Timeout:         timeout,
		Retry:           retry,
		Logger:          s.logger,
	}, nil
}

// server returns the tracking URI without user info and without slashes at its end, and its user info apart.
func (s *settings) server(env environment) (*url.URL, *url.Userinfo, error) {
	raw, source := s.trackingURI, "WithTrackingURI"
	if raw == "" {
		raw, source = env.trackingURI, envTrackingURI
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
func (s *settings) authorization(user *url.Userinfo, env environment) (func(context.Context) (string, error), error) {
	basic := s.basic
	if password, ok := user.Password(); ok && basic == nil {
		basic = &credentials{user.Username(), password, "the tracking URI"}
	}
	basic = cmp.Or(basic, env.basic)
	switch {
	case basic != nil && (basic.username == "" || strings.Contains(basic.username, ":")):
		return nil, refused("%s: a user name must not be empty nor hold a colon", basic.source)
	case basic != nil:
		pair := []byte(basic.username + ":" + basic.password)
		return fixed("Basic " + base64.StdEncoding.EncodeToString(pair)), nil
	case s.tokenSource != nil:
		return fromTokenSource(s.tokenSource), nil
	}
	token, source := s.token, "WithToken"
	if token == "" {
		token, source = env.token, envToken
	}
	switch {
	case token == "":
		return nil, nil
	case !validHeaderValue(token):
		return nil, refused("%s: the token %s", source, notInHeader)
	}
	return fixed("Bearer " + token), nil
}

func fixed(value string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return value, nil }
}

func fromTokenSource(source func(context.Context) (string, error)) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		token, err := source(ctx)
		switch {
		case err != nil:
			return "", fmt.Errorf("token source: %w", err)
		case token == "":
			return "", errors.New("token source: the token is empty")
		case !validHeaderValue(token):
			return "", errors.New("token source: the token " + notInHeader)
		}
		return "Bearer " + token, nil
	}
}

// workspaceName returns the workspace of the option, else that of the environment.
func (s *settings) workspaceName(env environment) (string, error) {
	name, source := s.workspace, "WithWorkspace"
	if name == "" {
		name, source = env.workspace, envWorkspace
	}
	switch {
	case !validHeaderValue(name):
		return "", refused("%s: the name %s", source, notInHeader)
	case strings.TrimSpace(name) != name:
		// Servers take a blank name for none, and would write into the workspace "default".
		return "", refused("%s: %q has spaces around it", source, name)
	}
	return name, nil
}

// retryPolicy returns the policy of the option, else that of the environment.
func (s *settings) retryPolicy(env environment) (transport.RetryPolicy, error) {
	policy := env.retry
	if s.retry == nil {
		return policy, nil
	}
	policy.MaxAttempts = cmp.Or(s.retry.MaxAttempts, transport.DefaultRetryPolicy.MaxAttempts)
	policy.MinBackoff = cmp.Or(s.retry.MinBackoff, transport.DefaultRetryPolicy.MinBackoff)
	policy.MaxBackoff = cmp.Or(s.retry.MaxBackoff, max(transport.DefaultRetryPolicy.MaxBackoff, policy.MinBackoff))
	policy.Jitter = 0
	switch {
	case policy.MaxAttempts < 0 || policy.MinBackoff < 0 || policy.MaxBackoff < 0:
		return policy, refused("WithRetry: a field is negative")
	case s.retry.MaxBackoff != 0 && s.retry.MinBackoff > s.retry.MaxBackoff:
		return policy, refused("WithRetry: MinBackoff is more than MaxBackoff")
	}
	return policy, nil
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
		case !validHeaderName(name): // which it does not quote: it may be a value in the wrong place
			errs = append(errs, refused("WithHeaders: a key is not the name of a header, which has letters, digits and hyphens"))
		case !validHeaderValue(s.headers[name]):
			errs = append(errs, refused("WithHeaders: the value of %s %s", name, notInHeader))
		case slices.Contains(transport.ReservedHeaders, name):
			errs = append(errs, refused("WithHeaders: %s is set by the library", name))
		}
	}
	if !validHeaderValue(s.userAgent) {
		errs = append(errs, refused("WithUserAgent: the product %s", notInHeader))
	}
	if s.timeout != nil && *s.timeout < 0 {
		errs = append(errs, refused("WithTimeout: %v is negative", *s.timeout))
	}
	if s.tls != nil && s.httpClient != nil {
		errs = append(errs, refused("WithTLSConfig: set it in the transport of WithHTTPClient's client instead"))
	}
	if l := s.batchLimits; min(l.Metrics, l.Params, l.Tags, l.Items, l.Bytes) < 0 {
		errs = append(errs, refused("WithBatchLimits: a limit is negative"))
	}
	return errors.Join(errs...)
}

func refused(format string, args ...any) error {
	return &Error{Op: "NewClient", Message: fmt.Sprintf(format, args...)}
}

const notInHeader = "holds characters that a header can't carry, perhaps a line's end"

func validHeaderName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		return !letter && !strings.ContainsRune("0123456789!#$%&'*+-.^_`|~", r)
	})
}

func validHeaderValue(value string) bool {
	return !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}
