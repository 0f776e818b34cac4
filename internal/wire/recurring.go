package wire

import (
	"encoding/binary"
	"strings"
)

const (
	// shortText is the length, in bytes, up to which a text is looked for among the recent ones, and shares its memory with
	// others: that of most keys, IDs and values.
	shortText = 64
	// slabSize is the size of the memory that short texts share. A text that is kept keeps as much alive.
	slabSize = 4 << 10
)

// texts makes strings of the texts of one response. Those that recur, such as the keys of metrics, are made once; short
// ones share memory, as a string for each would cost more than its bytes.
type texts struct {
	recent *[256]string // by hash; nil for a small response, in which little recurs
	slab   strings.Builder
}

// keep returns a string with a copy of the text.
func (t *texts) keep(text []byte) string {
	if len(text) > shortText || t.recent == nil {
		return string(text)
	}
	slot := &t.recent[hash(text)]
	if *slot != string(text) {
		*slot = t.copied(text)
	}
	return *slot
}

// copied copies a text into the slab, and begins another one if that is full.
func (t *texts) copied(text []byte) string {
	start := t.slab.Len()
	if start+len(text) > t.slab.Cap() {
		t.slab, start = strings.Builder{}, 0
		t.slab.Grow(slabSize)
	}
	t.slab.Write(text)
	return t.slab.String()[start:]
}

// hash returns a number for a text that is the same for the same text, and most often another one for another.
func hash(text []byte) uint8 {
	h := uint64(len(text))
	for ; len(text) >= 8; text = text[8:] {
		h = (h ^ binary.LittleEndian.Uint64(text)) * multiplier
	}
	for _, c := range text {
		h = (h ^ uint64(c)) * multiplier
	}
	return uint8(h >> 56)
}

// multiplier is odd, with bits all over.
const multiplier = 0x9E3779B97F4A7C15
