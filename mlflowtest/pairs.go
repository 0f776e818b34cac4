package mlflowtest

import "slices"

// pairs maps keys to values, and keeps the order in which keys were added, as SQLite does.
type pairs[T any] struct {
	keys   []string
	values map[string]T
}

func newPairs[T any]() pairs[T] { return pairs[T]{values: map[string]T{}} }

func (p *pairs[T]) get(key string) (value T, ok bool) {
	value, ok = p.values[key]
	return value, ok
}

func (p *pairs[T]) set(key string, value T) {
	if _, ok := p.values[key]; !ok {
		p.keys = append(p.keys, key)
	}
	p.values[key] = value
}

// remove removes a key, and reports whether it was there.
func (p *pairs[T]) remove(key string) bool {
	at := slices.Index(p.keys, key)
	if at < 0 {
		return false
	}
	p.keys = slices.Delete(p.keys, at, at+1)
	delete(p.values, key)
	return true
}
