package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"httpmaster/internal/front"
	"httpmaster/internal/socket"
)

// keepAlive finds clients that vanished without a word, tunnels' included.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 15 * time.Second, Count: 3}

// listener is one open address. It outlives generations: state is what the
// current one wants served there.
type listener struct {
	key    string
	ln     net.Listener
	front  *front.Listener
	log    *slog.Logger
	panics *atomic.Int64
	// leaving: another process accepts the connections from now on.
	leaving atomic.Bool
	state   atomic.Pointer[port]
	srv     *http.Server
	ending  sync.WaitGroup // of the accept loops, and of servers that srv took the place of

	alive context.Context // ends when these are to be cut off
	cut   context.CancelFunc
}

// listen makes p a listener, of a socket that the process has inherited if there
// is one for it.
func (s *Server) listen(p *port) (*listener, error) {
	ln, err := s.takeInherited(p)
	if ln == nil && err == nil {
		ln, err = open(p)
	}
	if err != nil {
		return nil, err
	}
	l := &listener{key: p.key, ln: ln, log: s.log, panics: &s.events.panics}
	l.alive, l.cut = context.WithCancel(context.Background())
	l.state.Store(p)
	l.front = front.New(ln, p.key, func() *front.Settings { return l.state.Load().front }, s.log, &s.events.front)
	return l, nil
}

// open opens p's socket.
func open(p *port) (net.Listener, error) {
	if p.network == "unix" {
		if err := removeStaleSocket(p.address); err != nil {
			return nil, err
		}
	}
	if p.private {
		return listenPrivate(p.address)
	}
	lc := socket.ListenConfig(keepAlive, p.limits.vanished)
	return lc.Listen(context.Background(), p.network, p.address)
}

// start begins to accept; shutdown ends it.
func (l *listener) start() {
	l.serve(l.state.Load())
	l.ending.Go(l.front.Run)
}

// change makes p what is served. Where its limits are others than before, the
// connections that come from now on get a server with these; the one before
// closes those that are idle and ends with its last request.
func (l *listener) change(p *port) {
	if before := l.state.Swap(p); before.limits == p.limits {
		return
	}
	if tcp, ok := l.ln.(*net.TCPListener); ok {
		if raw, err := tcp.SyscallConn(); err == nil {
			_ = socket.SetUserTimeout(raw, p.limits.vanished)
		}
	}
	old := l.srv
	l.serve(p)
	l.ending.Go(func() {
		if old.Shutdown(l.alive) != nil {
			_ = old.Close()
		}
	})
}

// serve starts the server of p's limits.
func (l *listener) serve(p *port) {
	srv := l.server(p)
	l.srv = srv
	feed := l.front.Feed()
	l.ending.Go(func() {
		if err := srv.Serve(feed); !errors.Is(err, http.ErrServerClosed) {
			l.log.Error("stopped serving connections", "port", l.key, "err", err)
		}
	})
}

// server makes what answers the connections that l.front accepts. The deadlines
// for HTTP/1's heads are the guard's.
func (l *listener) server(p *port) *http.Server {
	return &http.Server{
		Handler:        l,
		IdleTimeout:    p.limits.idle,
		MaxHeaderBytes: p.limits.head,
		HTTP2:          http2Config(&p.limits),
		ConnState:      l.front.State,
		// What net/http reports here is clients' doing: scanners, connections
		// cut short. Of interest when looking for it.
		ErrorLog: log.New(debugWriter{l.log, l.key}, "", 0),
	}
}

// stop closes the address.
func (l *listener) stop() {
	if err := l.front.Close(); err != nil {
		l.log.Warn("closing a port", "port", l.key, "err", err)
	}
}

// shutdown waits, after stop, for requests under way until ctx ends.
func (l *listener) shutdown(ctx context.Context) {
	defer l.cut()
	defer context.AfterFunc(ctx, l.cut)()
	if err := l.srv.Shutdown(ctx); err != nil && ctx.Err() == nil {
		l.log.Warn("closing a port", "port", l.key, "err", err)
	}
	l.ending.Wait()
}

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
