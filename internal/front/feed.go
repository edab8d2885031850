package front

import (
	"net"
	"sync"
)

// Feed is a Listener as an http.Server wants one: its Accept gives connections
// that are ready for HTTP.
type Feed struct {
	addr   net.Addr
	ready  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// Feed makes a new Feed, which from now on gets the connections in place of
// the one before. The first is to be there before Run is called.
func (l *Listener) Feed() *Feed {
	f := &Feed{addr: l.socket.Addr(), ready: make(chan net.Conn), closed: make(chan struct{})}
	l.feed.Store(f)
	return f
}

// Accept waits for the next connection.
func (f *Feed) Accept() (net.Conn, error) {
	select {
	case conn := <-f.ready:
		return conn, nil
	case <-f.closed:
		return nil, net.ErrClosed
	}
}

// Close makes Accept end. The Listener stays open.
func (f *Feed) Close() error {
	f.once.Do(func() { close(f.closed) })
	return nil
}

// Addr is where the Listener listens.
func (f *Feed) Addr() net.Addr { return f.addr }
