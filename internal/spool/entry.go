package spool

import (
	"cmp"
	"encoding/binary"
	"hash/crc32"
	"math"
	"slices"
	"time"
)

// A Kind is what an item is.
type Kind byte

// The kinds of items, as they stand in the log.
const (
	Metric Kind = 'm'
	Param  Kind = 'p'
	Tag    Kind = 't'

	done Kind = 'd' // no item: a note that items are done
)

// An Item is what was handed over to a batcher: one metric, param or tag.
type Item struct {
	Kind   Kind
	Number uint64        // counts the items of all runs
	At     time.Duration // when it was handed over
	Key    string
	Text   string  // the value of a param or a tag
	Value  float64 // of a metric, as are Millis and Step
	Millis int64   // the timestamp
	Step   int64
}

// A Stored item is one that was read, and the run that it is of.
type Stored struct {
	Item

	RunID string
}

// maxEntry limits, in bytes, what is taken for the length of an entry. No server takes a value of that size.
const maxEntry = 1 << 30

// frame is the size, in bytes, of the length and the checksum before the content of an entry.
const frame = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// AppendItem appends the entry of an item.
func (s *Spool) AppendItem(to []byte, runID string, it *Item) []byte {
	from := len(to)
	to = append(to, make([]byte, frame)...)
	to = append(to, byte(it.Kind))
	to = binary.AppendUvarint(to, it.Number)
	to = appendText(to, runID)
	to = binary.AppendVarint(to, s.start.Add(it.At).UnixMilli())
	to = appendText(to, it.Key)
	if it.Kind == Metric {
		to = binary.AppendUvarint(to, math.Float64bits(it.Value))
		to = binary.AppendVarint(to, it.Millis)
		to = binary.AppendVarint(to, it.Step)
	} else {
		to = appendText(to, it.Text)
	}
	seal(to[from:])
	return to
}

// AppendDone appends the entry which says that the items of a run with the numbers from first to last are done.
func (s *Spool) AppendDone(to []byte, runID string, first, last uint64) []byte {
	from := len(to)
	to = append(to, make([]byte, frame)...)
	to = append(to, byte(done))
	to = appendText(to, runID)
	to = binary.AppendUvarint(to, first)
	to = binary.AppendUvarint(to, last)
	seal(to[from:])
	return to
}

func appendText(to []byte, text string) []byte {
	return append(binary.AppendUvarint(to, uint64(len(text))), text...)
}

// seal fills in the length and the checksum of an entry.
func seal(entry []byte) {
	content := entry[frame:]
	binary.LittleEndian.PutUint32(entry, uint32(len(content))) //nolint:gosec // maxEntry is far away
	binary.LittleEndian.PutUint32(entry[4:], crc32.Checksum(content, castagnoli))
}

// readLog returns the items in the entries of a log that are not done, and how many bytes at its end are not entries.
func readLog(log []byte, start time.Time) (left []Stored, unread int) {
	byRun := make(map[string][]Stored)
	for {
		content, after, ok := nextEntry(log)
		if !ok {
			break
		}
		log = after
		r := entryReader{rest: content}
		kind := Kind(r.byte())
		switch kind {
		case Metric, Param, Tag:
		case done:
			runID, first, last := r.text(), r.uint(), r.uint()
			byRun[runID] = slices.DeleteFunc(byRun[runID], func(it Stored) bool {
				return first <= it.Number && it.Number <= last
			})
			continue
		default: // of a later release
			continue
		}
		it := Stored{Item: Item{Kind: kind, Number: r.uint()}}
		it.RunID = r.text()
		it.At = min(0, time.UnixMilli(r.int()).Sub(start))
		it.Key = r.text()
		if kind == Metric {
			it.Value, it.Millis, it.Step = math.Float64frombits(r.uint()), r.int(), r.int()
		} else {
			it.Text = r.text()
		}
		byRun[it.RunID] = append(byRun[it.RunID], it)
	}
	for _, items := range byRun {
		left = append(left, items...)
	}
	slices.SortFunc(left, func(a, b Stored) int { return cmp.Compare(a.Number, b.Number) })
	return left, len(log)
}

// nextEntry returns the content of the first entry in a log, and what follows it.
func nextEntry(log []byte) (content, after []byte, ok bool) {
	if len(log) < frame {
		return nil, nil, false
	}
	length, sum := binary.LittleEndian.Uint32(log), binary.LittleEndian.Uint32(log[4:])
	if length == 0 || length > maxEntry || int(length) > len(log)-frame {
		return nil, nil, false
	}
	content, after = log[frame:frame+length], log[frame+length:]
	return content, after, crc32.Checksum(content, castagnoli) == sum
}

// An entryReader reads the content of an entry whose checksum is right.
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
