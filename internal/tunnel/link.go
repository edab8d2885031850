package tunnel

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// closeWait bounds the close handshake: how long the peer may take to
	// answer our close frame.
	closeWait = 5 * time.Second
	// lingerWait is how long a connection stays open, after everything was
	// sent, for a peer that sends nothing and does not close its side;
	// lingerMost is the same for one that does send. Closing while the peer
	// still sends (a ping is enough) makes the kernel reset the connection and
	// throw away what a slow peer has not yet received.
	lingerWait = 30 * time.Second
	lingerMost = 5 * time.Minute
	// answerWait is the same where there is no data to lose, only our close
	// frame: the peer closed first, or we stop in the middle.
	answerWait = 2 * time.Second
	// maxPending bounds what control frames may add to the output of a peer
	// that does not read.
	maxPending = 256 << 10
)

// link is the connection below a WebSocket, on either side. It exists because
// the WebSocket library gives up on a connection when a pong or a close frame
// cannot be written within 5 seconds, which happens whenever the peer is slow
// to read. So Write only appends to a buffer, which never blocks, and
// backpressure is applied one level up: send writes a message between hold and
// flush, and flush returns when the kernel has taken everything. As a side
// effect a message reaches the kernel in one piece.
type link struct {
	conn      net.Conn
	in        io.Reader // conn, preceded by what net/http had read of it already
	pingFrame []byte    // a ping without payload, as this side writes it

	closeWait, lingerWait time.Duration
	patient               atomic.Bool // a slow peer is to get everything before the end

	received atomic.Int64 // bytes read, control frames included
	reading  atomic.Bool  // the library waits for the peer, not for our target
	lost     atomic.Pointer[error]

	mu       sync.Mutex
	changed  sync.Cond // on mu: flushing ended, pending was taken, or err was set
	pending  []byte    // not yet given to the kernel; from frameBuffers, or nil
	flushing bool      // somebody is writing to conn
	held     bool      // send is in the middle of a message and will flush it
	pingDue  bool      // a ping is to follow that message
	err      error     // why nothing can be written any more
	flushers sync.WaitGroup
}

func newLink(conn net.Conn, in io.Reader, pingFrame []byte) *link {
	l := &link{conn: conn, in: in, pingFrame: pingFrame, closeWait: closeWait, lingerWait: lingerWait}
	l.changed.L = &l.mu
	return l
}

// Read is the library's side. An error is kept as the reason the WebSocket was
// lost, which tells it from one that the library finds in the frames.
func (l *link) Read(p []byte) (int, error) {
	l.reading.Store(true)
	n, err := l.in.Read(p)
	l.reading.Store(false)
	l.received.Add(int64(n))
	if err != nil {
		l.lost.CompareAndSwap(nil, &err)
	}
	return n, err
}

// Write is the library's side. It blocks only when control frames alone have
// filled the buffer.
func (l *link) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.err == nil && len(l.pending)+len(p) > maxPending {
		l.startFlush()
		l.changed.Wait()
	}
	if l.err != nil {
		return 0, l.err
	}
	l.append(p)
	if !l.held {
		l.startFlush()
	}
	return len(p), nil
}

// append adds p to what is pending. l.mu is held.
func (l *link) append(p []byte) {
	if l.pending == nil {
		l.pending = frameBuffers.get()[:0]
	}
	l.pending = append(l.pending, p...)
}

// ping sends a ping, behind the message if send is in the middle of one. The
// library's own Ping closes the connection when its context ends while it
// writes, and without an end it waits for ever for an answer that may never come
// (RFC 6455, 5.5.3: only the latest ping need be answered). Outside a message
// the output is always between two frames, for the library writes a control
// frame in one piece.
func (l *link) ping() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held {
		l.pingDue = true
		return
	}
	if l.err == nil && len(l.pending) < maxPending {
		l.append(l.pingFrame)
		l.startFlush()
	}
}

