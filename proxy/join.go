package proxy

import (
	"bufio"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"httpmaster/internal/tunnel"
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
// caller closes both connections. The meter learns what a sends as received, and
// what b sends as sent.
func join(a, b half, grace time.Duration, meter *tunnel.Meter) {
	var other sync.WaitGroup
	other.Go(func() { a.sendTo(b, grace, func(n int64) { meter.Carried(n, 0) }) })
	b.sendTo(a, grace, func(n int64) { meter.Carried(0, n) })
	other.Wait()
}

// sendTo copies everything from h to dst, and tells count of it.
func (h half) sendTo(dst half, grace time.Duration, count func(int64)) {
	err := h.copyTo(dst.conn, count)
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
}

func (h half) copyTo(dst net.Conn, count func(int64)) error {
	early, err := h.early.Peek(h.early.Buffered())
	if err != nil {
		return err
	}
	n, err := dst.Write(early)
	count(int64(n))
	if err != nil {
		return err
	}
	src := bare(h.conn)
	if tcp, ok := bare(dst).(*net.TCPConn); ok && isSocket(src) {
		return splice(tcp, src, count)
	}
	return h.copyRest(dst, count)
}

// spliceStep is after how many bytes that the kernel has copied they are
// counted.
const spliceStep = 64 << 10

// splice copies by the kernel, where it can.
func splice(dst *net.TCPConn, src net.Conn, count func(int64)) error {
	for {
		n, err := dst.ReadFrom(&io.LimitedReader{R: src, N: spliceStep})
		count(n)
		if err != nil || n < spliceStep {
			return err
		}
	}
}

func (h half) copyRest(dst net.Conn, count func(int64)) error {
	buf := copyBuffers.Get().(*[copyBufferSize]byte)
	defer copyBuffers.Put(buf)
	for {
		n, err := h.conn.Read(buf[:])
		written, writeErr := dst.Write(buf[:n])
		count(int64(written))
		switch {
		case writeErr != nil:
			return writeErr
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// isSocket tells whether the kernel can copy from and to c.
func isSocket(c net.Conn) bool {
	switch c.(type) {
	case *net.TCPConn, *net.UnixConn:
		return true
	}
	return false
}

// bare gives the socket below a client's connection, where its bytes are all
// that comes; else c.
func bare(c net.Conn) net.Conn {
	if below, ok := c.(interface{ Socket() net.Conn }); ok {
		if socket := below.Socket(); socket != nil {
			return socket
		}
	}
	return c
}
