package server

import (
	"encoding/hex"
	"os"
	"slices"
	"strings"
	"time"

	"httpmaster/internal/certs"
	"httpmaster/internal/status"
	"httpmaster/proxy"
)

// history is how the server came to what it serves. Server.mu guards it.
type history struct {
	started, loaded  time.Time
	reloads, refused int64
	lastRefused      bool
}

// applied notes that a config was taken over.
func (h *history) applied(first bool) {
	h.loaded, h.lastRefused = time.Now(), false
	if !first {
		h.reloads++
	}
}

// Refused notes that a config could not take the place of the one that is
// served.
func (s *Server) Refused() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.history.refused++
	s.history.lastRefused = true
}

// balanced is a Balancer with one of its users.
type balanced struct {
	port, rule string
	*proxy.Balancer
}

// Status tells how the server does now. After Shutdown it has no ports.
func (s *Server) Status() *status.Status {
	st := &status.Status{
		Version: s.Version, PID: os.Getpid(), Ports: []status.Port{},
		Upstreams: []status.Upstream{}, Certificates: []status.Certificate{}, ACME: []status.ACME{}, // [] as JSON, not null
	}
	s.mu.Lock()
	h, gen := s.history, s.current
	open := make(map[string]int, len(s.listeners))
	for key, l := range s.listeners {
		open[key] = l.front.Open()
	}
	if gen != nil && !gen.hold() {
		gen = nil
	}
	s.mu.Unlock()
	st.Started = h.started
	st.Config = status.Config{Loaded: h.loaded, Reloads: h.reloads, Refused: h.refused, LastRefused: h.lastRefused}
	st.LiveTunnels = len(s.tunnels.Live())
	st.Recent = s.recent.get()
	st.Refused = status.Refused{
		Connections: s.events.front.RefusedConnections.Load(),
		Handshakes:  s.events.front.FailedHandshakes.Load(),
		Requests:    s.events.front.RefusedRequests.Load(),
	}
	st.Panics = s.events.panics.Load()
	if gen == nil {
		return st
	}
	defer gen.release()
	st.Config.File, st.Config.Hash = gen.file, hex.EncodeToString(gen.hash[:])
	gen.report(st)
	for i := range st.Ports {
		st.Ports[i].Connections = open[st.Ports[i].Address]
	}
	return st
}

// report adds what g's ports have to st.
func (g *Generation) report(st *status.Status) {
	for _, p := range g.ports {
		if p.service != nil {
			continue
		}
		sp := status.Port{Address: p.key, TLS: p.tls != nil}
		for _, t := range p.tallies {
			sp.Rules = append(sp.Rules, status.Rule{Pattern: t.pattern, Line: t.line, Traffic: t.traffic()})
		}
		st.Ports = append(st.Ports, sp)
		if p.store != nil {
			for _, c := range p.store.Certificates() {
				st.Certificates = append(st.Certificates, p.certificate(c))
			}
		}
	}
	for _, b := range g.balanced {
		for _, m := range b.Report() {
			st.Upstreams = append(st.Upstreams, status.Upstream{Port: b.port, Rule: b.rule, Address: m.Address, State: string(m.State), InUse: m.InUse})
		}
	}
	if g.acme != nil && g.acme.manager != nil {
		g.reportACME(st)
	}
}

func (p *port) certificate(c *certs.Certificate) status.Certificate {
	sc := status.Certificate{Port: p.key, Names: slices.Clone(c.Names), Key: c.Leaf.PublicKeyAlgorithm.String(), Expires: c.Leaf.NotAfter}
	for _, ip := range c.IPs {
		sc.Names = append(sc.Names, ip.String())
	}
	if len(sc.Names) == 0 {
		sc.Names = []string{strings.ToValidUTF8(c.Title(), "?")}
	}
	if len(c.Files) > 0 {
		sc.File = c.Files[0]
	}
	return sc
}

func (g *Generation) reportACME(st *status.Status) {
	for _, r := range g.acme.manager.Results() {
		st.ACME = append(st.ACME, status.ACME{Name: r.Name, Issued: r.Issued, Renewed: r.Renewed, Failed: r.Failed})
		if r.Leaf == nil {
			continue
		}
		for _, p := range g.ports {
			if p.store != nil && slices.Contains(g.acme.names[r.Name], p.store) {
				st.Certificates = append(st.Certificates, status.Certificate{
					Port: p.key, Names: []string{r.Name}, Key: r.Leaf.PublicKeyAlgorithm.String(), Expires: r.Leaf.NotAfter,
				})
			}
		}
	}
}
