package goroutine_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/mlflow-go/mlflow/internal/goroutine"
)

func TestWaitReturnsWhenAllHaveEnded(t *testing.T) {
	t.Parallel()
	ended := make([]bool, 3)
	var calls []*goroutine.Call
	for i := range ended {
		calls = append(calls, goroutine.Start(func() { ended[i] = true }))
	}
	goroutine.Wait(calls...)
	assert.Equal(t, []bool{true, true, true}, ended)
}

func TestWaitPanicsAsTheFunctionDid(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	calls := []*goroutine.Call{
		goroutine.Start(func() { panic("a bug") }),
		goroutine.Start(func() { close(ended) }),
	}
	assert.PanicsWithValue(t, "a bug", func() { goroutine.Wait(calls...) })
	<-ended
}

func TestWaitEndsGoroutineAsTheFunctionDid(t *testing.T) {
	t.Parallel()
	returned, ended := false, make(chan struct{})
	go func() {
		defer close(ended)
		goroutine.Wait(goroutine.Start(runtime.Goexit))
		returned = true
	}()
	<-ended
	assert.False(t, returned)
}
