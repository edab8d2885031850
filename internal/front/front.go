package front

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"httpmaster/internal/guard"
)

// Settings is what a port wants of its connections. The one that holds when a
// connection is accepted counts for all of its life.
type Settings struct {
	TLS *tls.Config // nil: plain

	MaxConns      int // open at a time on this port
	MaxPerAddress int // of one client: an IPv4 address or an IPv6 network of 64 bits
	// Uncounted are clients for whom MaxPerAddress does not hold.
	Uncounted func(netip.Addr) bool

	SSH   SSH           // takes what speaks SSH; nil: nothing is expected to
	Sniff time.Duration // for the first bytes, where SSH is set

	Handshake time.Duration // for TLS
	Guard     guard.Limits
}

// Counts is what has happened at the front of all ports since the start.
type Counts struct {
	RefusedConnections atomic.Int64 // too many of them
	FailedHandshakes   atomic.Int64
	RefusedRequests    atomic.Int64 // not clear, too large or too slow
}

// Listener accepts the connections of one port.
type Listener struct {
	socket   net.Listener
	name     string
	settings func() *Settings
	log      *slog.Logger
	counts   *Counts
	feed     atomic.Pointer[Feed]
	working  sync.WaitGroup // connections before they are given to a Feed

	left    atomic.Bool     // Leave was called
	context context.Context // ends with Close
	stop    context.CancelFunc

	mu      sync.Mutex
	open    map[*conn]struct{}
	clients map[netip.Addr]int // open connections, of those that are counted
	noted   time.Time          // when a refusal was logged last
	unnoted int                // refusals since then
}

// New makes a Listener that takes connections from socket once Run is called.
// settings gives the present ones; name is the port's, for the log.
func New(socket net.Listener, name string, settings func() *Settings, log *slog.Logger, counts *Counts) *Listener {
	ctx, stop := context.WithCancel(context.Background())
	return &Listener{
		context: ctx, stop: stop,
		socket: socket, name: name, settings: settings, log: log, counts: counts,
		open:    make(map[*conn]struct{}),
		clients: make(map[netip.Addr]int),
	}
}

// Close closes the socket, and the connections that have not been given to a
// server yet. The server's own are the server's to end. It is called once.
func (l *Listener) Close() error {
	l.mu.Lock()
	l.stop()
	for c := range l.open {
		if !c.served.Load() {
			_ = c.Conn.Close()
		}
	}
	l.mu.Unlock()
	return l.closeSocket()
}

// Leave closes the socket only: connections that have been accepted go on as if
// nothing had happened. It is called once, and Close afterwards.
func (l *Listener) Leave() error {
	l.left.Store(true)
	return l.closeSocket()
}

func (l *Listener) closeSocket() error {
	if err := l.socket.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil // by Leave
}

// Run accepts connections until Close, and returns when none of them is waiting
// for a server any more and those of SSH have ended.
func (l *Listener) Run() {
	var pause backOff
	for {
		socket, err := l.socket.Accept()
		if err == nil {
			pause.reset()
			l.accepted(socket)
			continue
		}
		if l.left.Load() || l.isClosed() {
			break
		}
		l.acceptFailed(err, &pause)
	}
	l.working.Wait()
}

func (l *Listener) isClosed() bool {
	return l.context.Err() != nil
}

// accepted brings a new connection on its way. What needs no waiting for the
// client is done at once.
func (l *Listener) accepted(socket net.Conn) {
	s := l.settings()
	c := l.admit(socket, s)
	if c == nil {
		_ = socket.Close()
		return
	}
	switch {
	case s.SSH != nil:
		l.working.Go(func() { l.sniff(c, s) })
	case s.TLS != nil:
		l.working.Go(func() { l.handshake(c, s) })
	default:
		l.proceed(c, s)
	}
}

// proceed goes on with a connection that speaks TLS or HTTP, as the port does.
func (l *Listener) proceed(c *conn, s *Settings) {
	if s.TLS != nil {
		l.handshake(c, s)
		return
	}
	l.serve(c, guard.NewPlain(c, &s.Guard, l.refused))
}

// serve gives a connection to the server of now.
func (l *Listener) serve(c *conn, ready net.Conn) {
	c.served.Store(true)
	for {
		feed := l.feed.Load()
		select {
		case feed.ready <- ready:
			return
		case <-feed.closed:
		}
		if l.feed.Load() == feed {
			_ = c.Close()
			return
		}
	}
}

// refused is told by guards about requests they do not let through.
func (l *Listener) refused(c *guard.Conn, r *guard.Refusal) {
	l.counts.RefusedRequests.Add(1)
	l.log.Debug("a request was refused", "port", l.name, "client", c.RemoteAddr(), "status", r.Status, "reason", r.Reason)
}

// State is the ConnState of the server that has a Feed of l.
func (l *Listener) State(nc net.Conn, state http.ConnState) {
	var c *conn
	var g *guard.Conn
	switch nc := nc.(type) {
	case *guard.Plain:
		c, g = nc.Conn.Conn.(*conn), &nc.Conn
	case *guard.TLS:
		c, g = nc.Conn.Conn.(*tls.Conn).NetConn().(*conn), &nc.Conn
	case *tls.Conn:
		c = nc.NetConn().(*conn)
	}
	switch state {
	case http.StateIdle:
		c.idle.Store(time.Now().UnixNano())
	case http.StateActive:
		c.idle.Store(0)
	case http.StateHijacked:
		c.idle.Store(0)
		g.Hijacked()
	}
}

// Open is how many connections are open.
func (l *Listener) Open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open)
}
