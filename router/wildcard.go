package router

import "strings"

// wildcard is one label of a host or one segment of a path: literal, or with
// one "*" that stands for at least one byte.
type wildcard struct {
	star           bool
	prefix, suffix string // around the star; without one, prefix is the whole
}

// match reports whether w matches text, and what its star took.
func (w wildcard) match(text string) (capture string, ok bool) {
	if !w.star {
		return "", text == w.prefix
	}
	if len(text) <= len(w.prefix)+len(w.suffix) ||
		!strings.HasPrefix(text, w.prefix) || !strings.HasSuffix(text, w.suffix) {
		return "", false
	}
	return text[len(w.prefix) : len(text)-len(w.suffix)], true
}

// covers reports whether w matches everything that o does.
func (w wildcard) covers(o wildcard) bool {
	if !o.star {
		_, ok := w.match(o.prefix)
		return ok
	}
	return w.star && strings.HasPrefix(o.prefix, w.prefix) && strings.HasSuffix(o.suffix, w.suffix)
}
