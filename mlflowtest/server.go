package mlflowtest

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
)

// A Server is an MLflow server that listens on a port of the loopback interface.
type Server struct {
	URL string // http://127.0.0.1 and the port, for [mlflow.WithTrackingURI]

	http *http.Server
	done chan struct{} // closed when the server no longer listens
}

// NewServer starts a server on a free port. It panics if there is none. Close it when done.
func NewServer(opts ...Option) *Server {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		panic("mlflowtest: cannot listen: " + err.Error())
	}
	s := &Server{
		URL:  "http://" + listener.Addr().String(),
		http: &http.Server{Handler: NewHandler(opts...), ErrorLog: log.New(io.Discard, "", 0)},
		done: make(chan struct{}),
	}
	go func() {
		defer close(s.done)
		_ = s.http.Serve(listener) // until Close
	}()
	return s
}

// Close stops the server and closes its connections. Requests that are being served lose theirs. Close may be called
// again.
func (s *Server) Close() {
	_ = s.http.Close()
	<-s.done
}
