package config

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/mlflow-go/mlflow/internal/transport"
)

// SetBasicAuth sets a user name and its password, which may be empty.
func (l *Layer) SetBasicAuth(username, password, source string) {
	l.username, l.password = Set(username, source), Set(password, source)
}

// SetToken sets a bearer token, in place of a source of tokens too. An empty token leaves the setting unset.
func (l *Layer) SetToken(token, source string) {
	l.bearer = Value[bearer]{bearer{token: token}, source, token != ""}
}

// SetTokenSource sets a source of bearer tokens, in place of a token too. A nil source leaves the setting unset.
func (l *Layer) SetTokenSource(tokens func(context.Context) (string, error), source string) {
	l.bearer = Value[bearer]{bearer{source: tokens}, source, tokens != nil}
}

// authorization returns a function for the value of the Authorization header, nil for none. Secrets stay inside the
// function. As in Python's client user name and password win over a token of the same layer, and one without the other
// is ignored.
func (l Layer) authorization(p *problems) func(context.Context) (string, error) {
	switch {
	case l.username.set && l.password.set:
		return l.basicAuth(p)
	case l.bearer.v.source != nil:
		return fromTokenSource(l.bearer.v.source)
	case l.bearer.set:
		return l.bearerToken(p)
	}
	return nil
}

// authorizationChanges reports whether the function that authorization returns may return one value after another.
func (l Layer) authorizationChanges() bool {
	return l.bearer.v.source != nil && (!l.username.set || !l.password.set)
}

func (l Layer) basicAuth(p *problems) func(context.Context) (string, error) {
	if l.username.v == "" || strings.Contains(l.username.v, ":") {
		p.add(l.username.source, "a user name must not be empty, and must not hold a colon")
	}
	pair := []byte(l.username.v + ":" + l.password.v)
	return staticHeader("Basic " + base64.StdEncoding.EncodeToString(pair))
}

func (l Layer) bearerToken(p *problems) func(context.Context) (string, error) {
	if reason := whyNoToken(l.bearer.v.token); reason != "" {
		p.add(l.bearer.source, "%s", reason)
	}
	return staticHeader("Bearer " + l.bearer.v.token)
}

// whyNoToken returns why a token cannot be sent as it is; "" if it can.
func whyNoToken(token string) string {
	switch {
	case token == "":
		return "the token is empty"
	case !transport.ValidHeaderValue(token):
		return "the token " + notInHeader
	case strings.TrimSpace(token) != token: // net/http would send another one, without a word
		return "the token has spaces around it"
	}
	return ""
}

func staticHeader(value string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return value, nil }
}

func fromTokenSource(source func(context.Context) (string, error)) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		token, err := source(ctx)
		if err != nil {
			return "", fmt.Errorf("token source: %w", err)
		}
		if reason := whyNoToken(token); reason != "" {
			return "", errors.New("token source: " + reason)
		}
		return "Bearer " + token, nil
	}
}
