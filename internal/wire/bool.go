package wire

// Bool is true or false.
type Bool bool

// ReadJSON reads one of JSON's two words.
func (b *Bool) ReadJSON(r *Reader) {
	switch r.peek() {
	case 't':
		r.literal("true")
		*b = true
	case 'f':
		r.literal("false")
		*b = false
	default:
		r.failAsNo("true or false")
	}
}
