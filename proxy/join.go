package proxy

import (
	"bufio"
	"errors"
	"io"
	"net"
	"time"
)

// afterError is how long one direction may go on when the other one has
// broken: what is on its way still arrives, and nothing stays open for ever.
const afterError = 10 * time.Second

// half is one end of an upgraded connection: conn, and what was read from it
// already.
type half struct {
	conn  net.Conn
	early *bufio.Reader // only its buffer is read
}

// join carries bytes between a and b until both directions have ended. When
// one end says that it has no more to send, the other is told so and may go
// on sending itself. The caller closes both connections.
func join(a, b half) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.sendTo(b)
	}()
	b.sendTo(a)
	<-done
}

// sendTo copies everything from h to dst.
func (h half) sendTo(dst half) {
	err := h.copyTo(dst.conn)
	if halfCloser, ok := dst.conn.(interface{ CloseWrite() error }); ok {
		err = errors.Join(err, halfCloser.CloseWrite())
	} else {
		dst.conn.Close() // the only way to say that this is the end
	}
	if err != nil {
		soon := time.Now().Add(afterError)
		h.conn.SetDeadline(soon)
		dst.conn.SetDeadline(soon)
	}
}

func (h half) copyTo(dst net.Conn) error {
	if n := h.early.Buffered(); n > 0 {
		early, err := h.early.Peek(n)
		if err != nil {
			return err
		}
		if _, err := dst.Write(early); err != nil {
			return err
		}
	}
	if isSocket(dst) && isSocket(h.conn) {
		_, err := io.Copy(dst, h.conn) // by the kernel, where it can
		return err
	}
	buf := copyBuffers.Get().(*[copyBufferSize]byte)
	defer copyBuffers.Put(buf)
	// Without the masks io.Copy would find a ReadFrom that makes a buffer of
	// its own.
	_, err := io.CopyBuffer(struct{ io.Writer }{dst}, struct{ io.Reader }{h.conn}, buf[:])
	return err
}

func isSocket(c net.Conn) bool {
	switch c.(type) {
	case *net.TCPConn, *net.UnixConn:
		return true
	}
	return false
}
