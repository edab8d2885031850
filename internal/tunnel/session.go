package tunnel

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Acknowledgements are sent for every ackBytes, and ackDelay after the first
// byte that none has been sent for.
const (
	ackBytes = 64 << 10
	ackDelay = 100 * time.Millisecond
)

// session is one end of a tunnel that outlives the WebSockets under it. It is
// attached to one WebSocket, or to none, and is over for good when ending is
// closed. Each direction is a stream of bytes and, behind them, a FIN, which
// counts for one: a position is how much of that stream has got somewhere.
//
// read fills out from conn and deliver empties in to it, attached or not; an
// attachment sends what is in out and fills in. Neither queue can hold more than
// window, for a sender stops there until it gets an acknowledgement, which says
// what the other end has passed on. So a receiver can always take what comes,
// and acknowledgements never wait behind bytes that nobody reads.
type session struct {
	conn    net.Conn
	opts    Options
	meter   *Meter
	drain   time.Duration
	relieve func() // makes room in the queues' budget
	client  bool   // this end opens WebSockets, and closes the last one

	mu      sync.Mutex
	changed sync.Cond // on mu: anything below

	out      queue // read from conn, not yet acknowledged
	outEnded bool  // conn has said that it has sent everything: a FIN stands at out.end
	outAcked bool  // ... and the peer has it
	in       queue // received, not yet written to conn
	inEnded  bool  // a FIN was received and stands at in.end
	inDone   bool  // ... and was passed on to conn

	written  int64   // what conn has taken
	sent     uint64  // the furthest byte that was ever sent
	ackNow   bool    // ackDelay has passed
	ackArmed bool    // ackTimer runs
	writing  bool    // deliver is in conn.Write
	broken   error   // why conn takes no more bytes
	failed   *ending // conn failed: the peer is to be told, behind the last byte
	first    string  // which end said first that it has sent everything
	attached *attachment
	attempt  uint32 // of the client's latest resume

	over   bool
	told   bool // the peer has been told why, or has told us
	end    ending
	ending chan struct{} // closed when over

	parts [16][]byte // deliver's

	ackTimer       *time.Timer
	unwatch        func()
	moved          atomic.Int64 // bytes both ways, for IdleTimeout
	reading, pumps sync.WaitGroup
	started        time.Time
}

func newSession(conn net.Conn, opts Options) *session {
	s := &session{conn: conn, opts: opts, meter: opts.meter(), drain: drainWait, ending: make(chan struct{}), started: time.Now()}
	s.changed.L = &s.mu
	s.ackTimer = time.AfterFunc(time.Hour, s.ackDue)
	s.ackTimer.Stop()
	return s
}

// start begins to copy from and to conn.
func (s *session) start() {
	s.reading.Go(s.read)
	s.pumps.Go(s.deliver)
	s.unwatch = watchLimits(s.opts, s.moved.Load, func(e ending) { s.finish(e) })
}

// close ends conn once the session is over and has no attachment, and waits for
// everything to end.
func (s *session) close() Stats {
	s.mu.Lock()
	for s.attached != nil {
		s.changed.Wait()
	}
	wait := s.drain
	if s.end.code == closeGoingAway {
		wait = stopWait
	}
	s.mu.Unlock()

	_ = s.conn.SetDeadline(time.Now().Add(wait))
	s.pumps.Wait()
	s.mu.Lock()
	if tcp, ok := s.conn.(interface{ SetLinger(int) error }); ok && !s.inDone {
		_ = tcp.SetLinger(0) // what is cut off must not look complete
	}
	s.mu.Unlock()
	_ = s.conn.Close()
	s.reading.Wait()
	s.ackTimer.Stop()
	s.unwatch()

	s.mu.Lock()
	defer s.mu.Unlock()
	stats := Stats{Received: s.written, Sent: int64(s.sent), Duration: time.Since(s.started), Reason: s.end.reason}
	s.out.clear()
	s.in.clear()
	return stats
}

// finish makes the session over. The first reason given is the one that counts;
// it reports whether this is.
func (s *session) finish(e ending) (first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.finishLocked(e)
}

func (s *session) finishLocked(e ending) (first bool) {
	if s.over {
		return false
	}
	s.over, s.end = true, e
	close(s.ending)
	s.changed.Broadcast()
	if s.attached != nil {
		s.attached.boundEnd()
	}
	return true
}

// complete says whether both ends have everything of each other, for certain.
func (s *session) complete() bool { return s.inDone && s.outAcked }

// conclusion is how the session ends if it ends now: as its connections did if
// they have, and with other if not. s.mu is held.
func (s *session) conclusion(other ending) ending {
	switch {
	case s.complete():
		return ending{reason: s.first}
	case s.failed != nil:
		return *s.failed
	}
	return other
}

// given is the ending of a session that is given up with nobody to tell.
func (s *session) given(why error) ending {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conclusion(ending{reason: why.Error(), err: why})
}

// closing says whether the connection has come to its end, and how: all that is
// missing is the peer's last word.
func (s *session) closing() (end ending, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conclusion(ending{}), s.complete() || s.failed != nil
}

// received is the position up to which the peer need not send again.
func (s *session) received() uint64 { return position(s.in.end, s.inEnded) }

// delivered is the position up to which conn has the peer's stream.
func (s *session) delivered() uint64 { return position(s.in.start, s.inDone) }

// outEnd is the position at which our own stream ends so far.
func (s *session) outEnd() uint64 { return position(s.out.end, s.outEnded) }

// acked is the position up to which the peer has passed on ours.
func (s *session) acked() uint64 { return position(s.out.start, s.outAcked) }

func position(bytes uint64, fin bool) uint64 {
	if fin {
		bytes++
	}
	return bytes
}

// connFailed ends the session once the peer has everything that was read from
// conn before.
func (s *session) connFailed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return
	}
	if s.broken != nil {
		err = s.broken
	}
	e := brokenConn(err)
	s.failed = &e
	s.changed.Broadcast()
}

// brokenConn is the ending of a tunnel whose connection failed.
func brokenConn(err error) ending {
	reason := "the connection failed"
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		reason = "the connection was reset"
	}
	return ending{closeInternal, reason, fmt.Errorf("%s: %w", reason, err)}
}

// abort cuts the WebSocket of a session that is over.
func (s *session) abort() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.attached != nil {
		s.attached.lose(net.ErrClosed)
	}
}
