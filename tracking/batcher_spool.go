package tracking

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// The folder of a spool has two files: "lock", which a batcher keeps locked, and "items", a log. After its first line the
// log consists of entries: the length of the content and its CRC-32C, four bytes each, and the content. That is an item
// of a run, or the news that items of a run are done. Whatever does not add up, and all that follows, is ignored: it
// is what was being written when the process, or the machine, ended.
//
// Entries are collected in memory and written twice a second, each time with an fsync. So a process that is killed loses
// what was handed over in its last half second, and so does a machine that loses power, if its disk keeps what it says
// it has. What was sent in the last half second is sent again. When the log has grown to twice what was in it
// after the last time, and by 8 MB, it is written anew with what is queued, under another name and then renamed.

const (
	spoolHeader = "mlflow-go spool 1\n"
	spoolDelay  = 500 * time.Millisecond
	spoolSlack  = 8 << 20
	// maxSpoolEntry limits what is taken for the length of an entry. No server takes a value of that size.
	maxSpoolEntry = 1 << 30

	doneEntry = 'd'
)

// errSpoolInUse means that another batcher has the folder.
var errSpoolInUse = errors.New("another batcher uses the folder")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// WithSpool also keeps what is not sent yet in files below a folder, which is created if need be, so that a process that
// is killed loses no more than the last second. The next batcher on that folder sends what is left, in order, before what
// it is given, each point once on SQL stores. The folder belongs to one batcher at a time, and to one server: what is
// in it goes to the server of the batcher's client. It holds run IDs, keys, values and times, and no credentials.
//
// Hand-over does not wait for the disk. The files are written twice a second in the background, and synced. The queue
// limit also limits the spool: its files take about three times what is queued, and 16 MB. What Close could not send
// stays for the next batcher, although it counts as dropped by this one.
//
// If the folder cannot be used (it cannot be written, another process has it, the system has no file locks), nothing is
// taken: each hand-over, Flush and Close return the same error. If it cannot be written later, as when the disk is full,
// logging goes on without it, and the batcher tries again; the next Flush or Close returns the error.
func WithSpool(dir string) BatcherOption {
	return batcherOption(func(s *batcherSettings) { s.spoolDir = dir })
}

// A spool keeps the items of a batcher in a file. Its fields are guarded by the batcher's lock, but for the files,
// which writing guards. Nil keeps nothing.
type spool struct {
	unusable error // why the folder cannot be used
	start    time.Time

	pending []byte // entries to write
	timer   *time.Timer
	waiting bool // for the timer
	broken  bool // the file lacks entries, and must be written anew
	keep    bool // what is left is for the next batcher
	closed  bool
	err     error

	writing  sync.Mutex
	dir      string
	lock     *os.File
	file     *os.File
	size     int // of the file
	lastSize int // when it was last written anew
}

func (s *spool) usable() bool { return s == nil || s.unusable == nil }

// takeError returns what went wrong since it was asked last.
func (s *spool) takeError() error {
	if s == nil {
		return nil
	}
	err := cmp.Or(s.unusable, s.err)
	s.err = nil
	return err
}

// openSpool takes the folder, and queues what was left in it.
func (b *Batcher) openSpool() {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := &spool{dir: b.settings.spoolDir, start: b.start}
	b.spool = s
	left, err := s.open(b.client.logger)
	if err == nil {
		for i := range left {
			b.last++
			left[i].number = b.last
			b.restore(left[i].runID, left[i].item)
		}
		err = s.rewrite(b.snapshot())
	}
	if err != nil {
		s.release()
		s.unusable = fmt.Errorf("mlflow: the spool cannot be used: %w", err)
		b.counts.Queued = 0
		clear(b.runs)
		return
	}
	if b.counts.Queued > 0 {
		b.scheduling = true
		b.running++
		go b.schedule()
	}
	s.timer = time.AfterFunc(math.MaxInt64, b.writeSpool)
}

// A spooledItem is an item and the run that it is of.
type spooledItem struct {
	item

	runID string
}

