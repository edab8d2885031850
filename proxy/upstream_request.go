package proxy

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"httpmaster/router"
)

// field is one field of a header, in all its lines.
type field struct {
	name   string
	values []string
}

// requestHead makes the head of a request to an upstream: first the fields,
// then the bytes. It comes from requestHeads and goes back there, or is made
// anew where the fields are to be kept.
type requestHead struct {
	fields []field
	own    [4]string // X-Forwarded-*, which fields refers to
	bytes  []byte
}

var requestHeads = sync.Pool{New: func() any { return new(requestHead) }}

// release gives h back. Nothing of the request is kept in it.
func (h *requestHead) release() {
	clear(h.fields)
	h.own = [4]string{}
	if cap(h.bytes) > 16<<10 { // one request with a huge head
		h.bytes = nil
	}
	requestHeads.Put(h)
}

// collect sets the fields that go upstream, sorted by name: those of r that go
// from end to end, and X-Forwarded-* completed. Unless keepOdd is set, names
// outside [A-Za-z0-9-] are left out: many applications read X_User as X-User.
func (h *requestHead) collect(r *http.Request, m *router.Match, keepOdd bool) {
	h.fields = h.fields[:0]
	for name, values := range r.Header {
		if len(values) > 0 && !isHopByHop(name) && !isForwarded(name) && (keepOdd || isPlainName(name)) {
			h.fields = append(h.fields, field{name, values})
		}
	}
	if te := r.Header["Te"]; len(te) > 0 && hasToken(te, "trailers") {
		h.fields = append(h.fields, field{"Te", teTrailers}) // gRPC servers insist on it
	}
	h.forwarded(r, m)
	slices.SortFunc(h.fields, func(a, b field) int { return strings.Compare(a.name, b.name) })
}

// add adds a field that is not there yet.
func (h *requestHead) add(name string, values []string) {
	i, _ := slices.BinarySearchFunc(h.fields, name, func(f field, name string) int { return strings.Compare(f.name, name) })
	h.fields = slices.Insert(h.fields, i, field{name, values})
}

var teTrailers = []string{"trailers"}

// header gives the fields as net/http has them.
func (h *requestHead) header() http.Header {
	out := make(http.Header, len(h.fields)+3) // for those of an upgrade, too
	for _, f := range h.fields {
		out[f.name] = f.values
	}
	if _, ok := out["User-Agent"]; !ok {
		out["User-Agent"] = nil // keeps net/http from making one up
	}
	return out
}

// startLine is what a head has before the fields that are passed on.
type startLine struct {
	method, uri, host string

	close    bool
	chunked  bool
	length   int64 // of the body; below 0 for none that is to be told
	trailers []string
}

var errUnsendable = errors.New("the request has a line break, a NUL or a space where it cannot be sent")

// encode makes the bytes, in the order in which net/http has them.
func (h *requestHead) encode(s *startLine) error {
	if strings.ContainsAny(s.method, " \t") || strings.ContainsAny(s.uri, " \t") || strings.ContainsAny(s.host, " \t") {
		return errUnsendable
	}
	b := append(h.bytes[:0], s.method...)
	b = append(append(append(b, ' '), s.uri...), " HTTP/1.1\r\nHost: "...)
	b = append(append(b, s.host...), "\r\n"...)
	lines := 3 // with the empty one
	for _, f := range h.fields {
		if f.name == "User-Agent" {
			b = appendField(b, f.name, f.values[0])
			lines++
		}
	}
	if s.close {
		b = append(b, "Connection: close\r\n"...)
		lines++
	}
	switch {
	case s.chunked:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
		lines++
	case s.length >= 0:
		b = strconv.AppendInt(append(b, "Content-Length: "...), s.length, 10)
		b = append(b, "\r\n"...)
		lines++
	}
	if len(s.trailers) > 0 {
		b = appendField(b, "Trailer", strings.Join(s.trailers, ", "))
		lines++
	}
	for _, f := range h.fields {
		if f.name == "User-Agent" || f.name == "Content-Length" || f.name == "Host" {
			continue
		}
		for _, value := range f.values {
			b = appendField(b, f.name, value)
			lines++
		}
	}
	h.bytes = append(b, "\r\n"...)
	return checkLines(h.bytes, lines)
}

func appendField(b []byte, name, value string) []byte {
	b = append(append(b, name...), ": "...)
	return append(append(b, value...), "\r\n"...)
}

// checkLines finds what would make more lines of head than were written.
func checkLines(head []byte, lines int) error {
	if bytes.Count(head, []byte{'\n'}) != lines || bytes.Count(head, []byte{'\r'}) != lines || bytes.IndexByte(head, 0) >= 0 {
		return errUnsendable
	}
	return nil
}
