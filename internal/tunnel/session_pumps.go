package tunnel

import (
	"errors"
	"io"
	"net"
	"syscall"
	"time"
)

// resetMoment is how long a Write that has failed may take to tell so.
const resetMoment = 10 * time.Millisecond

// fairShare is what a queue may hold though all queues together hold too much.
const fairShare = 64 << 10

// read copies from conn to out, which takes as much as the peer may be sent.
func (s *session) read() {
	in := newSource(s.conn, nil)
	defer in.release()
	for {
		p, err := in.read()
		if !s.offer(p) {
			return
		}
		if err == io.EOF {
			err = s.connEnded()
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			s.connFailed(err)
			return
		}
	}
}

// connEnded is called at the end of conn's stream, and gives io.EOF. It gives
// another error when the end is not to be believed: the kernel tells of a reset
// once only, and when a Write learns of it, Read just sees an end. So a Write
// under way gets a moment to come back.
func (s *session) connEnded() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writing {
		moment := time.AfterFunc(resetMoment, s.changed.Broadcast)
		defer moment.Stop()
		for end := time.Now().Add(resetMoment); s.writing && time.Now().Before(end); {
			s.changed.Wait()
		}
	}
	if errors.Is(s.broken, syscall.ECONNRESET) {
		return s.broken
	}
	s.outEnded = true
	s.noteFirst("the connection was closed")
	s.changed.Broadcast()
	return io.EOF
}

// offer adds p to out, as room allows. It is false when the session is over.
func (s *session) offer(p []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(p) > 0 {
		full := s.full(&s.out)
		room := window - s.out.len()
		switch {
		case s.over:
			return false
		case full || room == 0:
			s.changed.Wait()
			continue
		}
		n := min(room, len(p))
		s.out.append(p[:n])
		s.moved.Add(int64(n))
		p = p[n:]
		s.changed.Broadcast()
	}
	return !s.over
}

// full says whether q has its share while all queues together hold too much,
// after asking for room. s.mu is held, but not all the time: whoever is going to
// wait has to look at everything else afterwards, or may wait for a change that
// has been.
func (s *session) full(q *queue) bool {
	if q.len() < fairShare || !q.budget.exceeded() {
		return false
	}
	s.mu.Unlock()
	s.relieve()
	s.mu.Lock()
	return q.len() >= fairShare && q.budget.exceeded()
}

// deliver copies from in to conn. What was received is passed on though the
// session is over.
func (s *session) deliver() {
	var p net.Buffers
	for {
		parts, ok := s.nextDelivery()
		if !ok {
			return
		}
		if len(parts) == 0 {
			closeWrite(s.conn)
			s.passedOn(0, true, nil)
			return
		}
		p = parts
		n, err := p.WriteTo(s.conn) // in one system call
		s.passedOn(int(n), false, err)
		if err != nil {
			s.writeFailed(err)
			return
		}
	}
}

// nextDelivery waits for the next bytes for conn; none are the FIN.
func (s *session) nextDelivery() (parts [][]byte, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.in.len() == 0 && !s.inEnded && !s.over {
		s.changed.Wait()
	}
	if s.in.len() > 0 {
		s.writing = true
		return s.in.parts(s.parts[:0]), true
	}
	return nil, s.inEnded
}

// passedOn notes what conn has taken, and sees to its acknowledgement.
func (s *session) passedOn(n int, fin bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = err
	s.in.drop(s.in.start + uint64(n))
	s.writing = false
	s.written += int64(n)
	s.meter.Carried(int64(n), 0)
	s.moved.Add(int64(n))
	s.inDone = fin
	if !s.ackArmed && !s.over {
		s.ackArmed = true
		s.ackTimer.Reset(ackDelay)
	}
	s.changed.Broadcast()
}

// ackDue is called by ackTimer.
func (s *session) ackDue() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ackArmed, s.ackNow = false, true
	s.changed.Broadcast()
}

// noteFirst remembers which end was first to have sent everything. s.mu is held.
func (s *session) noteFirst(what string) {
	if s.first == "" {
		s.first = what
	}
}

// writeFailed is called when conn takes no more bytes. That is mostly because
// its other end has closed it, and what it had to say before is then still to
// be read. Until the peer has learned of it, what it sends is acknowledged and
// thrown away: it may be in the same situation, and each wait for the other.
func (s *session) writeFailed(err error) {
	if _, ok := s.conn.(halfCloser); !ok || s.conn.SetReadDeadline(time.Now().Add(s.drain)) != nil {
		s.connFailed(err)
	}
	s.pumps.Go(func() {
		s.reading.Wait()
		s.connFailed(err)
	})
	for {
		parts, ok := s.nextDelivery()
		if !ok || len(parts) == 0 {
			return
		}
		s.discard()
	}
}

func (s *session) discard() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing = false
	s.in.clear()
	s.changed.Broadcast()
}
