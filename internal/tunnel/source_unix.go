//go:build unix

package tunnel

import (
	"io"
	"os"
	"syscall"
)

const canPoll = true

// tryRead reads if there is something. It takes a buffer for that only as long
// as it finds nothing.
func (s *source) tryRead(fd uintptr) (done bool) {
	if s.buf == nil {
		s.buf = getBuffer(s.size)
	}
	for {
		n, err := syscall.Read(int(fd), s.buf.bytes[headRoom:])
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			s.release()
			return false
		case err != nil:
			s.err = readError(s.conn, os.NewSyscallError("read", err))
		case n == 0:
			s.err = io.EOF
		default:
			s.n = n
		}
		return true
	}
}
