package tunnel

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// The first byte of a frame: FIN and an opcode (RFC 6455, 5.2).
const (
	final          = 0x80
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xa
)

const (
	// maxHeader is the longest header of a frame: 2 bytes, 8 of length, 4 of mask.
	maxHeader = 14
	// maxControl is the longest payload of a control frame.
	maxControl = 125
	// maxReason is the longest reason in a Close frame.
	maxReason = maxControl - 2
)

// closeCode is what a Close frame says (RFC 6455, 7.4).
type closeCode uint16

const (
	closeNormal      closeCode = 1000
	closeGoingAway   closeCode = 1001
	closeProtocol    closeCode = 1002
	closeUnsupported closeCode = 1003
	closeNoCode      closeCode = 1005 // never sent: there was none
	closeInvalid     closeCode = 1007
	closePolicy      closeCode = 1008
	closeTooBig      closeCode = 1009
	closeExtension   closeCode = 1010
	closeInternal    closeCode = 1011
)

// valid says whether a peer may send c: RFC 6455, 7.4, and 1012 to 1014, which
// were registered later.
func (c closeCode) valid() bool {
	switch {
	case c >= 1000 && c <= 1003, c >= 1007 && c <= 1014:
		return true
	}
	return c >= 3000 && c <= 4999
}

// failure is a breach of the protocol: the WebSocket is closed with its code,
// and nothing that follows is looked at (RFC 6455, 7.1.7).
type failure struct {
	code closeCode
	text string
}

func (f *failure) Error() string { return f.text }

func broken(format string, args ...any) error {
	return &failure{closeProtocol, fmt.Sprintf(format, args...)}
}

// piece is something that a peer has sent: a control frame, or some of the
// payload of a data frame.
type piece struct {
	op      byte   // of the message, also in its later frames
	payload []byte // of a control frame all of it, unmasked; of data as it came
	key     uint32 // what data is masked with; 0 for nothing
	end     bool   // the message ends behind it
}

// appendTo adds the payload to b, unmasked. b must have the room for it, and may
// be in the same array if it ends where the payload begins, or before.
func (p piece) appendTo(b []byte) []byte {
	n := len(b)
	b = b[:n+len(p.payload)]
	mask(b[n:], p.payload, p.key)
	return b
}

// frames takes what a peer sends apart, however it comes in pieces, and sees
// that it keeps to RFC 6455, sections 5 and 7.
type frames struct {
	masked bool   // they must be: they come from a client
	rest   []byte // what is still to be taken apart

	header [maxHeader]byte
	have   int // bytes of header that have come

	open      bool   // within a frame, behind its header
	first     byte   // of this frame
	left      uint64 // of its payload
	key       uint32 // for what is left
	inMessage bool   // a message has begun and is to go on
	message   byte   // its opcode

	control [maxControl]byte // payload of a control frame
	taken   int              // bytes of it that have come
}

// next takes the next piece off rest. ok is false when rest is at its end. The
// error is a *failure. The piece is good until the next call.
func (f *frames) next() (p piece, ok bool, err error) {
	if !f.open {
		if complete, err := f.takeHeader(); err != nil || !complete {
			return piece{}, false, err
		}
	}
	n := int(min(uint64(len(f.rest)), f.left))
	if n == 0 && f.left > 0 {
		return piece{}, false, nil
	}
	p = piece{op: f.message, payload: f.rest[:n], key: f.key}
	f.rest = f.rest[n:]
	f.left -= uint64(n)
	f.key = turned(f.key, n)
	f.open = f.left > 0
	if f.first&opClose != 0 {
		return f.takeControl(p)
	}
	if !f.open && f.first&final != 0 {
		p.end, f.inMessage = true, false
	}
	return p, true, nil
}

// takeControl gathers the payload of a control frame.
func (f *frames) takeControl(p piece) (piece, bool, error) {
	f.taken = len(p.appendTo(f.control[:f.taken]))
	if f.open {
		return piece{}, false, nil
	}
	return piece{op: f.first &^ final, payload: f.control[:f.taken], end: true}, true, nil
}

