package tunnel

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// unheard is for how long nothing has come from the other end of a connection
// that keeps sending something again, not even an acknowledgement; 0 if there is
// nothing to send, or the other end has no room for it.
func unheard(socket syscall.RawConn) (d time.Duration) {
	if socket == nil {
		return 0
	}
	_ = socket.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil || info.Unacked == 0 || info.Retransmits == 0 || info.Snd_wnd == 0 {
			return
		}
		d = time.Duration(min(info.Last_ack_recv, info.Last_data_recv)) * time.Millisecond
	})
	return d
}
