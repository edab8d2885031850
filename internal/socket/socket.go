// Package socket sets what net does not on TCP sockets.
package socket

import (
	"strings"
	"syscall"
	"time"
)

// Control gives the Control of a net.Dialer or net.ListenConfig that ends
// connections whose peer has acknowledged nothing of what was sent to it for
// timeout, or has had no room for it for so long: a peer that has vanished in
// the middle of a transfer is noticed then, where the kernel would go on trying
// for a quarter of an hour. What a listener accepts has it from the listener.
// It does nothing on other systems than Linux.
func Control(timeout time.Duration) func(network, address string, raw syscall.RawConn) error {
	return func(network, _ string, raw syscall.RawConn) error {
		if !isTCP(network) {
			return nil
		}
		return SetUserTimeout(raw, timeout)
	}
}

func isTCP(network string) bool { return strings.HasPrefix(network, "tcp") }
