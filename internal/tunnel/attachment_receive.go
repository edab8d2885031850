package tunnel

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// handshakeWait bounds how long the peer may take for its first message.
const handshakeWait = 10 * time.Second

// send sends one message and returns when the kernel has it.
func (c *Conn) send(m message) error {
	return c.write(c.appendFrame(nil, opBinary, m.append(nil)))
}

// firstMessage reads the peer's first message, which must not be data. A RESET
// is a *ResetError.
func (c *Conn) firstMessage(want kind) (message, error) {
	guard := time.AfterFunc(handshakeWait, func() { c.abort(errSilent) })
	defer guard.Stop()
	var box inbox
	for {
		p, ok, err := c.next()
		if !ok {
			if err == nil {
				err = c.fill()
			}
			if err != nil {
				return message{}, err
			}
			continue
		}
		m, ok, err := box.take(p)
		switch {
		case err != nil:
			return message{}, err
		case !ok:
		case m.kind == want:
			return m, nil
		case m.kind == kindReset:
			return message{}, &ResetError{m.code, m.reason}
		default:
			return message{}, fmt.Errorf("%w: the first is of type %d", errMessage, m.kind)
		}
	}
}

// receive takes what the peer sends until the WebSocket ends.
func (a *attachment) receive() {
	for {
		p, ok, err := a.ws.next()
		switch {
		case ok:
			err = a.takePiece(p)
		case err == nil:
			err = a.ws.fill()
		}
		if err != nil {
			a.peerFailed(err)
			return
		}
	}
}

func (a *attachment) takePiece(p piece) error {
	m, ok, err := a.inbox.take(p)
	if ok {
		err = a.take(m)
	}
	return err
}

// errOrder says that a message makes no sense where it came.
var errOrder = fmt.Errorf("%w here", errMessage)

// take acts on one message.
func (a *attachment) take(m message) error {
	s := a.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.heard != nil {
		a.heard()
		a.heard = nil
	}
	defer s.changed.Broadcast()
	switch m.kind {
	case kindData:
		return a.takeData(m)
	case kindAck:
		return a.takeAck(m.offset)
	case kindFin:
		if s.inEnded || m.offset != s.in.end {
			return errOrder
		}
		s.inEnded = true
		s.noteFirst("the WebSocket peer closed")
		return nil
	case kindReset:
		err := &ResetError{m.code, m.reason}
		s.told = true
		s.finishLocked(ending{reason: err.Error(), err: err})
		return nil
	}
	return errOrder
}

// takeData keeps bytes for conn. It waits only when the memory of all sessions
// together is used up and this one has its share. s.mu is held.
func (a *attachment) takeData(m message) error {
	s := a.session
	if s.inEnded || m.offset != s.in.end || s.in.len()+len(m.data) > window {
		return errOrder
	}
	for s.full(&s.in) && !s.over && !a.gone {
		s.changed.Wait()
	}
	s.in.append(m.data)
	return nil
}

// takeAck forgets what the peer has passed on. s.mu is held.
func (a *attachment) takeAck(position uint64) error {
	s := a.session
	if position > a.next {
		return errOrder
	}
	if position < s.acked() {
		return nil
	}
	s.outAcked = position > s.out.end
	s.out.drop(min(position, s.out.end))
	return nil
}

// peerFailed decides what it means that nothing more can be read: the end of
// the session, or the loss of a WebSocket, which can be replaced.
func (a *attachment) peerFailed(err error) {
	s := a.session
	s.mu.Lock()
	defer s.mu.Unlock()
	closed, isClose := errors.AsType[*CloseError](err)
	_, isFailure := errors.AsType[*failure](err)
	switch {
	case errors.Is(err, errMessage):
		s.finishLocked(ending{closeProtocol, "protocol error", fmt.Errorf("%w: %w", errProtocol, err)})
		return // the peer can still be told
	case isFailure: // the peer has been told
		s.told = true
		s.finishLocked(ending{reason: "protocol error", err: fmt.Errorf("%w: %w", errProtocol, err)})
	case isClose && (a.last || s.complete()):
		s.told = true
		s.finishLocked(s.conclusion(ending{}))
	case isClose && blamesUs(closeCode(closed.Code)):
		s.told = true
		s.finishLocked(ending{reason: closed.Error(), err: closed})
	case !isClose:
		a.lose(lostError(err))
		return
	}
	a.leave(lostError(err))
}

// blamesUs says whether a close code means that the peer cannot understand us:
// a new WebSocket would not help.
func blamesUs(code closeCode) bool {
	switch code {
	case closeProtocol, closeUnsupported, closeInvalid,
		closeTooBig, closeExtension:
		return true
	}
	return false
}

// lostError says why a WebSocket is of no more use.
func lostError(err error) error {
	if _, ok := errors.AsType[*CloseError](err); ok {
		return err
	}
	if err == io.EOF {
		err = errors.New("it ended without a close frame")
	}
	return fmt.Errorf("the WebSocket connection was lost: %w", err)
}
