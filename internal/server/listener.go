package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// Deadlines and limits of what arrives before a request is known. A body has
// no deadline as a whole: proxies carry downloads that take hours.
const (
	headerTimeout   = 10 * time.Second // TLS handshake, then the request's head
	idleTimeout     = 75 * time.Second // between two requests on a connection
	maxHeaderBytes  = 64 << 10
	maxHTTP2Streams = 250
)

// keepAlive finds clients that vanished without a word, tunnels' included.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 15 * time.Second, Count: 3}

// listener is one open address. It outlives generations: state is what the
// current one wants served there.
type listener struct {
	key   string
	ln    net.Listener
	srv   *http.Server
	log   *slog.Logger
	state atomic.Pointer[port]
	ended chan struct{} // closed when the accept loop has returned
}

func listen(p *port, logger *slog.Logger) (*listener, error) {
	if p.network == "unix" {
		if err := removeStaleSocket(p.address); err != nil {
			return nil, err
		}
	}
	lc := net.ListenConfig{KeepAliveConfig: keepAlive}
	ln, err := lc.Listen(context.Background(), p.network, p.address)
	if err != nil {
		return nil, err
	}
	l := &listener{key: p.key, ln: ln, log: logger, ended: make(chan struct{})}
	l.state.Store(p)
	l.srv = &http.Server{
		Handler:           l,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxHTTP2Streams},
		// What net/http reports here is clients' doing: failed handshakes,
		// scanners, connections cut short. Of interest when looking for it.
		ErrorLog: log.New(debugWriter{logger, p.key}, "", 0),
	}
	return l, nil
}

// start begins to accept; shutdown ends it.
func (l *listener) start() {
	go l.accept()
}

func (l *listener) accept() {
	defer close(l.ended)
	if err := l.srv.Serve(tlsWhenAsked{l}); !errors.Is(err, http.ErrServerClosed) {
		l.log.Error("stopped accepting connections", "port", l.key, "err", err)
	}
}

// shutdown stops accepting and waits for requests under way until ctx ends.
func (l *listener) shutdown(ctx context.Context) {
	if err := l.srv.Shutdown(ctx); err != nil && ctx.Err() == nil {
		l.log.Warn("closing a port", "port", l.key, "err", err)
	}
	<-l.ended
}

// tlsWhenAsked is the listener as net/http sees it. Whether a connection
// speaks TLS is decided when it is accepted, so that a reload can add TLS to a
// port or take it away with the socket kept. Plain connections stay the
// *net.TCPConn they are, which lets the kernel copy bodies.
type tlsWhenAsked struct{ l *listener }

func (t tlsWhenAsked) Accept() (net.Conn, error) {
	conn, err := t.l.ln.Accept()
	if err != nil {
		return nil, err
	}
	if config := t.l.state.Load().tls; config != nil {
		return tls.Server(conn, config), nil
	}
	return conn, nil
}

func (t tlsWhenAsked) Close() error   { return t.l.ln.Close() }
func (t tlsWhenAsked) Addr() net.Addr { return t.l.ln.Addr() }

// debugWriter makes lines of net/http's error log debug records of ours.
type debugWriter struct {
	log  *slog.Logger
	port string
}

func (d debugWriter) Write(line []byte) (int, error) {
	text := string(line)
	if n := len(text); n > 0 && text[n-1] == '\n' {
		text = text[:n-1]
	}
	d.log.Debug(text, "port", d.port)
	return len(line), nil
}

// removeStaleSocket removes the socket file that a killed process left behind.
// One that still answers, or is no socket at all, is left alone and an error.
func removeStaleSocket(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSocket == 0 {
		return fmt.Errorf("%s exists and is not a socket: remove it or choose another name", path)
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		conn.Close()
		return fmt.Errorf("another process is listening on %s: stop it or choose another name", path)
	}
	return os.Remove(path)
}

// bindAdvice adds what to do to the errors that everybody meets once.
func bindAdvice(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w: another program uses this port; stop it or choose another one", err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%w: ports below 1024 need the capability CAP_NET_BIND_SERVICE (see docs/deploy.md), root, or another number", err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%w: no network interface of this machine has this address", err)
	}
	return err
}
