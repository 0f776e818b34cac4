// Package config makes one configuration of all the places where settings come from. Each place is a [Layer], and a
// higher one wins: options, then the user info of the tracking URI, the environment, the credentials file, and the
// defaults. Credentials of one layer hide all those of the layers below. Every setting is checked once, after the layers
// were merged, and knows where it came from, so that an error can name the place to mend.
package config

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"strings"

	"github.com/mlflow-go/mlflow/internal/transport"
)

// Options are the layer that a program sets, and what no other layer can set.
type Options struct {
	Layer

	HTTPClient *http.Client
	Edit       func(context.Context, *http.Request) error
	Logger     *slog.Logger
	// UserAgent is the whole User-Agent header, of WithUserAgent's product and the library's own.
	UserAgent string

	headers map[string]string
}

// A Host gives access to the environment variables and the home folder.
type Host struct {
	Getenv func(name string) string
	// Home returns the folder of the user, which may hold a credentials file.
	Home func() (string, error)
}

// ThisHost returns the host that the program runs on.
func ThisHost() Host { return Host{Getenv: os.Getenv, Home: os.UserHomeDir} }

// A Config is what all settings come to.
type Config struct {
	Transport transport.Config
	Artifacts Artifacts
}

// Resolve merges the options with the layers below them, and returns the result, or all that is wrong with it.
func Resolve(options Options, host Host) (Config, []error) {
	var p problems
	variables := environment{host.Getenv, &p}
	environment := variables.layer()
	server, userInfo := parseTrackingURI(options.TrackingURI.or(environment.TrackingURI), &p)
	s := options.over(userInfo).over(environment)
	s = s.over(readCredentialsFile(host.Home, s, &p)).over(defaults())

	config := Config{
		Transport: transport.Config{
			HTTPClient:      options.HTTPClient,
			TLS:             s.tls.v,
			MaxConnsPerHost: s.maxConnsPerHost.v,
			RefuseRedirects: !s.followRedirects.v,
			Server:          server,
			Workspace:       s.Workspace.v,
			Authorization:   s.authorization(&p),
			Header:          options.header(),

			AuthorizationChanges: s.authorizationChanges(),
			UserAgent:            options.UserAgent,
			Edit:                 options.Edit,
			Timeout:              s.Timeout.v,
			Retry:                s.retryPolicy(),
			Logger:               options.Logger,
		},
		Artifacts: variables.artifacts(),
	}
	s.checkWorkspace(&p)
	s.checkRetryPolicy(&p)
	options.checkHeaders(&p)
	s.checkTimeout(&p)
	options.checkTLS(&p)
	return config, p
}

func (l Layer) checkWorkspace(p *problems) {
	name := l.Workspace
	switch {
	case !transport.ValidHeaderValue(name.v):
		p.add(name.source, "the name %s", notInHeader)
	case strings.TrimSpace(name.v) != name.v:
		// Servers take a blank name for none, and would write into the workspace "default".
		p.add(name.source, "%q has spaces around it", name.v)
	}
}

func (l Layer) checkTimeout(p *problems) {
	if l.Timeout.v < 0 {
		p.add(l.Timeout.source, "%v is negative", l.Timeout.v)
	}
}

func (o Options) checkTLS(p *problems) {
	if o.tls.set && o.HTTPClient != nil {
		p.add(o.tls.source, "set it in the transport of WithHTTPClient's client instead")
	}
}
