package tunnel

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"
)

// What a Sessions holds at most for clients that are away. When one of these is
// exceeded, the sessions that have waited longest end: of the same user, or of
// all.
const (
	maxHeld           = 4096
	maxHeldPerOwner   = 256
	maxMemory         = 256 << 20 // bytes in the queues of all sessions, attached ones included
	maxMemoryPerOwner = 64 << 20
)

// lastWord is how long a session is held of which both connections have ended,
// and only the client may not know.
const lastWord = 30 * time.Second

// comeAgain is how long a session is held whose client was asked to come again,
// which takes it a moment.
const comeAgain = 30 * time.Second

// Sessions are a server's tunnels that survive the loss of their WebSocket. It
// outlives configs: a session may be resumed under a later one. NewSessions
// makes one.
type Sessions struct {
	mu     sync.Mutex
	known  map[sessionID]*hosted
	held   []*hosted // those without a WebSocket, the longest first
	memory budget
	shares map[sharer]*share

	maxHeld, maxHeldPerOwner int
	maxMemoryPerOwner        int64
	lastWord                 time.Duration
}

// sharer is whose sessions are bounded together: a user's, or those of an
// address where there are no users.
type sharer struct{ user, client string }

// share is the memory of one sharer's sessions.
type share struct {
	budget
	sessions int // that count to it
}

// NewSessions gives a server's Sessions, without any yet.
func NewSessions() *Sessions {
	return &Sessions{
		known:  make(map[sessionID]*hosted),
		memory: budget{most: maxMemory}, shares: make(map[sharer]*share),
		maxHeld: maxHeld, maxHeldPerOwner: maxHeldPerOwner, maxMemoryPerOwner: maxMemoryPerOwner,
		lastWord: lastWord,
	}
}

// Owner is whose a session is. A request can resume it if its Owner is the same.
type Owner struct {
	Route string // the rule and the address that it was asked for
	User  string // as auth has it; "" for nobody
}

// Opening is what a session begins with.
type Opening struct {
	Options
	Owner  Owner
	Client string        // the client's IP address; it counts for clients without a user
	Hold   time.Duration // how long a lost client is waited for; 0: not at all
	Log    *slog.Logger  // is told when the session is lost and found
	Leave  *Leave        // asks the client to come again; may be nil
	// Moved is told Resuming.Way when the client has come back. It may be nil.
	Moved func(way string)
}

// hosted is a session on the server. Sessions.mu guards what has no other note.
type hosted struct {
	*session
	Opening
	id     sessionID
	sharer sharer
	tokens tokens // under session.mu
	expiry *time.Timer
	holds  int       // how often it was held, so that a late expiry is known as such
	since  time.Time // when it was held; zero while it is not
}

// Open makes a session of ws, whose peer must have chosen its protocol, and conn,
// and returns when it is over and both are closed, as Join does. That includes
// the time in which the client is waited for.
func (r *Sessions) Open(ctx context.Context, ws *Conn, conn net.Conn, o *Opening) (Stats, error) {
	s := &hosted{session: newSession(conn, o.Options), Opening: *o, sharer: sharer{user: o.Owner.User}}
	if s.sharer.user == "" {
		s.sharer.client = o.Client
	}
	_, _ = rand.Read(s.id[:])
	r.know(s)

	defer context.AfterFunc(ctx, func() {
		if !s.finish(ending{code: closeGoingAway, reason: context.Cause(ctx).Error()}) {
			s.abort() // closing can take a while; whoever wants the tunnel gone now need not wait
		}
	})()
	s.start()
	a := newAttachment(s.session, ws)
	if s.attach(a, func() bool { s.welcome(a); return true }) {
		o.Leave.begin(s.session)
		r.carry(s, a)
	}
	<-s.ending
	r.forget(s)
	stats := s.close()
	return stats, s.end.err
}

// know begins to count s.
func (r *Sessions) know(s *hosted) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known[s.id] = s
	own := r.shares[s.sharer]
	if own == nil {
		own = &share{budget: budget{most: r.maxMemoryPerOwner, within: &r.memory}}
		r.shares[s.sharer] = own
	}
	own.sessions++
	s.out.budget, s.in.budget = &own.budget, &own.budget
	s.relieve = func() { r.relieve(s) }
}

