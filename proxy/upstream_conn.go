package proxy

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// readBufferSize is as much as most responses have in head and body together.
const readBufferSize = 8 << 10

var readBuffers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, readBufferSize) }}

// briefly is how long a read of a connection waits before it takes the trouble
// to be woken when the client leaves. Most responses come sooner.
const briefly = 50 * time.Millisecond

// upstreamConn is a connection for HTTP/1.1, used by one call at a time. What
// it reads, it reads on the goroutine of the call.
type upstreamConn struct {
	net.Conn
	pool      *pool // nil for one of an upgrade, which no other call gets to use
	host      *poolHost
	kept      bool      // it has been used before
	idleSince time.Time // when put into the pool
	peeker    peeker

	call   *call                 // under way
	br     *bufio.Reader         // nil while idle
	armed  bool                  // the next Read has its deadline already
	spoilt bool                  // abort may still come
	failed atomic.Pointer[error] // why reading is to end; set by abort

	beforeWait func() // called before a Read, which may wait; nil for nothing
}

func newUpstreamConn(conn net.Conn, p *pool, h *poolHost) *upstreamConn {
	k := &upstreamConn{Conn: conn, pool: p, host: h}
	k.peeker.init(conn)
	return k
}

// quiet tells whether a connection that is idle is as it was left: open, and
// nothing has come that nobody asked for.
func (k *upstreamConn) quiet() bool { return k.peeker.quiet() }

// begin makes k ready for c.
func (k *upstreamConn) begin(c *call) {
	k.call = c
	k.br = readBuffers.Get().(*bufio.Reader)
	k.br.Reset(k)
}

// drop closes k, which is of no more use.
func (k *upstreamConn) drop() {
	k.Close()
	k.end()
	if k.pool != nil {
		k.pool.giveUp(k.host)
	}
}

// end makes k ready for the pool, and gives back what is needed only while a
// call is under way.
func (k *upstreamConn) end() {
	k.br.Reset(nil)
	readBuffers.Put(k.br)
	k.br, k.call, k.beforeWait = nil, nil, nil
	k.kept = true
}

// Read reads for br. It waits as long as the call's watchdog has time left,
// and until abort or the end of the call's context.
func (k *upstreamConn) Read(p []byte) (int, error) {
	if k.beforeWait != nil {
		k.beforeWait()
	}
	if !k.armed {
		k.SetReadDeadline(time.Now().Add(min(briefly, k.call.watch.left())))
	}
	k.armed = false
	n, err := k.Conn.Read(p)
	if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	return k.readLong(p)
}

func (k *upstreamConn) readLong(p []byte) (int, error) {
	release := k.whenDone()
	defer release()
	for {
		left := k.call.watch.left()
		if left <= 0 {
			return 0, errUpstreamIdle
		}
		k.SetReadDeadline(time.Now().Add(left))
		// Set behind the deadline, or the one of abort would be undone.
		if err := k.failed.Load(); err != nil {
			return 0, *err
		}
		n, err := k.Conn.Read(p)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
	}
}

// whenDone has reading aborted when the call's context is done, until release.
func (k *upstreamConn) whenDone() (release func()) {
	ctx := k.call.ctx
	stop := context.AfterFunc(ctx, func() { k.abort(context.Cause(ctx)) })
	return func() { k.spoilt = k.spoilt || !stop() }
}

// abort ends a Read that waits, with err. The connection is of no more use.
func (k *upstreamConn) abort(err error) {
	k.failed.CompareAndSwap(nil, &err)
	k.SetReadDeadline(time.Unix(1, 0))
}
