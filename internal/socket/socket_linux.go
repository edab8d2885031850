package socket

import (
	"os"
	"syscall"
	"time"
)

// userTimeout is TCP_USER_TIMEOUT (tcp(7), RFC 5482).
const userTimeout = 18

// SetUserTimeout is what Control does, for a socket that is there already.
func SetUserTimeout(raw syscall.RawConn, timeout time.Duration) error {
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = os.NewSyscallError("setsockopt", syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, userTimeout, int(timeout.Milliseconds())))
	})
	if err != nil {
		return err
	}
	return failed
}
