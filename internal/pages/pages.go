// Package pages iterates over the pages of a search.
package pages

import (
	"context"
	"iter"

	"github.com/mlflow-go/mlflow/internal/goroutine"
)

// A Fetcher gets the page that a token stands for, and the token of the next one, "" if there is none.
type Fetcher[T any] func(ctx context.Context, token string) (items []T, next string, err error)

// All returns an iterator over the items of all pages, starting with the one that needs no token. While the caller works on
// a page, the next one is fetched. If a token repeats, the iterator yields the error for that, and stops.
func All[T any](ctx context.Context, fetch Fetcher[T], repeatedToken error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		fetching, cancel := context.WithCancel(ctx)
		ahead := fetchAhead(fetching, fetch, "")
		defer func() { // nothing is left running, not even if the caller panics
			cancel()
			<-ahead.call.Ended()
		}()
		var none T
		var tokens cycleDetector
		for token := ""; ; {
			page := ahead.wait()
			if ctx.Err() != nil && page.err == nil { // it had come before
				page.items, page.next, page.err = fetch(ctx, token)
			}
			if page.err != nil {
				yield(none, page.err)
				return
			}
			repeated := page.next != "" && (page.next == token || tokens.seen(page.next))
			token = page.next
			if token != "" && !repeated {
				ahead = fetchAhead(fetching, fetch, token)
			}
			for _, item := range page.items {
				if !yield(item, nil) {
					return
				}
			}
			switch {
			case token == "":
				return
			case repeated: // as MLflow 2.9 does when it is asked for pages of 0 runs
				yield(none, repeatedToken)
				return
			}
		}
	}
}

// A page is what a request for one brought.
type page[T any] struct {
	items []T
	next  string
	err   error
}

// A pageAhead is a page that is being fetched.
type pageAhead[T any] struct {
	call *goroutine.Call
	page page[T]
}

func fetchAhead[T any](ctx context.Context, fetch Fetcher[T], token string) *pageAhead[T] {
	a := new(pageAhead[T])
	a.call = goroutine.Start(func() {
		a.page.items, a.page.next, a.page.err = fetch(ctx, token)
	})
	return a
}

// wait returns the page when it has come.
func (a *pageAhead[T]) wait() page[T] {
	goroutine.Wait(a.call)
	return a.page
}

// A cycleDetector detects repeating page tokens, with Brent's algorithm: it remembers one token, and after twice as many
// pages the next. That takes no memory for each page, and finds a cycle after a few rounds at most.
type cycleDetector struct {
	remembered string
	pages      int // since then
	limit      int
}

// seen reports whether the token is the remembered one.
func (c *cycleDetector) seen(token string) bool {
	if token == c.remembered {
		return true
	}
	if c.pages++; c.pages > c.limit {
		c.remembered, c.pages, c.limit = token, 0, 2*c.limit+1
	}
	return false
}
