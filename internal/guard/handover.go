package guard

import (
	"io"
	"net"
)

// Hijacked ends the watch: the connection has left HTTP, and what comes next
// is passed as it is. It is for an http.Server's ConnState to call.
func (c *Conn) Hijacked() {
	if c.given { // net/http has it
		c.stash.drop(1)
	}
	c.step = passing
}

// CloseWrite says to the client that there is no more to come.
func (c *Conn) CloseWrite() error {
	if conn, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return conn.CloseWrite()
	}
	return net.ErrClosed
}

// ReadFrom writes what r gives, by the kernel if it can.
func (p *Plain) ReadFrom(r io.Reader) (int64, error) {
	if to, ok := p.Conn.Conn.(io.ReaderFrom); ok {
		return to.ReadFrom(r)
	}
	return io.Copy(struct{ io.Writer }{p.Conn.Conn}, r)
}

// Socket gives the bare socket of a connection that has left HTTP, for who
// knows to read sockets better than by their Read. It is nil while there are
// bytes that the client has sent early. Closing is still this connection's.
func (p *Plain) Socket() net.Conn {
	if below, ok := p.Conn.Conn.(interface{ Socket() net.Conn }); ok && p.step == passing && p.stash.empty() {
		return below.Socket()
	}
	return nil
}
