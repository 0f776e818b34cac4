package transport_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/mlflow-go/mlflow/internal/transport"
)

// A fake is every server there is, whatever its name: it responds to each request as it is told, and remembers it.
type fake struct {
	// respond returns the response to request number n, counted from 1. Nil responds with an empty object.
	respond func(n int, v visit) response

	mu     sync.Mutex
	visits []visit
	unread int // bodies of responses that were not closed
}

// A visit is a request as a server sees it.
type visit struct {
	method, uri, path, host, body string
	length                        int64
	header                        http.Header
	time                          time.Time
}

type response struct {
	status int
	body   string
	header map[string]string
	err    error
	takes  time.Duration
}

// inTurn responds to each request with the next of the responses, and with the last of them from then on.
func inTurn(responses ...response) func(int, visit) response {
	return func(n int, _ visit) response { return responses[min(n, len(responses))-1] }
}

// A redirect is a response that leads elsewhere.
type redirect struct {
	status   int
	location string
}

// leading responds with the redirects, by URL, and all other pages are an end.
func leading(redirects map[string]redirect) func(int, visit) response {
	return func(_ int, v visit) response {
		if to, ok := redirects[v.uri]; ok {
			return response{status: to.status, body: "moved", header: map[string]string{"Location": to.location}}
		}
		return response{status: 200, body: "the end"}
	}
}

func (f *fake) RoundTrip(request *http.Request) (*http.Response, error) {
	v := visit{
		method: request.Method,
		uri:    request.URL.String(),
		path:   request.URL.Path,
		host:   request.URL.Host,
		length: request.ContentLength,
		header: request.Header.Clone(),
		time:   time.Now(),
	}
	if request.Host != "" {
		v.host = request.Host
	}
	if request.Body != nil {
		defer request.Body.Close()
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return nil, err
		}
		v.body = string(body)
	}
	f.mu.Lock()
	f.visits = append(f.visits, v)
	n := len(f.visits)
	f.mu.Unlock()

	r := response{status: 200, body: "{}"}
	if f.respond != nil {
		r = f.respond(n, v)
	}
	if r.takes > 0 {
		select {
		case <-time.After(r.takes):
		case <-request.Context().Done():
			return nil, request.Context().Err()
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	header := make(http.Header)
	for name, value := range r.header {
		header.Set(name, value)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unread++
	return &http.Response{StatusCode: r.status, Header: header, Body: &closing{strings.NewReader(r.body), f}, Request: request}, nil
}

type closing struct {
	io.Reader
	fake *fake
}

func (c *closing) Close() error {
	c.fake.mu.Lock()
	defer c.fake.mu.Unlock()
	c.fake.unread--
	return nil
}

func (f *fake) uris() []string {
	uris := make([]string, len(f.visits))
	for i, v := range f.visits {
		uris[i] = v.uri
	}
	return uris
}

// wait returns the time between two requests.
func (f *fake) wait(retry int) time.Duration { return f.visits[retry].time.Sub(f.visits[retry-1].time) }

// attempt makes a call in a bubble with the given responses.
func attempt(
	t *testing.T, config transport.Config, op transport.Operation, responses []response,
	check func(*testing.T, *fake, transport.Outcome),
) {
	t.Helper()
	attemptCall(t, config, op, func(*transport.Call) {}, responses, check)
}

// attemptCall is attempt for a call that is prepared before.
func attemptCall(
	t *testing.T, config transport.Config, op transport.Operation, prepare func(*transport.Call), responses []response,
	check func(*testing.T, *fake, transport.Outcome),
) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &fake{respond: inTurn(responses...)}
		config.HTTPClient = client(f)
		call := transport.New(config).NewCall(op)
		prepare(call)
		_, _ = call.Do(newRequest(t, http.MethodPost, "http://mlflow.test/api/2.0/x", `{"a":1}`))
		check(t, f, call.Outcome())
		assert.Zero(t, f.unread, "bodies that were not closed")
		assert.Equal(t, len(f.visits), call.Outcome().Attempts, "Attempts")
		for _, v := range f.visits {
			assert.Equal(t, `{"a":1}`, v.body, "bodies are sent again byte for byte")
		}
	})
}
