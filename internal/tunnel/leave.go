package tunnel

import "sync"

// Leave asks the client of a session to come again: its WebSocket is closed with
// 1001, and the session is held for it for a short while. The zero value is ready
// to be put into an Opening.
type Leave struct {
	mu      sync.Mutex
	session *session // nil until it is open
	reason  string   // asked for before that
}

// Ask does so, for a reason that the client is told. It returns at once and may
// be called more than once. A client that is away comes again anyhow.
func (l *Leave) Ask(reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reason = reason
	if l.session != nil {
		l.session.dismiss(reason)
	}
}

// begin says which session it is for.
func (l *Leave) begin(s *session) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.session = s
	if l.reason != "" {
		s.dismiss(l.reason)
	}
}

// dismiss closes the session's WebSocket, if there is one, so that its client
// comes again. What is under way is sent again then.
func (s *session) dismiss(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.attached
	if a == nil || a.gone || s.over || a.dismissed != "" {
		return
	}
	a.dismissed = reason
	a.boundEnd()
	s.changed.Broadcast()
}
