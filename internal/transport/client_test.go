package transport_test

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/transport"
)

func TestDefaultTransportOpensAtMost8Connections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		n := newNetwork(t, func(w http.ResponseWriter, _ *http.Request) {
			<-release
			io.WriteString(w, "{}")
		})
		client := transport.New(transport.Config{})
		client.HTTPTransport().DialContext = n.dial

		request := newRequest(t, http.MethodGet, "http://mlflow.test/", "")
		answers := make(chan error)
		for range 20 {
			go func() {
				_, err := client.Do(request.Clone(t.Context()))
				answers <- err
			}()
		}
		synctest.Wait()
		opened, _ := n.connections()
		assert.Equal(t, 8, opened, "connections while 20 requests wait")

		close(release)
		for range 20 {
			require.NoError(t, <-answers)
		}
		opened, open := n.connections()
		assert.Equal(t, 8, opened, "connections in all")
		assert.Equal(t, 8, open, "connections kept")
		client.HTTPTransport().CloseIdleConnections()
	})
}

func TestDefaultTransportClosesIdleConnectionsAfter4Seconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "{}") })
		client := transport.New(transport.Config{})
		client.HTTPTransport().DialContext = n.dial
		get(t, client, "http://mlflow.test/")

		time.Sleep(3900 * time.Millisecond)
		synctest.Wait()
		_, open := n.connections()
		assert.Equal(t, 1, open, "connections open after 3.9 s")
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		_, open = n.connections()
		assert.Zero(t, open, "connections open after 4.1 s")
	})
}

func TestDefaultTransportOpensNoConnectionAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "{}") })
		client := transport.New(transport.Config{})
		client.HTTPTransport().DialContext = n.dial
		for range 3 {
			get(t, client, "http://mlflow.test/")
			synctest.Wait()
		}
		opened, _ := n.connections()
		assert.Equal(t, 1, opened)
		client.HTTPTransport().CloseIdleConnections()
	})
}

func TestDefaultTransportIsOurOwn(t *testing.T) {
	t.Parallel()
	theirs := http.DefaultTransport.(*http.Transport)
	before := theirs.Clone()
	first, second := transport.New(transport.Config{}).HTTPTransport(), transport.New(transport.Config{}).HTTPTransport()
	assert.NotSame(t, theirs, first)
	assert.NotSame(t, first, second)
	assert.NotNil(t, first.Proxy, "the proxies of the environment are used")
	assert.Equal(t, before.IdleConnTimeout, theirs.IdleConnTimeout)
	assert.Equal(t, before.MaxConnsPerHost, theirs.MaxConnsPerHost)
	assert.Equal(t, before.MaxIdleConnsPerHost, theirs.MaxIdleConnsPerHost)
}

// Programs put tracing or mocks in place of net/http's transport. This test does, and can't run beside others.
func TestDefaultTransportOfAnotherType(t *testing.T) {
	theirs := http.DefaultTransport
	t.Cleanup(func() { http.DefaultTransport = theirs })
	http.DefaultTransport = &fake{}

	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "{}") })
		client := transport.New(transport.Config{})
		tr := client.HTTPTransport()
		assert.Equal(t, 4*time.Second, tr.IdleConnTimeout)
		assert.Equal(t, 8, tr.MaxConnsPerHost)
		assert.NotNil(t, tr.Proxy)
		assert.NotNil(t, tr.DialContext, "connecting has a time limit")
		tr.DialContext = n.dial
		status, _ := get(t, client, "http://mlflow.test/")
		assert.Equal(t, 200, status)
		tr.CloseIdleConnections()
	})
}