// takeHeader gathers a header and begins its frame.
func (f *frames) takeHeader() (complete bool, err error) {
	need := 2
	if f.have >= 2 {
		need = f.headerLength()
	}
	for f.have < need {
		n := copy(f.header[f.have:need], f.rest)
		if n == 0 {
			return false, nil
		}
		f.rest = f.rest[n:]
		if f.have += n; f.have == 2 {
			if err := f.check(); err != nil {
				return false, err
			}
			need = f.headerLength()
		}
	}
	return true, f.begin()
}

// headerLength is how long the header is, by its first two bytes.
func (f *frames) headerLength() int {
	n := 2
	switch f.header[1] &^ 0x80 {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if f.masked {
		n += 4
	}
	return n
}

// check holds the first two bytes of a frame against the rules.
func (f *frames) check() error {
	first, second := f.header[0], f.header[1]
	op, control := first&0x0f, first&opClose != 0
	switch {
	case first&0x70 != 0:
		return broken("a frame has reserved bits set")
	case f.masked && second < 0x80:
		return broken("a frame from a client is not masked")
	case !f.masked && second >= 0x80:
		return broken("a frame from a server is masked")
	case op > opPong || op > opBinary && !control:
		return broken("a frame has the reserved opcode %d", op)
	case control && first&final == 0:
		return broken("a control frame is in parts")
	case !control && op == opContinuation && !f.inMessage:
		return broken("a frame continues no message")
	case !control && op != opContinuation && f.inMessage:
		return broken("a message begins within another")
	}
	return nil
}

// begin starts a frame, whose header is complete.
func (f *frames) begin() error {
	length, behind := uint64(f.header[1]&^0x80), f.header[2:]
	switch length {
	case 126:
		length, behind = uint64(binary.BigEndian.Uint16(behind)), behind[2:]
	case 127:
		length, behind = binary.BigEndian.Uint64(behind), behind[8:]
	}
	if length >= 1<<63 {
		return broken("a frame is longer than there can be")
	}
	if f.header[0]&opClose != 0 && length > maxControl {
		return broken("a control frame is too long")
	}
	f.open, f.first, f.left, f.have, f.taken, f.key = true, f.header[0], length, 0, 0, 0
	if f.masked {
		f.key = binary.LittleEndian.Uint32(behind)
	}
	if op := f.first & 0x0f; op == opText || op == opBinary {
		f.message, f.inMessage = op, true
	}
	return nil
}

// parseClose reads the payload of a Close frame (RFC 6455, 5.5.1). The error is
// a *failure.
func parseClose(payload []byte) (*CloseError, error) {
	if len(payload) == 0 {
		return &CloseError{Code: int(closeNoCode)}, nil
	}
	if len(payload) == 1 {
		return nil, broken("a Close frame has half a code")
	}
	code, reason := closeCode(binary.BigEndian.Uint16(payload)), payload[2:]
	if !code.valid() {
		return nil, broken("a Close frame has the code %d", code)
	}
	if !utf8.Valid(reason) {
		return nil, &failure{closeInvalid, "a Close frame has a reason that is not UTF-8"}
	}
	return &CloseError{Code: int(code), Reason: string(reason)}, nil
}

// appendHeader adds the header of a frame that is a message of its own, as a
// client sends it if key is not 0.
func appendHeader(b []byte, op byte, length int, key uint32) []byte {
	var masked byte
	if key != 0 {
		masked = 0x80
	}
	switch {
	case length <= 125:
		b = append(b, final|op, masked|byte(length))
	case length <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, final|op, masked|126), uint16(length))
	default:
		b = binary.BigEndian.AppendUint64(append(b, final|op, masked|127), uint64(length))
	}
	if key != 0 {
		b = binary.LittleEndian.AppendUint32(b, key)
	}
	return b
}

// headerLength is how long the header of such a frame is.
func headerLength(length int, masked bool) int {
	n := 2
	switch {
	case length > 0xffff:
		n += 8
	case length > 125:
		n += 2
	}
	if masked {
		n += 4
	}
	return n
}
