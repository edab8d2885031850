package tunnel

import (
	"errors"
	"sync"
	"time"

	"nhooyr.io/websocket"
)

// sessionMisses is how many unanswered pings in a row are a lost WebSocket under
// a session, which costs no more than a new one.
const sessionMisses = 2

// attachment is one WebSocket under a session.
type attachment struct {
	session *session
	ws      *Conn
	attempt uint32 // which of the client's resumes it came of; 0 for the first
	hello   []byte // sent before everything else; nil if nothing is
	heard   func() // called at the first message, with session.mu held; nil for nothing

	lost chan struct{} // closed by lose
	done chan struct{} // closed when nothing more is sent

	// Under session.mu:
	next  uint64      // the position from which on to send
	acked uint64      // the last acknowledgement sent
	greet bool        // an acknowledgement is due, whatever it says
	gone  bool        // the WebSocket is of no more use
	why   error       // ... because of this
	guard *time.Timer // bounds the end
	last  bool        // everything has been sent, and the peer is to answer with a close frame
}

func newAttachment(s *session, ws *Conn) *attachment {
	ws.ws.SetReadLimit(frameSize)
	return &attachment{session: s, ws: ws, lost: make(chan struct{}), done: make(chan struct{})}
}

var (
	errReplaced = errors.New("the client has come back over another connection")
	errStale    = errors.New("another attempt has come after this one")
)

// attach makes a the session's only attachment. It waits until the one before
// has gone, so that nothing is received twice, and then calls ready with s.mu
// held. It is false when ready is, or a later one has come.
func (s *session) attach(a *attachment, ready func() bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.attached != nil && a.attempt == s.attempt {
		s.attached.lose(errReplaced)
		s.changed.Wait()
	}
	if a.attempt != s.attempt || !ready() {
		return false
	}
	s.attached = a
	if s.over {
		a.boundEnd()
	}
	return true
}

// carry sends and receives until the WebSocket is lost or the session is over,
// closes the WebSocket, and detaches. It gives why the WebSocket was lost, nil if
// it was not.
func (a *attachment) carry() error {
	s := a.session
	var others sync.WaitGroup
	others.Go(a.receive)
	others.Go(a.pulse)
	a.send()
	a.close()
	close(a.done)
	others.Wait()

	s.mu.Lock()
	defer s.mu.Unlock()
	if a.guard != nil {
		a.guard.Stop()
	}
	s.attached = nil
	s.changed.Broadcast()
	return a.why
}

// lose gives the WebSocket up. s.mu is held.
func (a *attachment) lose(why error) {
	if a.gone {
		return
	}
	a.gone, a.why = true, why
	close(a.lost)
	a.session.changed.Broadcast()
}

// boundEnd gives the last words of a session their time. s.mu is held.
func (a *attachment) boundEnd() {
	if a.guard != nil {
		a.guard.Stop()
	}
	link := a.ws.link
	a.guard = time.AfterFunc(link.closeWait, func() { link.abort(errDead) })
}

// pulse pings the peer, and cuts the connection when it is lost.
func (a *attachment) pulse() {
	ping, stop := every(a.session.opts.Ping)
	defer stop()
	received, missed := int64(-1), 0
	for {
		select {
		case <-a.done:
			return
		case <-a.lost:
			a.ws.link.abort(errDead)
			return
		case <-ping:
			switch now := a.ws.link.received.Load(); {
			case now != received || !a.ws.link.reading.Load():
				received, missed = now, 0
			default:
				missed++
			}
			if missed == sessionMisses {
				a.fail(errSilent)
			}
			a.ws.link.ping()
		}
	}
}

var errSilent = errors.New("the other end has answered no ping")

func (a *attachment) fail(why error) {
	a.session.mu.Lock()
	defer a.session.mu.Unlock()
	a.lose(why)
}

// close ends the WebSocket: with a close handshake if the session is over, or
// will be with the peer's answer.
func (a *attachment) close() {
	s := a.session
	s.mu.Lock()
	polite, end := (s.over || a.last) && !a.gone, s.end
	s.mu.Unlock()
	if polite {
		if end.code == 0 {
			end.code = websocket.StatusNormalClosure
		}
		a.ws.link.expectClose(false)
		if a.ws.ws.Close(end.code, cutReason(end.reason)) == nil {
			s.mu.Lock()
			if !a.gone && a.ws.link.lost.Load() == nil { // Close gives nil for these too
				s.finishLocked(s.conclusion(end)) // Close has read the answer, and not receive
			}
			s.mu.Unlock()
		}
	}
	a.ws.CloseNow()
}

// send sends what is due until nothing can be any more.
func (a *attachment) send() {
	for {
		p := a.nextMessage()
		if p == nil {
			return
		}
		err := a.ws.write(websocket.MessageBinary, p)
		dataBuffers.put(p[:cap(p)])
		if err != nil {
			a.fail(lostError(err))
			return
		}
	}
}

// nextMessage waits for the next message to send. It is in a buffer of
// dataBuffers, or nil when there will be none.
func (a *attachment) nextMessage() []byte {
	s := a.session
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if m, ok := a.due(); ok {
			return a.compose(m)
		}
		if a.gone || s.over || a.last && s.client {
			return nil
		}
		switch {
		case s.complete() && s.client:
			a.last = true
		case s.complete() && !a.last:
			a.last = true
			a.boundEnd() // the client is to close
		default:
			s.changed.Wait()
		}
	}
}

// due gives the message that is to be sent now, if there is one. s.mu is held.
func (a *attachment) due() (message, bool) {
	s := a.session
	switch end := s.outEnd(); {
	case a.gone:
		return message{}, false
	case a.hello != nil:
		return message{}, true
	case s.over:
		if s.told || s.complete() {
			return message{}, false
		}
		s.told = true
		return message{kind: kindReset, code: resetCodeOf(s.end.code), reason: s.end.reason}, true
	case a.ackIsDue():
		a.acked, a.greet, s.ackNow = s.delivered(), false, false
		return message{kind: kindAck, offset: a.acked}, true
	case a.next < s.out.end:
		return message{kind: kindData, offset: a.next}, true
	case a.next < end:
		a.next = end
		return message{kind: kindFin, offset: s.out.end}, true
	case s.failed != nil && !a.last:
		a.last = true
		a.boundEnd()
		return message{kind: kindReset, code: resetConnection, reason: s.failed.reason}, true
	}
	return message{}, false
}

// compose puts a message that is due into a buffer. s.mu is held.
func (a *attachment) compose(m message) []byte {
	s := a.session
	b := dataBuffers.get()[:0]
	if a.hello != nil {
		b, a.hello = append(b, a.hello...), nil
		return b
	}
	b = m.append(b)
	if m.kind == kindData {
		b = s.out.appendTo(b, m.offset, maxData)
		a.next += uint64(len(b) - dataHeader)
		if a.next > s.sent {
			s.meter.Carried(0, int64(a.next-s.sent))
			s.sent = a.next
		}
	}
	return b
}

// ackIsDue says whether to acknowledge now what conn has taken.
func (a *attachment) ackIsDue() bool {
	delivered := a.session.delivered()
	if a.greet {
		return true
	}
	if delivered == a.acked {
		a.session.ackNow = false
		return false
	}
	return a.session.ackNow || a.session.inDone || delivered-a.acked >= ackBytes
}
