package chaos

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A lossyProxy stands before the server, and does something to some of the requests that create runs.
type lossyProxy struct {
	*httptest.Server
	target *url.URL
	late   sync.WaitGroup

	mu     sync.Mutex
	random *rand.Rand

	passed, lost, delayed, refused atomic.Int64
}

func newLossyProxy(target string, seed uint64) (*lossyProxy, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	p := &lossyProxy{target: u, random: rand.New(rand.NewPCG(seed, 0))}
	through := &httputil.ReverseProxy{
		Rewrite:  func(r *httputil.ProxyRequest) { r.SetURL(u) },
		ErrorLog: log.New(io.Discard, "", 0), // the processes tell of what fails
	}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/runs/create") {
			through.ServeHTTP(w, r)
			return
		}
		p.create(w, r, through)
	}))
	return p, nil
}

func (p *lossyProxy) chance() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.random.IntN(10)
}

// create passes a request on, or loses its response, or gives it up and passes it on later, or refuses it.
func (p *lossyProxy) create(w http.ResponseWriter, r *http.Request, through http.Handler) {
	switch n := p.chance(); {
	case n < 3:
		p.passed.Add(1)
		through.ServeHTTP(w, r)
	case n < 6:
		p.lost.Add(1)
		through.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	case n < 9:
		p.delayed.Add(1)
		body, err := io.ReadAll(r.Body)
		if err == nil {
			p.passLater(r.URL.Path, body)
		}
		panic(http.ErrAbortHandler)
	default:
		p.refused.Add(1)
		http.Error(w, "Service Unavailable", http.StatusServiceUnavailable)
	}
}

// passLater sends a request that its client has given up, up to 6 seconds later.
func (p *lossyProxy) passLater(path string, body []byte) {
	delay := time.Duration(p.chance()) * 600 * time.Millisecond
	p.late.Go(func() {
		<-time.After(delay)
		request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, p.target.String()+path, bytes.NewReader(body))
		if err != nil {
			return
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := p.Client().Do(request)
		if err == nil {
			response.Body.Close()
		}
	})
}

// wait returns when all that was delayed has run.
func (p *lossyProxy) wait() { p.late.Wait() }

func (p *lossyProxy) String() string {
	return fmt.Sprintf("%d passed, %d responses lost, %d run late, %d refused",
		p.passed.Load(), p.lost.Load(), p.delayed.Load(), p.refused.Load())
}
