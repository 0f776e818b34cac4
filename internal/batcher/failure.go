package batcher

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
)

// A Failure is what could not be logged of a run, and why.
type Failure struct {
	RunID string
	Items []Item
	Err   error
}

// maxFailures limits the failures that Flush and Close return.
const maxFailures = 100

// A failureLog holds failures that were not returned yet.
type failureLog struct {
	first []error
	more  int
}

func (l *failureLog) add(failure error) {
	if len(l.first) == maxFailures {
		l.more++
		return
	}
	l.first = append(l.first, failure)
}

// take returns the failures, and forgets them.
func (l *failureLog) take() error {
	errs := l.first
	if l.more > 0 {
		errs = append(errs, fmt.Errorf("mlflow: %d more failures", l.more))
	}
	*l = failureLog{}
	return errors.Join(errs...)
}

// report calls the failure handler with failures that count as being handled. No lock is held, so the handler may use the
// batcher.
func (b *Batcher) report(failures []Failure) {
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.handling -= len(failures)
		b.noteChange()
	}()
	if b.config.Handle == nil {
		return
	}
	for _, failure := range failures {
		b.handle(failure)
	}
}

// handle calls the failure handler, whose panic must not end the program: it runs on a goroutine that the program cannot
// guard.
func (b *Batcher) handle(failure Failure) {
	defer func() {
		if v := recover(); v != nil {
			_ = b.notePanic("the failure handler", v)
		}
	}()
	b.config.Handle(failure)
}

// errGoroutineEnded stands for a request whose goroutine was ended by code of the program's.
var errGoroutineEnded = errors.New("mlflow: the goroutine of a request was ended by runtime.Goexit")

// notePanic logs a panic of the program's code, and leaves it to the next Flush or Close to return it as an error.
func (b *Batcher) notePanic(where string, value any) error {
	err := fmt.Errorf("mlflow: %s of a batcher panicked: %v", where, value)
	b.config.Logger.Error("mlflow batcher recovered from a panic",
		slog.String("in", where), slog.Any("panic", value), slog.String("stack", string(debug.Stack())))
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures.add(err)
	return err
}
