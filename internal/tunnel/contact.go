package tunnel

import (
	"crypto/tls"
	"errors"
	"net"
	"syscall"
	"time"
)

// contactWait is for how long the kernel must have heard nothing of a peer, while
// it sends a ping to it again and again, for the peer to have vanished. One that
// lives acknowledges it, though it may be too busy to answer. This finds out
// sooner than several pings, or the kernel's own limit behind the first of them.
const contactWait = 30 * time.Second

var errVanished = errors.New("the other end of the WebSocket has vanished: it acknowledges nothing any more")

// vanished says whether that has happened. Linux alone can tell.
func (c *Conn) vanished() bool { return unheard(c.socket) >= contactWait }

// socketOf gives what lies below conn, below TLS too, nil if it is not a socket.
// Nobody may be reading from conn yet.
func socketOf(conn net.Conn) syscall.RawConn {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	return rawConn(conn)
}