// open locks the folder, and returns what is left in it, in order.
func (s *spool) open(logger *slog.Logger) ([]spooledItem, error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	var err error
	if s.lock, err = lockFile(filepath.Join(s.dir, "lock")); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(s.path())
	switch {
	case errors.Is(err, fs.ErrNotExist) || len(text) == 0 && err == nil:
		return nil, nil
	case err != nil:
		return nil, err
	case !bytes.HasPrefix(text, []byte(spoolHeader)):
		return nil, fmt.Errorf("%s is not a spool of this release", s.path())
	}
	left, rest := s.read(text[len(spoolHeader):])
	if rest > 0 {
		logger.Warn("mlflow spool ends early", slog.Int("ignored_bytes", rest), slog.Int("items", len(left)))
	}
	return left, nil
}

func (s *spool) path() string { return filepath.Join(s.dir, "items") }

// read returns the items in a log that are not done, and how many bytes at its end are no entries.
func (s *spool) read(text []byte) (left []spooledItem, rest int) {
	byRun := make(map[string][]spooledItem)
	for {
		content, after, ok := nextEntry(text)
		if !ok {
			break
		}
		text = after
		r := entryReader{rest: content}
		kind := r.byte()
		switch itemKind(kind) {
		case metricItem, paramItem, tagItem:
		case doneEntry:
			runID, first, last := r.text(), r.uint(), r.uint()
			byRun[runID] = slices.DeleteFunc(byRun[runID], func(it spooledItem) bool {
				return first <= it.number && it.number <= last
			})
			continue
		default: // of a later release
			continue
		}
		it := spooledItem{item: item{kind: itemKind(kind), number: r.uint()}}
		it.runID = r.text()
		it.at = min(0, time.UnixMilli(r.int()).Sub(s.start))
		it.key = r.text()
		if it.kind == metricItem {
			it.value, it.millis, it.step = math.Float64frombits(r.uint()), r.int(), r.int()
		} else {
			it.text = r.text()
		}
		byRun[it.runID] = append(byRun[it.runID], it)
	}
	for _, items := range byRun {
		left = append(left, items...)
	}
	slices.SortFunc(left, func(a, b spooledItem) int { return cmp.Compare(a.number, b.number) })
	return left, len(text)
}

// nextEntry returns the content of the first entry in a log, and what follows it.
func nextEntry(text []byte) (content, after []byte, ok bool) {
	if len(text) < 8 {
		return nil, nil, false
	}
	length, sum := binary.LittleEndian.Uint32(text), binary.LittleEndian.Uint32(text[4:])
	if length == 0 || length > maxSpoolEntry || int(length) > len(text)-8 {
		return nil, nil, false
	}
	content, after = text[8:8+length], text[8+length:]
	return content, after, crc32.Checksum(content, castagnoli) == sum
}

// An entryReader reads the content of an entry, whose sum was right.
type entryReader struct{ rest []byte }

func (r *entryReader) byte() byte {
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *entryReader) uint() uint64 {
	n, size := binary.Uvarint(r.rest)
	r.rest = r.rest[max(0, size):]
	return n
}

func (r *entryReader) int() int64 {
	n, size := binary.Varint(r.rest)
	r.rest = r.rest[max(0, size):]
	return n
}

func (r *entryReader) text() string {
	length := min(r.uint(), uint64(len(r.rest)))
	text := string(r.rest[:length])
	r.rest = r.rest[length:]
	return text
}

// add notes an item that was handed over.
func (s *spool) add(runID string, it *item) {
	if s == nil {
		return
	}
	s.pending = s.appendItem(s.pending, runID, it)
	s.writeLater()
}

// remove notes that the items of a run with these numbers, and those between, are done.
func (s *spool) remove(runID string, first, last uint64) {
	if s == nil {
		return
	}
	from := len(s.pending)
	s.pending = append(s.pending, make([]byte, 8)...)
	s.pending = append(s.pending, doneEntry)
	s.pending = appendText(s.pending, runID)
	s.pending = binary.AppendUvarint(s.pending, first)
	s.pending = binary.AppendUvarint(s.pending, last)
	seal(s.pending[from:])
	s.writeLater()
}

func (s *spool) appendItem(to []byte, runID string, it *item) []byte {
	from := len(to)
	to = append(to, make([]byte, 8)...)
	to = append(to, byte(it.kind))
	to = binary.AppendUvarint(to, it.number)
	to = appendText(to, runID)
	to = binary.AppendVarint(to, s.start.Add(it.at).UnixMilli())
	to = appendText(to, it.key)
	if it.kind == metricItem {
		to = binary.AppendUvarint(to, math.Float64bits(it.value))
		to = binary.AppendVarint(to, it.millis)
		to = binary.AppendVarint(to, it.step)
	} else {
		to = appendText(to, it.text)
	}
	seal(to[from:])
	return to
}

