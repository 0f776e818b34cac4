package batcher

import (
	"cmp"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/mlflow-go/mlflow/internal/spool"
)

// logDelay is how long entries of the log are collected in memory. A process that is killed loses what was handed over in
// that time, and so does a machine that loses power, if its disk keeps what it says it has. What was sent in that time is
// sent again.
const logDelay = 500 * time.Millisecond

// maxKeptBuffer limits the memory, in bytes, that is kept for the next entries.
const maxKeptBuffer = 8 << 20

// A log keeps the items of a batcher in a spool. Nil keeps nothing. Its fields are guarded by the batcher's lock, but for
// the spool, which writing guards.
type log struct {
	unusable error // why the folder cannot be used

	pending []byte // entries to write
	timer   *time.Timer
	waiting bool // for the timer
	broken  bool // the spool lacks entries, and must be written anew
	keep    bool // what is left is for the next batcher
	closed  bool
	err     error

	writing sync.Mutex
	spool   *spool.Spool
}

// openLog takes the folder, and queues what was left in it.
func (b *Batcher) openLog() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.log = &log{}
	if err := b.restoreSpool(); err != nil {
		b.log.unusable = fmt.Errorf("mlflow: the spool cannot be used: %w", err)
		b.counts.Queued = 0
		clear(b.runs)
		return
	}
	if b.counts.Queued > 0 {
		b.startScheduling()
	}
	b.log.timer = time.AfterFunc(math.MaxInt64, b.writeLog)
}

func (b *Batcher) restoreSpool() error {
	s, left, unread, err := spool.Open(b.config.SpoolDir, b.start)
	if err != nil {
		return err
	}
	if unread > 0 {
		b.config.Logger.Warn("mlflow spool ends early", slog.Int("ignored_bytes", unread), slog.Int("items", len(left)))
	}
	b.log.spool = s
	for i := range left {
		b.lastNumber++
		left[i].Number = b.lastNumber
		b.restore(left[i].RunID, left[i].Item)
	}
	if err := s.Rewrite(b.queuedEntries()); err != nil {
		s.Close()
		return err
	}
	return nil
}

// add notes an item that was handed over.
func (l *log) add(runID string, it *Item) {
	if l == nil {
		return
	}
	l.pending = l.spool.AppendItem(l.pending, runID, it)
	l.writeLater()
}

// remove notes that the items of a run with these numbers, and those between, are done.
func (l *log) remove(runID string, first, last uint64) {
	if l == nil {
		return
	}
	l.pending = l.spool.AppendDone(l.pending, runID, first, last)
	l.writeLater()
}

// writeLater makes the timer write what is pending.
func (l *log) writeLater() {
	if l.waiting || l.closed {
		return
	}
	l.waiting = true
	l.timer.Reset(logDelay)
}

// takeError returns what went wrong since it was last called.
func (l *log) takeError() error {
	if l == nil {
		return nil
	}
	err := cmp.Or(l.unusable, l.err)
	l.err = nil
	return err
}

// queuedEntries returns the entries of all that is queued.
func (b *Batcher) queuedEntries() []byte {
	var entries []byte
	for _, q := range b.runs {
		for _, items := range [][]Item{q.inFlight, q.waiting()} {
			for i := range items {
				entries = b.log.spool.AppendItem(entries, q.runID, &items[i])
			}
		}
	}
	return entries
}

// writeLog writes what is pending, or the log anew.
func (b *Batcher) writeLog() {
	l := b.log
	l.writing.Lock()
	defer l.writing.Unlock()
	entries, write := b.takePending()
	if write == nil {
		return
	}
	err := write(entries)
	b.mu.Lock()
	defer b.mu.Unlock()
	if l.pending == nil && cap(entries) < maxKeptBuffer {
		l.pending = entries[:0]
	}
	l.broken = err != nil
	if err != nil {
		l.err = fmt.Errorf("mlflow: the spool was not written: %w", err)
		l.writeLater()
	}
}

// takePending returns what is to be written, and how; nil once the log is closed.
func (b *Batcher) takePending() (entries []byte, write func([]byte) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.log
	l.waiting = false
	if l.closed {
		return nil, nil
	}
	entries, l.pending = l.pending, nil
	switch {
	case l.keep:
	case l.broken || l.spool.IsOutgrown(len(entries)):
		return b.queuedEntries(), l.spool.Rewrite
	case b.counts.Queued == 0:
		return nil, func([]byte) error { return l.spool.Clear() }
	}
	return entries, l.spool.Append
}

// closeLog writes what is left, and gives the folder back.
func (b *Batcher) closeLog() {
	l := b.log
	if l == nil || l.unusable != nil {
		return
	}
	b.writeLog()
	l.writing.Lock()
	defer l.writing.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	l.timer.Stop()
	if !l.closed {
		l.closed = true
		l.spool.Close()
	}
}
