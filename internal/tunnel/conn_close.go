package tunnel

import (
	"crypto/tls"
	"net"
	"time"
)

const (
	// closeWait bounds the close handshake: how long the peer may take to
	// answer our Close frame.
	closeWait = 5 * time.Second
	// lingerWait is how long a connection stays open, after everything was
	// sent, for a peer that sends nothing and does not close its side;
	// lingerMost is the same for one that does send. Closing while the peer
	// still sends (a ping is enough) makes the kernel reset the connection and
	// throw away what a slow peer has not yet received.
	lingerWait = 30 * time.Second
	lingerMost = 5 * time.Minute
	// answerWait is the same where there is no data to lose, only our Close
	// frame: the peer closed first, or we stop in the middle.
	answerWait = 2 * time.Second
)

// abort ends the connection at once, dropping what is not written yet.
func (c *Conn) abort(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = err
	}
	c.changed.Broadcast()
	c.mu.Unlock()
	conn := c.conn
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn() // closing it would wait to say goodbye
	}
	_ = conn.Close()
}

// CloseNow ends the connection without a close handshake.
func (c *Conn) CloseNow() {
	c.abort(net.ErrClosed)
	c.flushers.Wait()
	_ = c.conn.Close()
}

// expectEnd bounds how long the peer may take to answer a Close frame.
func (c *Conn) expectEnd() { _ = c.conn.SetReadDeadline(time.Now().Add(c.closeWait)) }

// discard reads to the peer's Close frame, or whatever ends instead.
func (c *Conn) discard() {
	for {
		if _, ok, err := c.next(); err != nil {
			return
		} else if ok {
			continue
		}
		if c.fill() != nil {
			return
		}
	}
}

// shut ends the connection when nothing more is to be read from the WebSocket.
// It writes what is queued, says that nothing more comes and waits for the peer
// to do the same, for long if the peer may still have data of ours to read.
// After abort it does not wait.
func (c *Conn) shut(patient bool) {
	guard := time.AfterFunc(c.closeWait, func() { c.abort(net.ErrClosed) })
	c.mu.Lock()
	for c.writing && c.err == nil {
		c.changed.Wait()
	}
	lost := c.err != nil
	if !lost {
		c.err = net.ErrClosed
	}
	c.mu.Unlock()
	guard.Stop()
	c.in.release()
	if !lost && closeWrite(c.conn) {
		c.awaitPeer(patient)
	}
	c.CloseNow()
}

// awaitPeer discards what still comes.
func (c *Conn) awaitPeer(patient bool) {
	wait, most := answerWait, answerWait
	if patient {
		wait, most = c.lingerWait, lingerMost
	}
	end := time.Now().Add(most)
	scrap := getBuffer(0)
	defer putBuffer(scrap)
	for {
		next := time.Now().Add(wait)
		if next.After(end) {
			next = end
		}
		if c.conn.SetReadDeadline(next) != nil {
			return
		}
		if _, err := c.conn.Read(scrap.bytes); err != nil {
			return
		}
	}
}

// halfCloser is a connection that can be closed for writing alone: TCP, TLS and
// Unix sockets.
type halfCloser interface{ CloseWrite() error }

// closeWrite tells the other end that nothing more comes. It reports whether
// that worked.
func closeWrite(c net.Conn) bool {
	half, ok := c.(halfCloser)
	return ok && half.CloseWrite() == nil
}
