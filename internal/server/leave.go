package server

import (
	"context"
	"io"
	"maps"
	"net"
	"slices"
	"sync"
	"time"
)

// lingering is how long Leave waits for the next request of clients that keep
// their connection open; the answer says that the connection ends. Whoever is
// silent for longer finds it closed, as after any idle time.
const lingering = 10 * time.Second

// Leave ends what another process goes on with that has the sockets now: it
// accepts nothing more, answers what still comes on open connections and has
// their clients connect anew, and waits until requests and tunnels have ended,
// however long they take, or until ctx is done. The addresses stay the other
// process'. No config can be applied any more; Shutdown ends the rest.
func (s *Server) Leave(ctx context.Context) error {
	s.mu.Lock()
	s.end()
	listeners := slices.Collect(maps.Values(s.listeners))
	s.mu.Unlock()
	for _, l := range listeners {
		l.leave()
	}
	select {
	case <-time.After(lingering):
	case <-ctx.Done():
	}
	var wg sync.WaitGroup
	for _, l := range listeners {
		wg.Go(func() { _ = l.srv.Shutdown(ctx) }) // ctx's own error
	}
	err := s.tunnels.Wait(ctx)
	wg.Wait()
	return err
}

// end has Apply fail, and tells those who wait for the server's end. s.mu is held.
func (s *Server) end() {
	if !s.stopped {
		close(s.ending)
	}
	s.stopped = true
}

// readRest reads what a handler has left of a body, if it is not long: closing
// a connection that has something unread resets it, and the answer may be lost.
func readRest(body io.Reader) { _, _ = io.CopyN(io.Discard, body, 256<<10) }

// leave closes the socket here, and nothing else.
func (l *listener) leave() {
	l.leaving.Store(true)
	switch ln := l.ln.(type) {
	case *net.UnixListener:
		ln.SetUnlinkOnClose(false)
	case *privateListener:
		ln.once.Do(func() {})
	}
	if err := l.front.Leave(); err != nil {
		l.log.Warn("closing a port", "port", l.key, "err", err)
	}
}
