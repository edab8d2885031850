package proxy

import (
	"bufio"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// afterError is the grace of upgraded connections.
const afterError = 10 * time.Second

// half is one end of an upgraded connection: conn, and what was read from it
// already.
type half struct {
	conn  net.Conn
	early *bufio.Reader // only its buffer is read
}

// join carries bytes between a and b until both directions have ended. When
// one end says that it has no more to send, the other is told so and may go
// on sending itself. When one direction breaks, the other may go on for grace:
// what is on its way still arrives, and nothing stays open for ever. The
// caller closes both connections, and is told the bytes that went each way.
func join(a, b half, grace time.Duration) (fromA, fromB int64) {
	var other sync.WaitGroup
	other.Go(func() { fromA = a.sendTo(b, grace) })
	fromB = b.sendTo(a, grace)
	other.Wait()
	return fromA, fromB
}

// sendTo copies everything from h to dst.
func (h half) sendTo(dst half, grace time.Duration) (sent int64) {
	sent, err := h.copyTo(dst.conn)
	if halfCloser, ok := dst.conn.(interface{ CloseWrite() error }); ok {
		err = errors.Join(err, halfCloser.CloseWrite())
	} else {
		dst.conn.Close() // the only way to say that this is the end
	}
	if err != nil {
		soon := time.Now().Add(grace)
		h.conn.SetDeadline(soon)
		dst.conn.SetDeadline(soon)
	}
	return sent
}

func (h half) copyTo(dst net.Conn) (int64, error) {
	early, err := h.early.Peek(h.early.Buffered())
	if err != nil {
		return 0, err
	}
	if n, err := dst.Write(early); err != nil {
		return int64(n), err
	}
	n, err := h.copyRest(dst)
	return int64(len(early)) + n, err
}

func (h half) copyRest(dst net.Conn) (int64, error) {
	if isSocket(dst) && isSocket(h.conn) {
		return io.Copy(dst, h.conn) // by the kernel, where it can
	}
	buf := copyBuffers.Get().(*[copyBufferSize]byte)
	defer copyBuffers.Put(buf)
	// Without the masks io.Copy would find a ReadFrom that makes a buffer of
	// its own.
	return io.CopyBuffer(struct{ io.Writer }{dst}, struct{ io.Reader }{h.conn}, buf[:])
}

func isSocket(c net.Conn) bool {
	switch c.(type) {
	case *net.TCPConn, *net.UnixConn:
		return true
	}
	return false
}