// startFlush lets a goroutine of its own write what is pending, unless somebody
// writes already. It ends when nothing is pending; Close waits for it. l.mu is
// held.
func (l *link) startFlush() {
	if l.flushing || len(l.pending) == 0 {
		return
	}
	l.flushing = true
	l.flushers.Go(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.writePending()
	})
}

// hold announces a message: until flush, Write leaves the writing to the caller.
func (l *link) hold() {
	l.mu.Lock()
	l.held = true
	l.mu.Unlock()
}

// flush returns when the kernel has everything that was written.
func (l *link) flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = false
	if l.pingDue {
		l.pingDue = false
		l.append(l.pingFrame)
	}
	for l.flushing {
		l.changed.Wait()
	}
	l.flushing = true
	l.writePending()
	return l.err
}

// writePending writes until nothing is pending. l.mu is held, but not while
// writing; l.flushing is the caller's.
func (l *link) writePending() {
	for len(l.pending) > 0 && l.err == nil {
		p := l.pending
		l.pending = nil
		l.mu.Unlock()
		_, err := l.conn.Write(p)
		frameBuffers.put(p)
		l.mu.Lock()
		if err != nil {
			l.fail(err)
		}
		l.changed.Broadcast()
	}
	l.flushing = false
	l.changed.Broadcast()
}

// fail makes every later Write return err. l.mu is held.
func (l *link) fail(err error) {
	if l.err == nil {
		l.err = err
	}
	l.changed.Broadcast()
}

// blocked says whether the peer's lack of reading keeps something from being
// written.
func (l *link) blocked() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.flushing
}

// abort ends the connection at once, dropping what is not written yet.
func (l *link) abort(err error) {
	l.mu.Lock()
	l.fail(err)
	l.mu.Unlock()
	_ = l.conn.Close()
}

// Close is the library's side, called once when the WebSocket has ended. After
// abort it returns at once; otherwise it writes what is pending, says that
// nothing more comes, and waits for the peer to do the same.
func (l *link) Close() error {
	l.mu.Lock()
	aborted := l.err != nil
	if !aborted {
		guard := time.AfterFunc(l.closeWait, func() { _ = l.conn.Close() })
		for l.flushing || len(l.pending) > 0 && l.err == nil {
			l.startFlush()
			l.changed.Wait()
		}
		guard.Stop()
	}
	l.fail(net.ErrClosed)
	l.mu.Unlock()
	if !aborted {
		l.awaitPeer()
	}
	err := l.conn.Close()
	l.flushers.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// awaitPeer half-closes the connection and discards what still comes. It reads
// from conn, because the library may still be reading from in.
func (l *link) awaitPeer() {
	if !closeWrite(l.conn) {
		return
	}
	wait, most := answerWait, answerWait
	if l.patient.Load() {
		wait, most = l.lingerWait, lingerMost
	}
	end := time.Now().Add(most)
	scrap := idleBuffers.get()
	defer idleBuffers.put(scrap)
	for {
		next := time.Now().Add(wait)
		if next.After(end) {
			next = end
		}
		if l.conn.SetReadDeadline(next) != nil {
			return
		}
		if _, err := l.conn.Read(scrap); err != nil {
			return
		}
	}
}

// expectClose is called before we send the first close frame, and bounds the
// wait for the answer: the library does so between frames, but not within one.
func (l *link) expectClose(patient bool) {
	l.patient.Store(patient)
	_ = l.conn.SetReadDeadline(time.Now().Add(l.closeWait))
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

// The library takes the link for the connection itself.
var _ net.Conn = (*link)(nil)

func (l *link) LocalAddr() net.Addr                { return l.conn.LocalAddr() }
func (l *link) RemoteAddr() net.Addr               { return l.conn.RemoteAddr() }
func (l *link) SetDeadline(t time.Time) error      { return l.conn.SetDeadline(t) }
func (l *link) SetReadDeadline(t time.Time) error  { return l.conn.SetReadDeadline(t) }
func (l *link) SetWriteDeadline(t time.Time) error { return l.conn.SetWriteDeadline(t) }
