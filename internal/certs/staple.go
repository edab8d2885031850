package certs

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

const (
	stapleIdle     = 24 * time.Hour  // between looks when there is nothing to ask
	stapleMinPause = 5 * time.Minute // between two questions about one certificate
	stapleMaxPause = time.Hour       // the same, after failures
)

// stapler keeps the OCSP answers for a store's certificates. They are fetched
// beside everything else: no handshake waits for a responder, and one that is
// down costs only the staple.
type stapler struct {
	client *http.Client
	kick   chan struct{} // holds one value when there may be something new to ask

	mu    sync.Mutex // held to change which index is served, or what is stapled
	known map[string]*stapled
}

// stapled is what is known about one certificate.
type stapled struct {
	proof *ocspProof    // nil for none
	askAt time.Time     // when to ask again
	pause time.Duration // after the last failure; 0 after a success
}

func newStapler() *stapler {
	// One question in hours is no reason to keep a connection.
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true
	return &stapler{
		client: &http.Client{Transport: transport, Timeout: ocspTimeout},
		kick:   make(chan struct{}, 1),
		known:  make(map[string]*stapled),
	}
}

// publish makes x what handshakes look at, with the staples that are known.
func (s *Store) publish(x *index) {
	s.stapler.mu.Lock()
	defer s.stapler.mu.Unlock()
	s.stapler.attach(x, s.now())
	s.current.Store(x)
	select {
	case s.stapler.kick <- struct{}{}:
	default:
	}
}

// staple asks responders whenever it is time, until ctx is done.
func (s *Store) staple(ctx context.Context) {
	timer := time.NewTimer(stapleIdle)
	defer timer.Stop()
	for {
		timer.Reset(max(s.restaple(ctx), time.Second))
		select {
		case <-ctx.Done():
			return
		case <-s.stapler.kick:
		case <-timer.C:
		}
	}
}

// restaple asks about the certificates whose time has come, and tells when the
// next one's does.
func (s *Store) restaple(ctx context.Context) time.Duration {
	x := s.current.Load()
	s.stapler.forget(x)
	next := stapleIdle
	for _, c := range x.certs {
		if !c.stapleable() {
			continue
		}
		known := s.stapler.about(c)
		if ctx.Err() == nil && !s.now().Before(known.askAt) {
			proof, err := askOCSP(ctx, s.stapler.client, c.Leaf, c.issuer, s.now())
			if ctx.Err() != nil {
				return 0
			}
			known = s.learn(c, proof, err)
		}
		now := s.now()
		next = min(next, known.askAt.Sub(now))
		if known.proof != nil && now.Before(known.proof.end) {
			next = min(next, known.proof.end.Sub(now)) // then it has to go
		}
	}
	s.stapler.mu.Lock()
	defer s.stapler.mu.Unlock()
	s.stapler.attach(s.current.Load(), s.now())
	return next
}

// learn notes what came of a question, and tells the log when it was a failure
// after none.
func (s *Store) learn(c *Certificate, proof *ocspProof, err error) stapled {
	s.stapler.mu.Lock()
	defer s.stapler.mu.Unlock()
	now := s.now()
	known := s.stapler.known[string(c.Leaf.Raw)]
	if err == nil {
		// Half of its time: enough is left to try again when that fails.
		*known = stapled{proof: proof, askAt: now.Add(max(proof.end.Sub(now)/2, stapleMinPause))}
		s.stapler.attach(s.current.Load(), now)
		return *known
	}
	if known.pause == 0 {
		s.tellUnstapled(c, err)
	}
	if errors.Is(err, errRevoked) {
		known.proof = nil
	}
	known.pause = min(max(2*known.pause, stapleMinPause), stapleMaxPause)
	known.askAt = now.Add(known.pause)
	return *known
}

func (s *Store) tellUnstapled(c *Certificate, err error) {
	level, text := slog.LevelInfo, "no OCSP answer to staple, clients are served without it"
	switch {
	case errors.Is(err, errRevoked):
		level, text = slog.LevelWarn, "certificate revoked"
	case c.MustStaple():
		level, text = slog.LevelWarn, "no OCSP answer to staple, and the certificate asks clients to refuse it without one"
	}
	s.log.Log(context.Background(), level, text, "names", c.Title(), "file", c.Files[0], "responder", c.Leaf.OCSPServer[0], "err", err)
}

// about gives what is known about c, which is nothing at first.
func (t *stapler) about(c *Certificate) stapled {
	t.mu.Lock()
	defer t.mu.Unlock()
	known := t.known[string(c.Leaf.Raw)]
	if known == nil {
		known = new(stapled)
		t.known[string(c.Leaf.Raw)] = known
	}
	return *known
}

// forget drops what is known about certificates that are served no longer.
func (t *stapler) forget(x *index) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for raw := range t.known {
		if !x.known[raw] {
			delete(t.known, raw)
		}
	}
}

// attach gives the certificates of x the staples that hold at now, and takes
// away those that do not. The caller holds mu.
func (t *stapler) attach(x *index, now time.Time) {
	for _, c := range x.certs {
		if !c.stapleable() {
			continue
		}
		var response []byte
		if known := t.known[string(c.Leaf.Raw)]; known != nil && known.proof != nil && now.Before(known.proof.end) {
			response = known.proof.response
		}
		if served := c.served.Load(); !bytes.Equal(served.OCSPStaple, response) {
			c.served.Store(withStaple(served, response))
		}
	}
}

// withStaple gives c with another staple. Handshakes under way go on with the
// one they have.
func withStaple(c *tls.Certificate, response []byte) *tls.Certificate {
	other := *c
	other.OCSPStaple = response
	return &other
}

// stapleable tells whether there is somebody to ask about c, and what to verify
// the answer by.
func (c *Certificate) stapleable() bool { return len(c.Leaf.OCSPServer) > 0 && c.issuer != nil }
