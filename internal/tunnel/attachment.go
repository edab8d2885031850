package tunnel

import (
	"errors"
	"sync"
	"time"
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
	inbox   inbox

	// Under session.mu:
	next  uint64      // the position from which on to send
	acked uint64      // the last acknowledgement sent
	greet bool        // an acknowledgement is due, whatever it says
	gone  bool        // the WebSocket is of no more use
	why   error       // ... because of this
	guard *time.Timer // bounds the end
	last  bool        // everything has been sent, and the peer is to answer with a Close frame

	dismissed string // why the peer is to come again; "" if it is not
}

func newAttachment(s *session, ws *Conn) *attachment {
	ws.meter = s.meter
	return &attachment{session: s, ws: ws}
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
	defer every(s.opts.Ping, a.pulse())()
	var receiving sync.WaitGroup
	receiving.Go(a.receive)
	a.send()
	a.sayClose()
	receiving.Wait()
	a.ws.shut(false)

	s.mu.Lock()
	defer s.mu.Unlock()
	if a.guard != nil {
		a.guard.Stop()
	}
	s.attached = nil
	s.changed.Broadcast()
	return a.why
}

// lose gives the WebSocket up, and cuts its connection. s.mu is held.
func (a *attachment) lose(why error) {
	a.leave(why)
	a.ws.abort(why)
}

// leave gives the WebSocket up. What the peer is still to be told it has its
// time for. s.mu is held.
func (a *attachment) leave(why error) {
	if a.gone {
		return
	}
	a.gone, a.why = true, why
	a.boundEnd()
	a.session.changed.Broadcast()
}

// boundEnd gives the last words of a session their time. s.mu is held.
func (a *attachment) boundEnd() {
	if a.guard != nil {
		a.guard.Stop()
	}
	ws := a.ws
	a.guard = time.AfterFunc(ws.closeWait, func() { ws.abort(errDead) })
}

// pulse gives what is to be called for each ping: it pings the peer, and finds
// out when it is lost.
func (a *attachment) pulse() func() bool {
	received, missed := int64(-1), 0
	return func() bool {
		if a.ws.vanished() {
			a.fail(errVanished)
			return false
		}
		if now := a.ws.received.Load(); now != received || !a.ws.waiting.Load() {
			received, missed = now, 0
		} else if missed++; missed == sessionMisses {
			a.fail(errSilent)
			return false
		}
		a.ws.ping()
		return true
	}
}

var errSilent = errors.New("the other end has answered no ping")

func (a *attachment) fail(why error) {
	a.session.mu.Lock()
	defer a.session.mu.Unlock()
	a.lose(why)
}

// sayClose begins the close handshake if the session is over, or will be with
// the peer's answer, which receive reads; or if the peer is to come again.
func (a *attachment) sayClose() {
	s := a.session
	s.mu.Lock()
	polite, end := (s.over || a.last || a.dismissed != "") && !a.gone, s.end
	if a.dismissed != "" && !s.over && !a.last {
		end = ending{code: closeGoingAway, reason: a.dismissed}
	}
	s.mu.Unlock()
	if !polite {
		return
	}
	if end.code == 0 {
		end.code = closeNormal
	}
	a.ws.sayClose(end.code, end.reason)
	a.ws.expectEnd()
}
