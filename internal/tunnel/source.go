package tunnel

import (
	"io"
	"net"
	"syscall"
)

// source reads from a connection, with a buffer only while there is something in
// it: a thousand tunnels that wait hold none. Buffers grow when they are filled.
type source struct {
	conn  net.Conn
	early []byte // read before everything else

	raw  syscall.RawConn // nil: conn can only be waited for with a buffer
	poll func(fd uintptr) bool
	size int     // of the next buffer
	buf  *buffer // nil while nothing is in it
	n    int     // bytes in buf
	err  error   // what poll has found
}

func newSource(conn net.Conn, early []byte) source {
	return source{conn: conn, early: early, raw: rawConn(conn)}
}

// rawConn gives what lies below a connection of the kernel's. Another type may
// do something of its own when it reads.
func rawConn(conn net.Conn) syscall.RawConn {
	if !canPoll {
		return nil
	}
	switch c := conn.(type) {
	case *net.TCPConn:
		raw, _ := c.SyscallConn()
		return raw
	case *net.UnixConn:
		raw, _ := c.SyscallConn()
		return raw
	case interface{ Socket() net.Conn }: // a client's, with nothing held back
		if socket := c.Socket(); socket != nil {
			return rawConn(socket)
		}
	}
	return nil
}

// read waits until something has come and gives it, at least one byte, or an
// error. It is good until the next call.
func (s *source) read() ([]byte, error) {
	if len(s.early) > 0 {
		p := s.early
		s.early = nil
		return p, nil
	}
	s.resize()
	if s.raw == nil {
		s.readConn()
	} else {
		s.readRaw()
	}
	if s.n > 0 {
		return s.buf.bytes[headRoom : headRoom+s.n], nil
	}
	err := s.err
	s.release()
	return nil, err
}

// withRoom gives what read has given, behind headRoom bytes that are free. There
// must have been nothing early.
func (s *source) withRoom() []byte { return s.buf.bytes[:headRoom+s.n] }

// resize chooses the next buffer by how much the last one was filled.
func (s *source) resize() {
	switch {
	case s.buf == nil:
		return
	case s.n == bufferSizes[s.size] && s.size < s.most():
		s.size++
	case s.size > 0 && s.n < bufferSizes[s.size-1]:
		s.size--
	default:
		return
	}
	s.release()
}

// most is the largest buffer of use. TLS, which must be waited for with a
// buffer, gives 16 KiB at once at most.
func (s *source) most() int {
	if s.raw == nil {
		return 1
	}
	return largest
}

// readConn reads as every connection can.
func (s *source) readConn() {
	if s.buf == nil {
		s.buf = getBuffer(s.size)
	}
	s.n, s.err = 0, nil
	for s.n == 0 && s.err == nil {
		s.n, s.err = s.conn.Read(s.buf.bytes[headRoom:])
	}
}

// readRaw waits for conn without a buffer.
func (s *source) readRaw() {
	if s.poll == nil {
		s.poll = s.tryRead
	}
	s.n, s.err = 0, nil
	if err := s.raw.Read(s.poll); err != nil {
		s.err = readError(s.conn, err)
	}
}

// release gives the buffer back.
func (s *source) release() {
	if s.buf != nil {
		putBuffer(s.buf)
		s.buf, s.n = nil, 0
	}
}

// readError is err as conn.Read would give it.
func readError(conn net.Conn, err error) error {
	if err == io.EOF {
		return err
	}
	if op, ok := err.(*net.OpError); ok {
		err = op.Err
	}
	return &net.OpError{Op: "read", Net: conn.LocalAddr().Network(), Source: conn.LocalAddr(), Addr: conn.RemoteAddr(), Err: err}
}
