package server

import (
	"cmp"
	"net/netip"
	"sync/atomic"
	"time"

	"httpmaster/config"
	"httpmaster/internal/front"
	"httpmaster/internal/guard"
	"httpmaster/proxy"
)

// The limits of a port for which the config has none: docs/security.md says
// why. maxPerAddress does not hold for this machine itself.
const (
	maxConns      = 8192
	maxPerAddress = 512

	handshakeTimeout = 10 * time.Second
	sniffTimeout     = 5 * time.Second
	headTimeout      = 10 * time.Second
	idleTimeout      = 75 * time.Second
	bodyTimeout      = time.Minute

	headSize     = 64 << 10
	headLines    = 100
	uriSize      = 16 << 10
	http2Streams = 250
)

// limits are those of a port's connections that net/http's server applies.
type limits struct {
	idle    time.Duration // between two requests
	head    int           // bytes
	streams int           // requests at a time on a connection of HTTP/2

	body time.Duration // without progress

	// vanished is after how long a client is given up that acknowledges
	// nothing. It is a little less than a body's silence may last, for the
	// kernel looks only now and then.
	vanished time.Duration
}

// counts is what has happened since the start.
type counts struct {
	front  front.Counts
	panics atomic.Int64
}

// front fills in how p's connections are accepted; own is what the port itself
// says of its limits.
func (b *builder) front(p *port, own config.Limits) {
	all := b.cfg.Limits
	perAddress := cmp.Or(own.MaxPerAddress, all.MaxPerAddress)
	body := cmp.Or(own.BodyTimeout, all.BodyTimeout, bodyTimeout)
	p.limits = limits{
		body:     body,
		vanished: body * 9 / 10,
		idle:     cmp.Or(own.IdleTimeout, all.IdleTimeout, idleTimeout),
		head:     int(cmp.Or(own.HeadSize, all.HeadSize, headSize)),
		streams:  cmp.Or(own.Streams, all.Streams, http2Streams),
	}
	trusted := p.trusted // and not p: connections keep these settings, for as long as tunnels live
	p.front = &front.Settings{
		TLS:           p.tls,
		MaxConns:      cmp.Or(own.MaxConns, all.MaxConns, maxConns),
		MaxPerAddress: cmp.Or(perAddress, maxPerAddress),
		Uncounted:     func(a netip.Addr) bool { return perAddress == 0 && a.IsLoopback() || contains(trusted, a) },
		Handshake:     cmp.Or(own.HandshakeTimeout, all.HandshakeTimeout, handshakeTimeout),
		Sniff:         cmp.Or(own.SniffTimeout, all.SniffTimeout, sniffTimeout),
		Guard: guard.Limits{
			HeadBytes: p.limits.head,
			HeadLines: cmp.Or(own.HeadLines, all.HeadLines, headLines),
			URIBytes:  int(cmp.Or(own.URISize, all.URISize, uriSize)),
			Head:      cmp.Or(own.HeadTimeout, all.HeadTimeout, headTimeout),
			Body:      body,
		},
	}
}

// ssh leads what speaks SSH on a port to its server.
func (b *builder) ssh(p *port, cp *config.Port) {
	target := b.parseTarget(cp.SSH, place{port: cp})
	if target == nil {
		return
	}
	err := proxy.CheckTunnelTarget(target)
	switch {
	case err != nil:
		b.faults.Errorf(cp.SSH.Pos, "ssh %q: %v", cp.SSH.Value, err)
		return
	case target.FromRequest():
		b.faults.Errorf(cp.SSH.Pos, "ssh %q: there is no request to take a part of the address from", cp.SSH.Value)
		return
	}
	way := b.way(place{way: wayTo(cp, p.key)}, cp.SSH)
	relay := &proxy.Relay{Name: "ssh", Way: way, Target: target, Tunnels: &b.server.tunnels, Log: b.server.log}
	p.front.SSH = relay.Serve
}
