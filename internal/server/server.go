// Package server runs configs: it builds a generation of handlers from a
// config, binds its ports, and swaps one generation for the next without
// closing a listener that both of them have.
//
//	srv := server.New(log)
//	cfg, faults := config.Load("config.yaml")
//	gen := srv.Build(cfg, faults)
//	if err := faults.Err(); err != nil { ... }
//	if err := srv.Apply(gen); err != nil { ... }
//	...
//	srv.Shutdown(ctx)
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"httpmaster/internal/metrics"
	"httpmaster/internal/middleware"
	"httpmaster/internal/tunnel"
)

// Server serves the ports of one config after another. Make one with New.
type Server struct {
	// DropPrivileges, if not nil, is called once by the first Apply, between
	// opening the ports and the first connection: from here on the process
	// needs no rights but those to its own files, of which paths must become
	// the new user's. Its error is Apply's.
	DropPrivileges func(paths []string) error
	// Version is what the program calls itself, for its status.
	Version string
	// Admin, if not nil, is what the admin socket does.
	Admin *Admin

	log      *slog.Logger
	tunnels  tunnel.Registry
	sessions *tunnel.Sessions
	counts   tunnel.Counts
	tickets  *middleware.Tickets
	shared   *resources
	metrics  func() http.Handler
	events   counts

	mu        sync.Mutex // held by Apply and Shutdown
	current   *Generation
	listeners map[string]*listener // by address key
	inherited []inheritedSocket    // until the first Apply
	stopped   bool
	ending    chan struct{} // closed by Shutdown
	pages     atomic.Int64  // status pages that are open
	recent    recentEvents
	history   history

	draining sync.WaitGroup // listeners of removed ports that finish their requests
}

// New makes a server that listens nowhere yet. It tells log what happens.
func New(log *slog.Logger) *Server {
	s := &Server{
		sessions: tunnel.NewSessions(), tickets: middleware.NewTickets(),
		listeners: make(map[string]*listener), ending: make(chan struct{}),
	}
	log = slog.New(remembering{Handler: log.Handler(), events: &s.recent})
	s.log, s.shared = log, newResources(log)
	s.history.started = time.Now()
	s.metrics = sync.OnceValue(func() http.Handler { return metrics.Handler(s.Status, log) })
	return s
}

// NewDry makes a server that only builds, for looking at what comes of a
// config: its Build makes nothing on the disk, no log file and no certificate
// authority, and what it gives can be explained. It cannot be applied.
func NewDry(log *slog.Logger) *Server {
	s := New(log)
	s.shared.dry = true
	return s
}

// errDry is what Apply gives a server of NewDry.
var errDry = errors.New("this server only builds")

// ErrStopped is what Apply gives after Shutdown.
var ErrStopped = errors.New("the server has been stopped")

// Apply makes gen the one that is served. It binds the addresses that are new
// first; when one cannot be bound it closes those again, releases gen, and
// leaves everything as it was. After that nothing can fail: ports that stay
// change over from one request to the next, ports that left stop accepting
// and finish what they have begun.
func (s *Server) Apply(gen *Generation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shared.dry {
		gen.release()
		return errDry
	}
	if s.stopped {
		gen.release()
		return ErrStopped
	}
	added, err := s.bind(gen)
	if err != nil {
		gen.release()
		return err
	}
	if err := s.dropPrivileges(gen, added); err != nil {
		closeAll(added)
		gen.release()
		return err
	}
	s.dropInherited()
	for _, p := range gen.ports {
		if l, ok := s.listeners[p.key]; ok {
			l.change(p)
		}
	}
	for _, l := range added {
		s.listeners[l.key] = l
		l.start()
	}
	for key, l := range s.listeners {
		if gen.port(key) == nil {
			delete(s.listeners, key)
			s.drain(l)
		}
	}
	old := s.current
	s.current = gen
	s.keepTunnels(gen)
	s.history.applied(old == nil)
	s.shared.acmes.serve(gen)
	for _, balancer := range gen.checked {
		balancer.Start()
	}
	if old != nil {
		old.release()
	}
	return nil
}

// keepTunnels has the tunnels of rules that gen does not have, or has changed,
// closed in a while.
func (s *Server) keepTunnels(gen *Generation) {
	stale := s.tunnels.Keep(gen.ways, gen.staleAfter)
	switch {
	case stale == 0:
	case gen.staleAfter < 0:
		s.log.Info("tunnels of rules that were changed or removed stay open", "tunnels", stale)
	default:
		s.log.Info("tunnels of rules that were changed or removed will be closed", "tunnels", stale, "after", gen.staleAfter)
	}
}

// bind opens the addresses of gen that are not open yet, all or none.
func (s *Server) bind(gen *Generation) ([]*listener, error) {
	var added []*listener
	for _, p := range gen.ports {
		if _, ok := s.listeners[p.key]; ok {
			continue
		}
		l, err := s.listen(p)
		if err != nil && p.optional {
			s.log.Warn("no admin socket: the commands status, tunnels, reload and stop cannot reach this server; modules.admin can name another one, or say false",
				"socket", p.address, "err", err)
			continue
		}
		if err != nil {
			closeAll(added)
			return nil, fmt.Errorf("cannot listen on %s: %w", p.key, bindAdvice(err))
		}
		added = append(added, l)
	}
	return added, nil
}

func closeAll(added []*listener) {
	for _, l := range added {
		l.ln.Close()
	}
}

// dropPrivileges does so the first time it is called.
func (s *Server) dropPrivileges(gen *Generation, added []*listener) error {
	drop := s.DropPrivileges
	if drop == nil {
		return nil
	}
	s.DropPrivileges = nil
	paths := adminPaths(added)
	if gen.acme == nil {
		return drop(paths)
	}
	if err := drop(append(paths, gen.acme.manager.Paths()...)); err != nil {
		return err
	}
	return gen.acme.manager.Writable()
}

// drain closes a listener whose port left the config, so that its address is
// free. Requests under way go on in the background: they may take as long as
// they need, Shutdown bounds them.
func (s *Server) drain(l *listener) {
	s.log.Info("stopped listening", "port", l.key)
	l.stop()
	s.draining.Go(func() { l.shutdown(context.Background()) })
}

// Log is the log that the server tells what happens. What goes there is in its
// status as well, if it is a warning or an error.
func (s *Server) Log() *slog.Logger { return s.log }

// Tunnels is the registry of live tunnels.
func (s *Server) Tunnels() *tunnel.Registry { return &s.tunnels }

// Shutdown stops accepting, asks every tunnel to end ("going away", which
// clients that can reconnect understand), and waits for requests and tunnels
// until ctx is done; what is left then is cut off and ctx's error returned.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.end()
	listeners := s.listeners
	s.listeners = nil
	current := s.current
	s.current = nil
	s.mu.Unlock()

	var wg sync.WaitGroup
	for _, l := range listeners {
		l.stop()
		wg.Go(func() { l.shutdown(ctx) })
	}
	err := s.tunnels.CloseAll(ctx, "the server is shutting down")
	wg.Wait()
	s.shared.acmes.close(ctx)
	if ctx.Err() != nil {
		for _, l := range listeners {
			l.srv.Close()
		}
		err = ctx.Err()
	}
	if current != nil {
		current.release()
	}
	return err
}