func appendText(to []byte, text string) []byte {
	return append(binary.AppendUvarint(to, uint64(len(text))), text...)
}

// seal fills in the length and the sum of an entry.
func seal(entry []byte) {
	content := entry[8:]
	binary.LittleEndian.PutUint32(entry, uint32(len(content))) //nolint:gosec // maxSpoolEntry is far away
	binary.LittleEndian.PutUint32(entry[4:], crc32.Checksum(content, castagnoli))
}

// writeLater makes the timer write what is pending.
func (s *spool) writeLater() {
	if s.waiting || s.closed {
		return
	}
	s.waiting = true
	s.timer.Reset(spoolDelay)
}

// snapshot returns the log of all that is queued.
func (b *Batcher) snapshot() []byte {
	log := []byte(spoolHeader)
	for _, q := range b.runs {
		for _, items := range [][]item{q.flying, q.waiting()} {
			for i := range items {
				log = b.spool.appendItem(log, q.runID, &items[i])
			}
		}
	}
	return log
}

// writeSpool writes what is pending, or the log anew.
func (b *Batcher) writeSpool() {
	s := b.spool
	s.writing.Lock()
	defer s.writing.Unlock()
	b.mu.Lock()
	s.waiting = false
	if s.closed {
		b.mu.Unlock()
		return
	}
	log := s.pending
	s.pending = nil
	write := s.write
	switch {
	case s.keep:
	case s.broken || s.size+len(log) > 2*s.lastSize+spoolSlack:
		log, write = b.snapshot(), s.rewrite
	case b.counts.Queued == 0:
		log, write = nil, s.empty
	}
	b.mu.Unlock()
	err := write(log)
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.pending == nil && cap(log) < spoolSlack {
		s.pending = log[:0]
	}
	s.broken = err != nil
	if err != nil {
		s.err = fmt.Errorf("mlflow: the spool was not written: %w", err)
		s.writeLater()
	}
}

// write appends entries to the log.
func (s *spool) write(entries []byte) error {
	if _, err := s.file.Write(entries); err != nil {
		return errors.Join(err, s.file.Truncate(int64(s.size)))
	}
	s.size += len(entries)
	return s.file.Sync()
}

// empty takes all entries from the log, as nothing is queued.
func (s *spool) empty([]byte) error {
	if s.size == len(spoolHeader) {
		return nil
	}
	s.size = len(spoolHeader)
	return errors.Join(s.file.Truncate(int64(s.size)), s.file.Sync())
}

// rewrite puts another log in the place of the one there is.
func (s *spool) rewrite(log []byte) error {
	name := s.path() + ".new"
	if err := writeSynced(name, log); err != nil {
		return err
	}
	if s.file != nil {
		_ = s.file.Close() // Windows renames over no open file; what was in it is in the new one
		s.file = nil
	}
	if err := os.Rename(name, s.path()); err != nil {
		return err
	}
	syncDir(s.dir)
	var err error
	s.file, err = os.OpenFile(s.path(), os.O_WRONLY|os.O_APPEND, 0o600)
	s.size, s.lastSize = len(log), len(log)
	return err
}

func writeSynced(name string, content []byte) error {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Sync(), file.Close())
}

// syncDir makes a rename last. Not every system can.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}

// closeSpool writes what is left, and gives the folder back.
func (b *Batcher) closeSpool() {
	s := b.spool
	if s == nil || s.file == nil && s.lock == nil {
		return
	}
	s.timer.Stop()
	b.writeSpool()
	s.writing.Lock()
	defer s.writing.Unlock()
	b.mu.Lock()
	s.closed = true
	b.mu.Unlock()
	s.timer.Stop()
	s.release()
}

// release closes the files, which unlocks the folder.
func (s *spool) release() {
	for _, file := range []*os.File{s.file, s.lock} {
		if file != nil {
			_ = file.Close() // written and synced, or an error is known
		}
	}
	s.file, s.lock = nil, nil
}
