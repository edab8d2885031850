package config

import (
	"time"

	"gopkg.in/yaml.v3"
)

// Limits is limits, at the top or at a port: what a client's connection may be
// and how slow. Zero fields mean the default; at a port, that of the top.
type Limits struct {
	MaxConns      int // open at a time on a port
	MaxPerAddress int // of them, of one client

	HandshakeTimeout time.Duration // TLS
	SniffTimeout     time.Duration // the first bytes, where they decide
	HeadTimeout      time.Duration
	IdleTimeout      time.Duration // between two requests
	BodyTimeout      time.Duration // silence within a body, either way

	HeadSize  int64
	HeadLines int
	URISize   int64
	Streams   int // of a connection of HTTP/2
}

// limits is a kind of its own so that each key of a port's stands for itself.
var limits = kind[Limits]{"map", ref("limits"), func(l *loader, name string, n *yaml.Node, into *Limits) {
	limitsTable.read(l, name, n, into)
}}

var limitsTable = table[Limits]{keys: []key[Limits]{
	in("maxConnections", whole(1, 1_000_000), func(v *Limits) *int { return &v.MaxConns },
		"8192", "connections that may be open on a port at a time; more are closed at once"),
	in("maxConnectionsPerAddress", whole(1, 1_000_000), func(v *Limits) *int { return &v.MaxPerAddress },
		"512; none for this machine", "the same for one client, an IPv4 address or an IPv6 network of 64 bits; not for trustedProxies"),
	in("handshakeTimeout", above0(duration), func(v *Limits) *time.Duration { return &v.HandshakeTimeout },
		"10s", "how long a TLS handshake may take"),
	in("sniffTimeout", above0(duration), func(v *Limits) *time.Duration { return &v.SniffTimeout },
		"5s", "how long the first bytes of a connection may take, on a port with ssh"),
	in("headTimeout", above0(duration), func(v *Limits) *time.Duration { return &v.HeadTimeout },
		"10s", "how long the head of a request may take from its first byte to its last"),
	in("idleTimeout", above0(duration), func(v *Limits) *time.Duration { return &v.IdleTimeout },
		"75s", "how long a connection is kept for the next request"),
	in("bodyTimeout", above0(duration), func(v *Limits) *time.Duration { return &v.BodyTimeout },
		"60s", "how long a client may send nothing of a body, or take nothing of a response"),
	in("headSize", size, func(v *Limits) *int64 { return &v.HeadSize },
		"64KiB", "largest head of a request; 0 is the default"),
	in("headLines", whole(1, 10_000), func(v *Limits) *int { return &v.HeadLines },
		"100", "most header lines of a request"),
	in("uriSize", size, func(v *Limits) *int64 { return &v.URISize },
		"16KiB", "longest address of a request; 0 is the default"),
	in("http2Streams", whole(1, 10_000), func(v *Limits) *int { return &v.Streams },
		"250", "requests at a time on a connection of HTTP/2"),
}}
