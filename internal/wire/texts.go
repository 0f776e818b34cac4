package wire

// Texts is an object whose members are all texts.
type Texts map[string]string

// ReadJSON reads the members. None may occur twice, or be anything but a text.
func (t *Texts) ReadJSON(r *Reader) {
	if !r.enter('{', "a JSON object") {
		return
	}
	*t = make(Texts)
	for more := r.first('}'); more; more = r.next('}') {
		if r.peek() != '"' {
			r.failHere()
			return
		}
		name := r.Text()
		if _, twice := (*t)[name]; twice {
			r.fail("has a member twice")
			return
		}
		if r.peek() != ':' {
			r.failHere()
			return
		}
		r.pos++
		(*t)[name] = r.Text()
	}
	r.depth--
}
