package server

import (
	"net/netip"
	"time"

	"httpmaster/internal/front"
	"httpmaster/internal/guard"
)

// limits are those of a port's connections that net/http's server applies.
type limits struct {
	idle    time.Duration // between two requests
	streams int           // requests at a time on a connection of HTTP/2
}

// front fills in how p's connections are accepted.
func (b *builder) front(p *port) {
	p.limits = limits{idle: 75 * time.Second, streams: 250}
	p.front = front.Settings{
		TLS:           p.tls,
		MaxConns:      8192,
		MaxPerAddress: 512,
		Uncounted:     func(a netip.Addr) bool { return a.IsLoopback() || p.trusts(a) },
		Handshake:     10 * time.Second,
		Guard: guard.Limits{
			HeadBytes: 64 << 10,
			HeadLines: 100,
			URIBytes:  16 << 10,
			Head:      10 * time.Second,
			Body:      time.Minute,
		},
	}
}
