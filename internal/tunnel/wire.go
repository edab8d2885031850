package tunnel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// The subprotocols of tunnels that can be resumed; docs/tunnel-protocol.md
// specifies them. A client offers protocolTunnel for a new tunnel, and
// protocolResume, alone, to go on with one it has.
const (
	protocolTunnel = "v1.tunnel.http-master"
	protocolResume = "v1.resume.http-master"
)

// kind is a message's first byte.
type kind byte

const (
	kindWelcome kind = 1 // server: the session, its next token, what it has received
	kindResume  kind = 2 // client: the session to go on with, and what it has received
	kindData    kind = 3
	kindAck     kind = 4 // what has been passed on to the TCP connection
	kindFin     kind = 5 // nothing more comes: a half-close
	kindReset   kind = 6 // the session is over before its end
)

// resetCode tells in a RESET what ended the session.
type resetCode byte

const (
	resetConnection resetCode = 1 // the sender's TCP connection failed
	resetUnknown    resetCode = 2 // there is no such session for this client
	resetLimit      resetCode = 3 // idleTimeout, maxLifetime, or no room to hold it
	resetStopped    resetCode = 4 // the sender was stopped
	resetProtocol   resetCode = 5 // the receiver broke the protocol
)

// resetCodeOf is the code for a session that ends with a close code.
func resetCodeOf(code closeCode) resetCode {
	switch code {
	case closeInternal:
		return resetConnection
	case closeGoingAway:
		return resetStopped
	case closeProtocol:
		return resetProtocol
	}
	return resetLimit
}

const (
	// window is how much each side may send beyond what the other has
	// acknowledged, and so what each must be able to keep.
	window = 1 << 20
	// dataHeader is what stands before the bytes of a DATA message.
	dataHeader = 9
	// maxMessage is the longest message there may be.
	maxMessage = 64 << 10
	// maxData is the most that we put into one DATA message.
	maxData = maxPayload - dataHeader
)

type (
	sessionID [16]byte
	token     [32]byte
)

// message is one message of the protocol. Which fields it has depends on kind.
type message struct {
	kind    kind
	session sessionID     // WELCOME, RESUME
	token   token         // WELCOME, RESUME
	attempt uint32        // RESUME
	offset  uint64        // WELCOME, RESUME: received; DATA, FIN: where it stands; ACK: passed on
	hold    time.Duration // WELCOME, rounded up to seconds
	code    resetCode     // RESET
	reason  string        // RESET
	data    []byte        // DATA; part of what was parsed
}

// append adds m to b as it goes over the wire.
func (m message) append(b []byte) []byte {
	b = append(b, byte(m.kind))
	switch m.kind {
	case kindWelcome, kindResume:
		b = append(b, m.session[:]...)
		b = append(b, m.token[:]...)
		b = binary.BigEndian.AppendUint64(b, m.offset)
		if m.kind == kindResume {
			return binary.BigEndian.AppendUint32(b, m.attempt)
		}
		return binary.BigEndian.AppendUint32(b, uint32((m.hold+time.Second-1)/time.Second))
	case kindReset:
		return append(append(b, byte(m.code)), cutReason(m.reason)...)
	}
	return append(binary.BigEndian.AppendUint64(b, m.offset), m.data...)
}

var errMessage = errors.New("a message cannot be understood")

// parseMessage reads one message. Its data is b's.
func parseMessage(b []byte) (message, error) {
	if len(b) == 0 {
		return message{}, fmt.Errorf("%w: it is empty", errMessage)
	}
	m := message{kind: kind(b[0])}
	body := b[1:]
	var length int
	exact := true
	switch m.kind {
	case kindWelcome, kindResume:
		length = len(m.session) + len(m.token) + 8 + 4
	case kindData:
		length, exact = 8+1, false
	case kindAck, kindFin:
		length = 8
	case kindReset:
		length, exact = 1, false
	default:
		return message{}, fmt.Errorf("%w: its type is %d", errMessage, b[0])
	}
	if len(body) < length || exact && len(body) > length || len(b) > maxMessage {
		return message{}, fmt.Errorf("%w: one of type %d has %d bytes", errMessage, b[0], len(b))
	}
	err := m.parseBody(body)
	return m, err
}

// parseBody reads what follows the type; its length has been checked.
func (m *message) parseBody(body []byte) error {
	switch m.kind {
	case kindWelcome, kindResume:
		body = body[copy(m.session[:], body):]
		body = body[copy(m.token[:], body):]
		m.offset = binary.BigEndian.Uint64(body)
		number := binary.BigEndian.Uint32(body[8:])
		if m.kind == kindResume {
			m.attempt = number
		} else {
			m.hold = time.Duration(number) * time.Second
		}
	case kindReset:
		m.code, m.reason = resetCode(body[0]), string(body[1:])
		if !utf8.ValidString(m.reason) {
			return fmt.Errorf("%w: a reason is not UTF-8", errMessage)
		}
	default:
		m.offset = binary.BigEndian.Uint64(body)
		if m.kind == kindData {
			m.data = body[8:]
		}
	}
	return nil
}

// ResetError says that the peer has ended a session before its end.
type ResetError struct {
	code   resetCode
	Reason string // as the peer sent it
}

func (e *ResetError) Error() string {
	if e.code == resetUnknown {
		return "the session cannot be resumed: " + e.Reason
	}
	return fmt.Sprintf("the other end broke the tunnel off: %q", e.Reason)
}
