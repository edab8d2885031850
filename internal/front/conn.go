package front

import (
	"io"
	"net"
	"net/netip"
	"sync/atomic"
)

// conn is an accepted connection that counts until it is closed.
type conn struct {
	net.Conn
	l      *Listener
	client netip.Addr  // as it is counted; not valid where it is not
	early  []byte      // read already, and not given out
	served atomic.Bool // somebody else's to end
	done   atomic.Bool
	idle   atomic.Int64 // since when, in nanoseconds of Unix time; 0 while it is not
}

// Close closes the connection and lets another one in.
func (c *conn) Close() error {
	if c.done.CompareAndSwap(false, true) {
		c.l.release(c)
	}
	return c.Conn.Close()
}

// CloseWrite says to the client that there is no more to come.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return net.ErrClosed
}

// ReadFrom writes what r gives, by the kernel if it can.
func (c *conn) ReadFrom(r io.Reader) (int64, error) {
	if to, ok := c.Conn.(io.ReaderFrom); ok {
		return to.ReadFrom(r)
	}
	return io.Copy(struct{ io.Writer }{c.Conn}, r)
}

// Socket gives the socket itself, or nil while some of its bytes are here.
func (c *conn) Socket() net.Conn {
	if len(c.early) > 0 {
		return nil
	}
	return c.Conn
}
