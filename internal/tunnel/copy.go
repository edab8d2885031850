package tunnel

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// receive copies from the WebSocket to the connection, until the peer has closed
// or nothing can be read any more. It has finished the tunnel then.
func (t *joined) receive() {
	for {
		if !t.deliver() {
			return
		}
		if err := t.ws.fill(); err != nil {
			t.peerFailed(err)
			return
		}
	}
}

// deliver writes what has been read from the WebSocket to the connection, in one
// piece. It reports whether the tunnel goes on.
func (t *joined) deliver() bool {
	out := t.ws.frames.rest[:0] // unmasked, without the headers, it takes no more room
	for {
		p, ok, err := t.ws.next()
		if ok && t.text == nil {
			out = p.appendTo(out)
			continue
		}
		if ok {
			var e *ending
			if out, e = t.text.read(p); e != nil {
				t.finish(*e)
				return false
			}
		}
		if !t.writeConn(out) {
			return false
		}
		if err != nil {
			t.peerFailed(err)
			return false
		}
		if !ok {
			return true
		}
		out = nil
	}
}

// writeConn gives p to the connection. It reports whether that could be done.
func (t *joined) writeConn(p []byte) bool {
	if len(p) == 0 {
		return true
	}
	n, err := t.conn.Write(p)
	t.meter.Carried(int64(n), 0)
	if err != nil {
		t.writeFailed(err)
		return false
	}
	return true
}

// send copies from the connection to the WebSocket. When that is no longer
// possible it reads on and discards, until run ends it.
func (t *joined) send() {
	in := newSource(t.conn, nil)
	defer in.release()
	for {
		p, err := in.read()
		if len(p) > 0 {
			if t.write(&in, p) != nil {
				// Why, receive knows or learns soon: the peer may have said goodbye.
				t.ws.expectEnd()
				in.release()
				_, _ = io.Copy(io.Discard, t.conn)
				return
			}
			t.meter.Carried(0, int64(len(p)))
		}
		if err == io.EOF {
			t.finish(ending{closeNormal, "the connection was closed", nil})
			return
		}
		if err != nil {
			t.connFailed(err)
			return
		}
	}
}

// write sends p, which in has read, and returns when the kernel has it.
func (t *joined) write(in *source, p []byte) error {
	if t.text != nil {
		return t.ws.writeBase64(p)
	}
	return t.ws.write(t.ws.frame(opBinary, in.withRoom()))
}

// writeFailed ends the tunnel because conn takes no more bytes. That is mostly
// because the other end has closed it, and what it had to say before is then
// still to be read: send comes to the end of it.
func (t *joined) writeFailed(err error) {
	if _, ok := t.conn.(halfCloser); ok && t.conn.SetReadDeadline(time.Now().Add(t.drain)) == nil {
		t.sending.Wait()
	}
	t.connFailed(err)
	t.ws.discard()
}

// connFailed ends the tunnel because of an error of the connection.
func (t *joined) connFailed(err error) { t.finish(brokenConn(err)) }

// peerFailed ends the tunnel because nothing more is to be read from the
// WebSocket: the peer has closed, has been told what it did wrong, or is gone.
func (t *joined) peerFailed(err error) {
	closed, isClose := errors.AsType[*CloseError](err)
	_, isFailure := errors.AsType[*failure](err)
	switch {
	case isClose && (closed.Code == int(closeNormal) || closed.Code == int(closeNoCode)):
		t.finish(ending{reason: "the WebSocket peer closed"})
	case isClose:
		t.finish(ending{reason: closed.Error(), err: closed})
	case isFailure:
		t.finish(ending{reason: "protocol error", err: fmt.Errorf("%w: %w", errProtocol, err)})
	default:
		t.ws.abort(net.ErrClosed)
		lost := lostError(err)
		t.finish(ending{reason: lost.Error(), err: lost})
	}
}
