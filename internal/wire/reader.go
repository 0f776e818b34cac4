package wire

import (
	"fmt"
	"strconv"
)

// A Reader reads the JSON of a response in one pass. It accepts less than encoding/json does: names count only as they
// are spelled, none may occur twice, null is no element of a list, and text is UTF-8 without halves of surrogate pairs,
// also in what is skipped. What is skipped costs no memory, and an element of a list costs some only once it was read.
//
// The first error stays: every method that is called after it does nothing, and returns a zero value.
type Reader struct {
	data  []byte
	pos   int
	depth int
	path  []step  // to the value that is being read
	steps [8]step // memory for the path
	texts texts
	// lengths are those of the lists that were read last, by the member that they are the value of.
	lengths map[*Member]int
	err     error
}

// A step leads from an object to a member, or from a list to an element.
type step struct {
	known Object // nil for an element
	index int    // of the member in known, -1 for one that is not there; or of the element
}

// member returns the member of an object that a step leads to, or nil.
func (s step) member() *Member {
	if s.known == nil || s.index < 0 {
		return nil
	}
	return &s.known[s.index]
}

// maxDepth limits how deep objects and lists may be nested, even in what is skipped. MLflow's own are less than ten.
const maxDepth = 1000

// smallResponse is the size, in bytes, up to which little recurs in a response, so that nothing is kept to be used again.
const smallResponse = 4 << 10

// A Value reads itself from JSON.
type Value interface {
	ReadJSON(r *Reader)
}

// Read reads data into v. It must hold one JSON value, and nothing after it.
func Read(data []byte, v Value) error {
	r := Reader{data: data}
	r.path = r.steps[:0]
	if len(data) > smallResponse {
		r.texts.recent = new([256]string)
	}
	if r.peek() == 0 && r.pos == len(data) {
		r.fail("is empty")
	}
	v.ReadJSON(&r)
	if r.peek(); r.pos < len(r.data) {
		r.failHere()
	}
	return r.err
}

// peek returns the first byte of what comes next, and 0 at the end.
func (r *Reader) peek() byte {
	for ; r.pos < len(r.data); r.pos++ {
		switch c := r.data[r.pos]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// fail reports what is wrong with the value that is being read, in words that continue its path. It ends the data, so
// that whoever reads on finds nothing.
func (r *Reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%s "+format, append([]any{r.where()}, args...)...)
	}
	r.data, r.pos = nil, 0
}

// failHere reports that what comes next is not JSON, or that nothing does.
func (r *Reader) failHere() {
	if r.err == nil && r.pos >= len(r.data) {
		r.err = fmt.Errorf("the response is cut off after %d bytes", len(r.data))
	}
	if r.err == nil {
		r.err = fmt.Errorf("the response is not JSON from byte %d on", r.pos)
	}
	r.data, r.pos = nil, 0
}

// failAsNo reports that what comes next is not the kind of value that was expected.
func (r *Reader) failAsNo(kind string) {
	switch c := r.peek(); {
	case c == '"', c == '{', c == '[', c == '-', isDigit(c), c == 't', c == 'f', c == 'n':
		r.fail("is not %s", kind)
	default:
		r.failHere()
	}
}

// where returns the path of the value that is being read, without text of the server's.
func (r *Reader) where() string {
	var path []byte
	for _, s := range r.path {
		if s.known == nil {
			path = append(path, '[')
			path = strconv.AppendInt(path, int64(s.index), 10)
			path = append(path, ']')
			continue
		}
		if len(path) > 0 {
			path = append(path, '.')
		}
		if member := s.member(); member != nil {
			path = append(path, member.Name...)
		} else {
			path = append(path, other)
		}
	}
	if len(path) == 0 {
		return "the response"
	}
	return string(path)
}
