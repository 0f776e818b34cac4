package wire

// Empty is an object without members, which is how servers say that all went well.
type Empty struct{}

// ReadJSON reads {} and nothing else; see [Reader.Object].
func (*Empty) ReadJSON(r *Reader) {
	for range r.Object(nil) { // yields nothing
	}
}