// welcome prepares the first message of a, with a new token. s.mu is held.
func (s *hosted) welcome(a *attachment) {
	m := message{kind: kindWelcome, session: s.id, token: s.tokens.renew(), offset: s.received(), hold: s.Hold}
	a.hello = m.append(nil)
	a.heard = s.tokens.confirm
}

// carry runs an attachment of s, and holds s when it is lost.
func (r *Sessions) carry(s *hosted, a *attachment) {
	why := a.carry()
	s.mu.Lock()
	replaced, over := a.attempt != s.attempt, s.over
	s.mu.Unlock()
	if a.dismissed != "" && !over { // the client may be back already
		s.Log.Info("tunnel's client asked to come again", "held", min(s.Hold, comeAgain), "reason", a.dismissed)
	}
	switch {
	case over, replaced:
		return
	case s.Hold <= 0:
		s.finish(s.given(why))
		return
	}
	wait := s.Hold
	_, closing := s.closing()
	switch {
	case closing:
		wait = min(wait, r.lastWord)
	case a.dismissed != "":
		wait = min(wait, comeAgain)
	default:
		s.Log.Info("tunnel lost", "held", wait, "error", why)
	}
	r.hold(s, a, wait)
}

// errCrowded is why a session ends when one of the maxima is exceeded.
var errCrowded = errors.New("the client was away, and others needed the room")

// hold keeps s, which has lost a, until its client comes back, for so long.
func (r *Sessions) hold(s *hosted, a *attachment, wait time.Duration) {
	r.mu.Lock()
	s.mu.Lock()
	replaced := a.attempt != s.attempt
	s.mu.Unlock()
	if replaced || r.known[s.id] != s {
		r.mu.Unlock()
		return // back, or over, in the meantime
	}
	s.since = time.Now()
	s.holds++
	n := s.holds
	s.expiry = time.AfterFunc(wait, func() { r.expire(s, n, wait) })
	r.held = append(r.held, s)
	victims := r.surplus(s)
	r.mu.Unlock()
	for _, v := range victims {
		v.finish(v.given(errCrowded))
	}
}

// surplus takes those out of held that are too many after s was added. r.mu is
// held.
func (r *Sessions) surplus(s *hosted) (victims []*hosted) {
	same, oldest := 0, (*hosted)(nil)
	for _, h := range r.held {
		if h.sharer == s.sharer {
			same++
			if oldest == nil {
				oldest = h
			}
		}
	}
	if same > r.maxHeldPerOwner {
		victims = append(victims, oldest)
		r.release(oldest)
	}
	if len(r.held) > r.maxHeld {
		victims = append(victims, r.held[0])
		r.release(r.held[0])
	}
	return victims
}

// relieve makes room for s, if there is too little: it ends the session that has
// been held longest, of the same sharer if that one has too much.
func (r *Sessions) relieve(s *hosted) {
	r.mu.Lock()
	victim := r.victim(s)
	if victim != nil {
		r.release(victim)
	}
	r.mu.Unlock()
	if victim != nil {
		victim.finish(victim.given(errCrowded))
	}
}

// victim is the session that relieve ends, or nil. r.mu is held.
func (r *Sessions) victim(s *hosted) *hosted {
	own := r.shares[s.sharer]
	greedy := own != nil && own.used.Load() > own.most
	if !greedy && !r.memory.exceeded() {
		return nil
	}
	for _, h := range r.held {
		if !greedy || h.sharer == s.sharer {
			return h
		}
	}
	return nil
}

// release takes s out of held. r.mu is held.
func (r *Sessions) release(s *hosted) {
	for i, h := range r.held {
		if h == s {
			r.held = append(r.held[:i], r.held[i+1:]...)
			s.expiry.Stop()
			s.since = time.Time{}
			return
		}
	}
}

// expire ends a session whose client did not come back in time.
func (r *Sessions) expire(s *hosted, holds int, waited time.Duration) {
	r.mu.Lock()
	late := s.holds != holds || s.since.IsZero()
	if !late {
		r.release(s)
	}
	r.mu.Unlock()
	if !late {
		s.finish(s.given(fmt.Errorf("the client did not come back within %v", waited)))
	}
}

func (r *Sessions) forget(s *hosted) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.known, s.id)
	r.release(s)
	own := r.shares[s.sharer]
	if own.sessions--; own.sessions == 0 {
		delete(r.shares, s.sharer)
	}
}
