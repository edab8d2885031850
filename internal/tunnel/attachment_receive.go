package tunnel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"nhooyr.io/websocket"
)

// handshakeWait bounds how long the peer may take for its first message.
const handshakeWait = 10 * time.Second

// readMessage waits for one message of the protocol and passes it to take. An
// error that does not wrap errMessage and is not take's means that nothing more
// can be read.
func (c *Conn) readMessage(take func(message) error) error {
	kind, r, err := c.ws.Reader(context.Background())
	if err != nil {
		return err
	}
	buf := frameBuffers.get()
	defer frameBuffers.put(buf)
	n, err := io.ReadFull(r, buf)
	// A message that is cut off by the end of the connection may look like one
	// that ends there.
	if lost := c.link.lost.Load(); lost != nil {
		return *lost
	}
	switch {
	case err == nil:
		return fmt.Errorf("%w: it is too long", errMessage)
	case err != io.EOF && err != io.ErrUnexpectedEOF:
		return err
	case kind != websocket.MessageBinary:
		return fmt.Errorf("%w: it is text", errMessage)
	}
	m, err := parseMessage(buf[:n])
	if err != nil {
		return err
	}
	return take(m)
}

// firstMessage reads the peer's first message, which must not be data. A RESET
// is a *ResetError.
func (c *Conn) firstMessage(want kind) (first message, err error) {
	guard := time.AfterFunc(handshakeWait, func() { c.link.abort(errSilent) })
	defer guard.Stop()
	err = c.readMessage(func(m message) error {
		switch m.kind {
		case want:
			first = m
			return nil
		case kindReset:
			return &ResetError{m.code, m.reason}
		}
		return fmt.Errorf("%w: the first is of type %d", errMessage, m.kind)
	})
	return first, err
}

// receive takes what the peer sends until the WebSocket ends.
func (a *attachment) receive() {
	for {
		if err := a.ws.readMessage(a.take); err != nil {
			a.peerFailed(err)
			return
		}
	}
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
	for s.in.len() >= fairShare && s.crowded(s.in.budget) && !s.over && !a.gone {
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
	closed, isClose := errors.AsType[websocket.CloseError](err)
	switch {
	case isClose && a.last:
		s.told = true
		s.finishLocked(s.conclusion(ending{}))
	case errors.Is(err, errMessage):
		s.finishLocked(ending{websocket.StatusProtocolError, "protocol error", fmt.Errorf("%w: %w", errProtocol, err)})
		return // the peer can still be told
	case isClose && blamesUs(closed.Code):
		err := &CloseError{Code: int(closed.Code), Reason: closed.Reason}
		s.told = true
		s.finishLocked(ending{reason: err.Error(), err: err})
	case !isClose && a.ws.link.lost.Load() == nil && !a.gone && !errors.Is(err, net.ErrClosed):
		// The library has found it in the frames, and said so.
		s.told = true
		s.finishLocked(ending{reason: "protocol error", err: fmt.Errorf("%w: %w", errProtocol, err)})
	}
	a.lose(lostError(err))
}

// blamesUs says whether a close code means that the peer cannot understand us:
// a new WebSocket would not help.
func blamesUs(code websocket.StatusCode) bool {
	switch code {
	case websocket.StatusProtocolError, websocket.StatusUnsupportedData, websocket.StatusInvalidFramePayloadData,
		websocket.StatusMessageTooBig, websocket.StatusMandatoryExtension:
		return true
	}
	return false
}

// lostError says why a WebSocket is of no more use.
func lostError(err error) error {
	if closed, ok := errors.AsType[websocket.CloseError](err); ok {
		return &CloseError{Code: int(closed.Code), Reason: closed.Reason}
	}
	if err == io.EOF {
		err = errors.New("it ended without a close frame")
	}
	return fmt.Errorf("the WebSocket connection was lost: %w", err)
}
