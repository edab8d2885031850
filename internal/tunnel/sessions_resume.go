package tunnel

import (
	"errors"
	"fmt"
	"net"
	"time"
)

// Resuming is a request to go on with a session.
type Resuming struct {
	Owner  Owner
	Client string // the client's address, for the log
	Way    string // that the client has come by, for Opening.Moved
	// Allowed says whether the session may still be connected to its target,
	// as the rules are now.
	Allowed func(target net.Addr) bool
}

// errUnknown is what a client reads whose session is not there, or not its own:
// which of the two, is not for everybody to know.
var errUnknown = &ResetError{resetUnknown, "the server does not know it; it was restarted, or has waited too long"}

// Resume lets a session go on over ws, which it owns, and returns when ws has
// ended. The error says why it could not be resumed; the client has been told.
func (r *Sessions) Resume(ws *Conn, q Resuming) error {
	m, err := ws.firstMessage(kindResume)
	if err != nil {
		ws.CloseNow()
		return fmt.Errorf("the client did not say which session to resume: %w", lostError(err))
	}
	s, a, err := r.find(ws, m, q)
	if err == nil {
		err = r.goOn(s, a, m.offset, q)
	}
	if err != nil {
		ws.refuse(err)
	}
	return err
}

// find gives the session that m asks for and makes q's WebSocket the next under
// it.
func (r *Sessions) find(ws *Conn, m message, q Resuming) (*hosted, *attachment, error) {
	r.mu.Lock()
	s := r.known[m.session]
	r.mu.Unlock()
	if s == nil || s.Owner != q.Owner {
		return nil, nil, errUnknown
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.over, !s.tokens.accept(m.token):
		return nil, nil, errUnknown
	case m.attempt <= s.attempt:
		return nil, nil, errStale
	}
	s.attempt = m.attempt
	s.changed.Broadcast()
	a := newAttachment(s.session, ws)
	a.attempt = m.attempt
	return s, a, nil
}

// goOn attaches a to s and carries it.
func (r *Sessions) goOn(s *hosted, a *attachment, received uint64, q Resuming) error {
	if !q.Allowed(s.conn.RemoteAddr()) {
		const reason = "its target is no longer allowed"
		s.finish(ending{closePolicy, reason, errors.New(reason)})
		return &ResetError{resetUnknown, reason}
	}
	r.mu.Lock()
	var away time.Duration
	if !s.since.IsZero() {
		away = time.Since(s.since)
	}
	r.release(s)
	r.mu.Unlock()

	invalid := false
	attached := s.attach(a, func() bool {
		if invalid = received < s.acked() || received > s.outEnd(); invalid {
			return false
		}
		a.next, a.acked, a.greet = received, s.delivered(), true
		s.welcome(a)
		return true
	})
	if invalid {
		const reason = "the client has lost count of what it received"
		s.finish(ending{closeProtocol, reason, errProtocol})
		return &ResetError{resetUnknown, reason}
	}
	if !attached {
		return errStale
	}
	s.meter.resumed()
	if s.Moved != nil {
		s.Moved(q.Way)
	}
	s.Log.Info("tunnel resumed", "after", away.Round(time.Millisecond), "from", q.Client)
	r.carry(s, a)
	return nil
}

// refuse ends a WebSocket that cannot go on with a session.
func (c *Conn) refuse(err error) {
	if reset, ok := errors.AsType[*ResetError](err); ok {
		_ = c.send(message{kind: kindReset, code: reset.code, reason: reset.Reason})
	}
	c.sayClose(closePolicy, "")
	c.expectEnd()
	c.discard()
	c.shut(false)
}
