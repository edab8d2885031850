package guard

import (
	"io"
	"sync"
)

const roomSize = 4 << 10

var rooms = sync.Pool{New: func() any { return new([roomSize]byte) }}

// stash has the bytes that were read from a connection before anybody asked for
// them. It has memory only while there are some.
type stash struct {
	data []byte
	room *[roomSize]byte // data began in it; nil when there is no data
}

func (s *stash) empty() bool { return len(s.data) == 0 }

// add copies p behind what is there.
func (s *stash) add(p []byte) {
	if len(p) == 0 {
		return
	}
	if s.room == nil {
		s.room = rooms.Get().(*[roomSize]byte)
		s.data = s.room[:0]
	}
	s.data = append(s.data, p...)
}

// fill reads more from r, once.
func (s *stash) fill(r io.Reader) error {
	if s.room == nil {
		s.room = rooms.Get().(*[roomSize]byte)
		s.data = s.room[:0]
	}
	if len(s.data) == cap(s.data) {
		s.data = append(s.data, 0)[:len(s.data)]
	}
	n, err := r.Read(s.data[len(s.data):cap(s.data)])
	s.data = s.data[:len(s.data)+n]
	if s.empty() {
		s.drop(0)
	}
	return err
}

// take moves as much as fits into p.
func (s *stash) take(p []byte) int {
	n := copy(p, s.data)
	s.drop(n)
	return n
}

// drop lets go of the first n bytes.
func (s *stash) drop(n int) {
	if s.data = s.data[n:]; len(s.data) == 0 && s.room != nil {
		rooms.Put(s.room)
		s.room, s.data = nil, nil
	}
}
