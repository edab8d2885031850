package front

import (
	"net"
	"net/netip"
	"time"

	"httpmaster/router"
)

// notePause is how often refused connections are worth a line in the log.
const notePause = time.Minute

// admit counts a new connection, or gives nil if there are too many.
func (l *Listener) admit(socket net.Conn, s *Settings) *conn {
	c := &conn{Conn: socket, l: l, client: subscriber(socket.RemoteAddr())}
	if c.client.IsValid() && s.Uncounted != nil && s.Uncounted(c.client) {
		c.client = netip.Addr{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.isClosed():
		return nil
	case len(l.open) >= s.MaxConns:
		l.turnAway(c, "maxConnections", s.MaxConns)
		return nil
	case c.client.IsValid() && l.clients[c.client] >= s.MaxPerAddress:
		l.turnAway(c, "maxConnectionsPerAddress", s.MaxPerAddress)
		return nil
	}
	l.open[c] = struct{}{}
	if c.client.IsValid() {
		l.clients[c.client]++
	}
	return c
}

// turnAway notes that c is refused. l.mu is held.
func (l *Listener) turnAway(c *conn, limit string, most int) {
	l.counts.RefusedConnections.Add(1)
	l.unnoted++
	if time.Since(l.noted) < notePause {
		return
	}
	l.log.Warn("connections are refused: too many are open", "port", l.name,
		"limit", limit, "most", most, "client", c.RemoteAddr(), "refused", l.unnoted)
	l.noted, l.unnoted = time.Now(), 0
}

func (l *Listener) release(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
	if !c.client.IsValid() {
		return
	}
	if l.clients[c.client]--; l.clients[c.client] == 0 {
		delete(l.clients, c.client)
	}
}

// subscriber is what is counted as one client. It is not valid for a Unix
// socket, whose peers have no address.
func subscriber(addr net.Addr) netip.Addr {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return router.Subscriber(tcp.AddrPort().Addr())
}
