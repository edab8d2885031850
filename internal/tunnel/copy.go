package tunnel

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"time"

	"nhooyr.io/websocket"
)

// receive copies from the WebSocket to the connection.
func (t *joined) receive() {
	for {
		// The library closes the connection when a context ends, without a
		// word to the peer, so it gets none that does.
		kind, message, err := t.ws.ws.Reader(context.Background())
		if err != nil {
			t.peerFailed(err)
			return
		}
		if t.base64 {
			if kind != websocket.MessageText {
				t.finish(ending{websocket.StatusUnsupportedData, "the base64 subprotocol carries text only", errText})
				return
			}
			message = base64.NewDecoder(base64.StdEncoding, message)
		}
		if !t.deliver(message) {
			return
		}
	}
}

// deliver writes one message to the connection, as it comes. It reports whether
// the tunnel goes on.
func (t *joined) deliver(message io.Reader) bool {
	buf := dataBuffers.get()
	defer dataBuffers.put(buf)
	for {
		n, err := message.Read(buf)
		if err != nil && err != io.EOF {
			// Of a frame that was cut off, the library gives the last bytes
			// as they came, masked: they are not data.
			t.peerFailed(err)
			return false
		}
		if n > 0 {
			written, err := t.conn.Write(buf[:n])
			t.meter.Carried(int64(written), 0)
			if err != nil {
				t.writeFailed(err)
				return false
			}
		}
		if err == io.EOF {
			return true
		}
	}
}

// send copies from the connection to the WebSocket. When that is no longer
// possible it reads on and discards, until closeConn ends it.
func (t *joined) send() {
	buf := idleBuffers.get()
	defer func() { putBuffer(buf) }()
	for {
		n, err := t.conn.Read(buf)
		if n > 0 {
			if t.sendMessage(buf[:n]) != nil {
				// Why, receive knows or learns soon: the peer may have said goodbye.
				_ = t.ws.link.SetReadDeadline(time.Now().Add(t.ws.link.closeWait))
				_, _ = io.Copy(io.Discard, t.conn)
				return
			}
			t.meter.Carried(0, int64(n))
		}
		if err == io.EOF {
			t.finish(ending{websocket.StatusNormalClosure, "the connection was closed", nil})
			return
		}
		if err != nil {
			t.connFailed(err)
			return
		}
		buf = resize(buf, n)
		if t.base64 && len(buf) > idleSize {
			buf = buf[:base64.StdEncoding.DecodedLen(frameSize)]
		}
	}
}

// sendMessage sends p as one message and returns when the kernel has it.
func (t *joined) sendMessage(p []byte) error {
	kind := websocket.MessageBinary
	if t.base64 {
		text := dataBuffers.get()
		defer dataBuffers.put(text)
		kind, p = websocket.MessageText, base64.StdEncoding.AppendEncode(text[:0], p)
	}
	return t.ws.write(kind, p)
}

// writeFailed ends the tunnel because conn takes no more bytes. That is mostly
// because the other end has closed it, and what it had to say before is then
// still to be read: send comes to the end of it.
func (t *joined) writeFailed(err error) {
	if _, ok := t.conn.(halfCloser); ok && t.conn.SetReadDeadline(time.Now().Add(t.drain)) == nil {
		t.sending.Wait()
	}
	t.connFailed(err)
}

// connFailed ends the tunnel because of an error of the connection.
func (t *joined) connFailed(err error) {
	t.finish(brokenConn(err))
}

// peerFailed ends the tunnel because nothing more can be read from the
// WebSocket.
func (t *joined) peerFailed(err error) {
	if closed, ok := errors.AsType[websocket.CloseError](err); ok {
		t.peerClosed(closed)
		return
	}
	_, corrupt := errors.AsType[base64.CorruptInputError](err)
	switch {
	case t.ws.link.lost.Load() != nil:
		t.peerLost()
	case corrupt, errors.Is(err, io.ErrUnexpectedEOF):
		t.finish(ending{websocket.StatusInvalidFramePayloadData, "a message is not base64", errText})
	default:
		t.finish(ending{websocket.StatusProtocolError, "protocol error", fmt.Errorf("%w: %w", errProtocol, err)})
	}
}

// peerClosed ends the tunnel because the peer said so; the library has answered.
func (t *joined) peerClosed(closed websocket.CloseError) {
	switch closed.Code {
	case websocket.StatusNormalClosure, websocket.StatusNoStatusRcvd:
		t.finish(ending{reason: "the WebSocket peer closed"})
	default:
		err := &CloseError{Code: int(closed.Code), Reason: closed.Reason}
		t.finish(ending{reason: err.Error(), err: err})
	}
}

// peerLost ends the tunnel because the WebSocket's own connection broke.
func (t *joined) peerLost() {
	err := lostError(*t.ws.link.lost.Load())
	t.finish(ending{reason: err.Error(), err: err})
}
