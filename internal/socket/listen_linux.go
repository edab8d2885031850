package socket

import (
	"net"
	"os"
	"syscall"
	"time"
)

// ListenConfig gives the configuration of a listener whose connections send
// keep-alive probes as keepAlive says and end as Control says. The options are
// set once, on the listener: what it accepts has them from there (tcp(7)),
// which spares each connection four system calls.
func ListenConfig(keepAlive net.KeepAliveConfig, timeout time.Duration) *net.ListenConfig {
	lc := &net.ListenConfig{KeepAlive: -1} // or net would set its own on each connection
	lc.SetMultipathTCP(false)              // which does not hand on all of them
	lc.Control = func(network, address string, raw syscall.RawConn) error {
		if err := Control(timeout)(network, address, raw); err != nil || !keepAlive.Enable || !isTCP(network) {
			return err
		}
		return setKeepAlive(raw, keepAlive)
	}
	return lc
}

func setKeepAlive(raw syscall.RawConn, k net.KeepAliveConfig) error {
	var failed error
	err := raw.Control(func(fd uintptr) {
		for _, o := range [...]struct{ level, name, value int }{
			{syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
			{syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, int(k.Idle / time.Second)},
			{syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, int(k.Interval / time.Second)},
			{syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, k.Count},
		} {
			if failed = os.NewSyscallError("setsockopt", syscall.SetsockoptInt(int(fd), o.level, o.name, o.value)); failed != nil {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	return failed
}
