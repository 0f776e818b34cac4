package artifacts

import (
	"context"
	"sync"

	"github.com/mlflow-go/mlflow/internal/failure"
	"github.com/mlflow-go/mlflow/internal/goroutine"
)

// inParallel calls do for 0 to n-1, in so many goroutines, until one fails. It returns the first error, once all have
// ended. If do panics, so does inParallel, once all have ended.
func inParallel(ctx context.Context, method string, goroutines, n int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		once  sync.Once
		first error
		next  = make(chan int)
		calls []*goroutine.Call
	)
	stop := func(err error) {
		once.Do(func() { first = err })
		cancel()
	}
	for range min(goroutines, n) {
		calls = append(calls, goroutine.Start(func() {
			ended := false
			defer func() {
				if !ended { // do has panicked: there may be nobody left to take the next one
					cancel()
				}
			}()
			for i := range next {
				if err := do(ctx, i); err != nil {
					stop(err)
				}
			}
			ended = true
		}))
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	goroutine.Wait(calls...)
	if err := ctx.Err(); first == nil && err != nil {
		return failure.Canceled(method, err)
	}
	return first
}
