package artifacts

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/mlflow-go/mlflow/internal/transport"
)

// A source is what an upload sends, from where the reader stood.
type source struct {
	transport.Content
	at io.ReaderAt // for parts that are sent at the same time; nil if there is none. Offsets count from the beginning
}

// newSource returns the content of a reader. One that can seek is read again for a retry, and its length is known.
func newSource(reader io.Reader) (source, error) {
	seeker, ok := reader.(io.Seeker)
	if !ok {
		return onceOnly(reader), nil
	}
	start, err := seeker.Seek(0, io.SeekCurrent)
	if err != nil {
		return onceOnly(reader), nil //nolint:nilerr // a pipe is a file that cannot seek
	}
	end, err := seeker.Seek(0, io.SeekEnd)
	if err != nil {
		return source{}, fmt.Errorf("the length of the content: %w", err)
	}
	if _, err := seeker.Seek(start, io.SeekStart); err != nil {
		return source{}, fmt.Errorf("go back to the beginning of the content: %w", err)
	}
	c := source{Content: transport.Content{
		Size: max(0, end-start),
		Open: func() (io.ReadCloser, error) {
			if _, err := seeker.Seek(start, io.SeekStart); err != nil {
				return nil, fmt.Errorf("go back to the beginning of the content: %w", err)
			}
			return io.NopCloser(reader), nil
		},
	}}
	if at, ok := reader.(io.ReaderAt); ok {
		c.at = io.NewSectionReader(at, start, c.Size)
	}
	return c, nil
}

// onceOnly returns the content of a reader that cannot be read again.
func onceOnly(reader io.Reader) source {
	size := int64(-1)
	switch reader := reader.(type) {
	case *bytes.Buffer:
		size = int64(reader.Len())
	case *io.LimitedReader: // what it reads may be shorter
	}
	return source{Content: transport.Content{
		Size: size, Once: true, Open: func() (io.ReadCloser, error) { return io.NopCloser(reader), nil },
	}}
}

// A progressReporter reports how much of a transfer is done, in one call at a time, and never less than before.
type progressReporter struct {
	report func(done, total int64)
	total  int64

	mu      sync.Mutex
	done    int64 // what is finished
	current map[int]int64
	told    int64
}

// sent returns the function that is called with the progress of one of the transfer's pieces.
func (p *progressReporter) sent(piece int) func(int64) {
	if p.report == nil {
		return nil
	}
	return func(n int64) { p.set(piece, n) }
}

func (p *progressReporter) set(piece int, n int64) {
	if p.report == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n - p.current[piece]
	p.current[piece] = n
	if p.done > p.told {
		p.told = p.done
		p.report(p.told, p.total)
	}
}

func newProgressReporter(report func(done, total int64), total int64) *progressReporter {
	return &progressReporter{report: report, total: total, current: make(map[int]int64)}
}
