// Package goroutine runs a program's own code, such as its file systems and its http.Client, on goroutines of the library.
// A panic there would end the process, whatever the program does to recover. So it continues where the program can
// recover it: in the goroutine that waits.
package goroutine

import "runtime"

// A Call is a function that runs on a goroutine of its own.
type Call struct {
	done     chan struct{} // closed when the function has ended
	returned bool
	panicked any
}

// Start calls a function on a goroutine of its own.
func Start(f func()) *Call {
	c := &Call{done: make(chan struct{})}
	go func() {
		defer close(c.done)
		defer func() { c.panicked = recover() }()
		f()
		c.returned = true
	}()
	return c
}

// Ended returns a channel that is closed when the function has ended, however it did.
func (c *Call) Ended() <-chan struct{} { return c.done }

// Wait waits for calls to end. Then, if one of the functions has panicked, so does Wait; and if one has called
// [runtime.Goexit], as a test's FailNow does, so does Wait.
func Wait(calls ...*Call) {
	for _, c := range calls {
		<-c.done
	}
	for _, c := range calls {
		switch {
		case c.panicked != nil:
			panic(c.panicked)
		case !c.returned:
			runtime.Goexit()
		}
	}
}
