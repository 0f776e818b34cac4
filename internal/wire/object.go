package wire

import (
	"iter"
	"slices"
)

// A Member is a member of an object.
type Member struct {
	Name     string
	Required bool // null and absence are errors; both are the same for a member that is not required
}

// An Object names the members of an object that are read, at most 64 of them. All others are skipped.
type Object []Member

// other stands in paths for the name of a member that is not read, which may be any text of the server's.
const other = '*'

// Object reads an object. It yields the name of each member in turn, for the loop to read its value.
//
// If the object is the response itself and has members, at least one must be known: {"detail": "denied"} is neither an
// empty page of runs, nor the empty object that means success.
func (r *Reader) Object(known Object) iter.Seq[string] {
	return func(yield func(string) bool) { r.object(known, yield) }
}

func (r *Reader) object(known Object, yield func(string) bool) {
	if !r.enter('{', "a JSON object") {
		return
	}
	var seen uint64
	skipped := false
	last := len(r.path)
	r.path = append(r.path, step{known: known})
	for i, more := -1, r.first('}'); more; more = r.next('}') {
		r.path[last].index = -1
		if i = r.member(known, i+1); i < 0 {
			skipped = true
			r.skip()
			continue
		}
		r.path[last].index = i
		if seen&(1<<i) != 0 {
			r.fail("occurs twice")
			return
		}
		seen |= 1 << i
		if r.peek() == 'n' && !known[i].Required {
			r.literal("null")
			continue
		}
		if !yield(known[i].Name) {
			return
		}
	}
	if r.err != nil {
		return
	}
	for i, m := range known {
		if m.Required && seen&(1<<i) == 0 {
			r.path[last].index = i
			r.fail("is missing")
			return
		}
	}
	r.path = r.path[:last]
	if r.depth == 1 && skipped && seen == 0 {
		r.fail("is not the object that was promised")
	}
	r.depth--
}

// member reads the name of a member, and returns its index in known, or -1. Servers send members in the same order
// every time, so that it is most often the next one.
func (r *Reader) member(known Object, next int) int {
	r.peek()
	for range known {
		if next >= len(known) {
			next = 0
		}
		if r.plainMember(known[next].Name) {
			return next
		}
		next++
	}
	if r.peek() != '"' {
		r.failHere()
		return -1
	}
	name := r.text()
	if r.peek() != ':' {
		r.failHere()
		return -1
	}
	r.pos++
	return slices.IndexFunc(known, func(m Member) bool { return m.Name == string(name) })
}

// plainMember reads a name and the colon behind it if the name is the given one, spelled without escapes and white space.
func (r *Reader) plainMember(name string) bool {
	const quotes, colon = 2, 1
	rest := r.data[r.pos:]
	size := len(name) + quotes + colon
	if len(rest) < size || rest[size-1] != ':' || rest[size-2] != '"' || rest[0] != '"' || string(rest[1:size-2]) != name {
		return false
	}
	r.pos += size
	return true
}

// Length returns how long a list is likely to be that is read next: as long as the list was that the same member had
// before. A response with many objects most often has lists of one length.
func (r *Reader) Length() int {
	if r.pos == len(r.data) {
		return 0
	}
	return r.lengths[r.path[len(r.path)-1].member()]
}

// List reads a list. It yields the index of each element in turn, for the loop to read it. No element may be null.
func (r *Reader) List() iter.Seq[int] {
	return func(yield func(int) bool) { r.list(yield) }
}

func (r *Reader) list(yield func(int) bool) {
	if !r.enter('[', "a JSON list") {
		return
	}
	last := len(r.path)
	r.path = append(r.path, step{})
	for more := r.first(']'); more; more = r.next(']') {
		if r.peek() == 'n' {
			r.fail("is null")
			return
		}
		if !yield(r.path[last].index) {
			return
		}
		r.path[last].index++
	}
	if r.err != nil {
		return
	}
	length := r.path[last].index
	r.path = r.path[:last]
	r.depth--
	if len(r.data) > smallResponse {
		r.remember(length)
	}
}

// remember keeps the length of the list that the current member has.
func (r *Reader) remember(length int) {
	if r.lengths == nil {
		r.lengths = make(map[*Member]int)
	}
	r.lengths[r.path[len(r.path)-1].member()] = length
}

// enter reads the bracket that opens an object or a list.
func (r *Reader) enter(bracket byte, kind string) bool {
	if r.peek() != bracket {
		r.failAsNo(kind)
		return false
	}
	if r.depth++; r.depth > maxDepth {
		r.fail("is nested too deeply")
		return false
	}
	r.pos++
	return true
}

// first reports whether anything comes before the closing bracket, which it reads otherwise.
func (r *Reader) first(bracket byte) bool {
	if r.peek() != bracket {
		return r.err == nil
	}
	r.pos++
	return false
}

// next reads the comma before another member or element, or the closing bracket, and returns which it was.
func (r *Reader) next(bracket byte) bool {
	c := r.peek()
	if c != ',' && c != bracket {
		r.failHere()
		return false
	}
	r.pos++
	return c == ','
}

// skip reads a value of any kind.
func (r *Reader) skip() {
	switch c := r.peek(); c {
	case '{':
		r.skipObject()
	case '[':
		r.skipList()
	case '"':
		r.quoted()
	case 't':
		r.literal("true")
	case 'f':
		r.literal("false")
	case 'n':
		r.literal("null")
	default:
		r.number()
	}
}

func (r *Reader) skipObject() {
	if !r.enter('{', "a JSON object") {
		return
	}
	for more := r.first('}'); more; more = r.next('}') {
		r.peek()
		r.quoted()
		if r.peek() != ':' {
			r.failHere()
			return
		}
		r.pos++
		r.skip()
	}
	r.depth--
}

func (r *Reader) skipList() {
	if !r.enter('[', "a JSON list") {
		return
	}
	for more := r.first(']'); more; more = r.next(']') {
		r.skip()
	}
	r.depth--
}

// literal reads one of JSON's words.
func (r *Reader) literal(word string) {
	end := r.pos + len(word)
	if end > len(r.data) || string(r.data[r.pos:end]) != word {
		r.failHere()
		return
	}
	r.pos = end
}
