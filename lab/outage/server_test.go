package outage

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"
)

// serviceTime is what MLflow takes for a LogMetric, with one worker and SQLite on two cores: docs/speed.md.
const serviceTime = 6 * time.Millisecond

// A server runs one request after the other. While it is away, it refuses connections; those that were open are reset.
type server struct {
	began             time.Time
	leaves, comesBack time.Duration // since it began

	mu       sync.Mutex
	free     time.Duration // when it has run all requests that wait
	lost     int           // requests that were waiting when it left
	arrivals []int         // requests in each second, those refused included
}

func newServer(leaves, away time.Duration) *server {
	return &server{began: time.Now(), leaves: leaves, comesBack: leaves + away}
}

func (s *server) now() time.Duration { return time.Since(s.began) }

// arrive counts a request, and returns when its response comes, or that there is no server.
func (s *server) arrive() (response time.Duration, up bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for second := int(now / time.Second); len(s.arrivals) <= second; {
		s.arrivals = append(s.arrivals, 0)
	}
	s.arrivals[len(s.arrivals)-1]++
	if now >= s.leaves && now < s.comesBack {
		return 0, false
	}
	s.free = max(s.free, now) + serviceTime
	if now < s.leaves && s.free > s.leaves {
		s.free = s.leaves
		s.lost++
	}
	return s.free, true
}

// RoundTrip responds to a request when all that came before have been run.
func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	response, up := s.arrive()
	if !up {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	select {
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case <-time.After(response - s.now()):
	}
	if response == s.leaves {
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	}
	return &http.Response{
		StatusCode: http.StatusOK, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:  http.Header{"Content-Type": {"application/json"}},
		Body:    io.NopCloser(strings.NewReader("{}")),
		Request: r, ContentLength: 2,
	}, nil
}

// busiest returns the most requests that arrived in one second of a span of time.
func (s *server) busiest(from, to time.Duration) int {
	most := 0
	for second, n := range s.arrivals {
		if at := time.Duration(second) * time.Second; at >= from && at < to {
			most = max(most, n)
		}
	}
	return most
}
