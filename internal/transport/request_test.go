package transport_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/transport"
)

// A body that cannot be had again is sent once, whole, or not at all.
func TestRequestBodyThatCannotBeRewoundIsSentOnce(t *testing.T) {
	t.Parallel()
	for _, r := range []response{{status: 503}, {status: 429}, {status: 401}, {err: refused()}} {
		f := &fake{respond: inTurn(r)}
		request := newRequest(t, http.MethodPost, "http://mlflow.test/a", "{}")
		request.GetBody = nil
		token := 0
		call := transport.New(transport.Config{
			HTTPClient: client(f), Retry: quick,
			Authorization: func(context.Context) (string, error) { token++; return fmt.Sprint("Bearer ", token), nil },
		}).NewCall(transport.Operation{Safety: transport.MayRunTwice})
		_, _ = call.Do(request)
		require.Len(t, f.visits, 1)
		assert.Equal(t, "{}", f.visits[0].body)
	}
}

func TestRequestBodyIsAlwaysClosed(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]transport.Config{
		"sent":     {HTTPClient: client(&fake{})},
		"not sent": {Edit: func(context.Context, *http.Request) error { return io.EOF }},
	} {
		var open atomic.Int64
		open.Add(1)
		request := newRequest(t, http.MethodPost, "http://mlflow.test/a", "{}")
		request.Body = countedBody{strings.NewReader("{}"), &open}
		_, _ = transport.New(config).Do(request)
		assert.Zero(t, open.Load(), "%s: bodies left open", name)
	}
}

// A request editor may change what it finds in place.
func TestRequestHeadersAreCopied(t *testing.T) {
	t.Parallel()
	f := &fake{}
	configured := http.Header{"X-Team": {"vision"}}
	c := transport.New(transport.Config{
		HTTPClient: client(f),
		Header:     func() http.Header { return configured },
		Edit: func(_ context.Context, r *http.Request) error {
			r.Header["X-Team"][0] += "!"
			return nil
		},
	})
	for range 3 {
		get(t, c, "http://mlflow.test/a")
	}
	for _, v := range f.visits {
		assert.Equal(t, "vision!", v.header.Get("X-Team"))
	}
}
