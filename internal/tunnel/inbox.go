package tunnel

import (
	"encoding/binary"
	"fmt"
)

// inbox makes messages of the pieces in which they come. The bytes of DATA are
// passed on while they come, as if each piece were a message.
type inbox struct {
	head  [2 + maxReason]byte // the message, or what stands before the bytes of DATA
	have  int
	size  int    // bytes of the message that have come
	given uint64 // bytes of DATA that have been passed on
}

// take adds a piece. ok is false when no message has come of it. The error wraps
// errMessage. Data of a message is the piece's, which it unmasks.
func (b *inbox) take(p piece) (m message, ok bool, err error) {
	b.size += len(p.payload)
	switch {
	case p.op != opBinary:
		return message{}, false, fmt.Errorf("%w: it is text", errMessage)
	case b.size > maxMessage:
		return message{}, false, fmt.Errorf("%w: it is too long", errMessage)
	}
	body := b.fill(p.appendTo(p.payload[:0]))
	if len(body) > 0 {
		if !b.isData() {
			return message{}, false, fmt.Errorf("%w: it is too long", errMessage)
		}
		m = message{kind: kindData, offset: binary.BigEndian.Uint64(b.head[1:]) + b.given, data: body}
		b.given += uint64(len(body))
		ok = true
	}
	if !p.end {
		return m, ok, nil
	}
	whole, given := b.head[:b.have], b.given
	b.have, b.size, b.given = 0, 0, 0
	if given > 0 {
		return m, ok, nil
	}
	m, err = parseMessage(whole)
	return m, err == nil, err
}

// fill takes into head what belongs there, and gives the rest.
func (b *inbox) fill(p []byte) (rest []byte) {
	if b.have == 0 && len(p) > 0 {
		b.head[0], b.have, p = p[0], 1, p[1:]
	}
	room := b.head[b.have:]
	if b.isData() {
		room = b.head[b.have:dataHeader]
	}
	n := copy(room, p)
	b.have += n
	return p[n:]
}

func (b *inbox) isData() bool { return b.have > 0 && kind(b.head[0]) == kindData }
