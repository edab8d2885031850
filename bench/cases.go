//go:build linux

package main

import (
	"context"
	"fmt"
)

// benchCase is one table: rows of servers that do the same work.
type benchCase struct {
	name, title string
	unit        unit
	rows        func(*lab) []row
	load        loadFunc
	fresh       bool // a new process for every load
}

// row is one server in a case. base is the row that its ratio refers to.
type row struct {
	name   string
	peer   *peer
	site   site
	base   int
	framed bool // the tunnel cases: it speaks WebSocket
	most   int  // how many connections it can hold; 0: any number
	// resumed: through dewebsockify, so that tunnels are the resumable sessions
	// of its protocol. What dewebsockify itself uses does not count.
	resumed bool
}

// unit is what figures are given for.
type unit struct {
	name   string
	figure string  // "us CPU", "s CPU", "KiB"
	scale  float64 // from seconds (or bytes) to the figure
	rate   string  // "" where the rate means nothing
}

var (
	perRequest    = unit{"request", "CPU, us", 1e6, "requests/s"}
	perGiB        = unit{"GiB", "CPU, s", 1, "GiB/s"}
	perConnection = unit{"connection", "CPU, us", 1e6, "connections/s"}
	perRoundTrip  = unit{"round trip", "CPU, us", 1e6, "round trips/s"}
	perTunnel     = unit{"tunnel", "CPU, us", 1e6, "tunnels/s"}
	idleMemory    = unit{"connection", "memory, KiB", 1. / 1024, ""}
	idleTunnels   = unit{"tunnel", "memory, KiB", 1. / 1024, ""}
	atRest        = unit{"process", "memory, MiB", 1. / (1 << 20), ""}
	toStart       = unit{"start", "wall time, s", 1, ""}
)

// result is what one load came to.
type result struct {
	work     float64 // units of it
	rate     float64 // a second
	p50, p99 float64 // seconds; 0: not measured
	amount   float64 // in place of CPU seconds, where the unit is no CPU time: bytes or seconds for one unit
}

type loadFunc func(ctx context.Context, l *lab, on row, r *running) (result, error)

// web gives the rows of an HTTP case: nginx first.
func web(s func(*lab) site) func(*lab) []row {
	return func(l *lab) (rows []row) {
		for _, p := range webPeers() {
			rows = append(rows, row{name: p.name, peer: p, site: s(l)})
		}
		return rows
	}
}

func plainSite(l *lab) site    { return site{target: l.app} }
func tlsSite(l *lab) site      { return site{target: l.app, tls: true} }
func plainUpload(l *lab) site  { return site{target: l.upload} }
func secureUpload(l *lab) site { return site{target: l.upload, tls: true} }

// rules gives each server three times: with 10, 1,000 and 10,000 hosts. The
// ratio is to its own 10.
func rules(l *lab) (rows []row) {
	for _, p := range webPeers() {
		base := len(rows)
		for _, n := range []int{10, 1000, 10000} {
			rows = append(rows, row{name: fmt.Sprintf("%s, %d rules", p.name, n), peer: p, site: site{target: l.app, rules: n}, base: base})
		}
	}
	return rows
}

// tunnels gives the rows of a tunnel case; forking servers are left out of
// those with many.
func tunnels(target func(*lab) string, many bool) func(*lab) []row {
	return func(l *lab) []row {
		s := site{target: target(l)}
		rows := []row{{name: haproxyTCP.name, peer: haproxyTCP, site: s}}
		if !many {
			rows = append(rows,
				row{name: socat.name, peer: socat, site: s},
				// Its select takes no descriptor above 1,024.
				row{name: websockify.name, peer: websockify, site: s, framed: true, most: 400})
		}
		return append(rows,
			row{name: tunnelling.name, peer: tunnelling, site: s, framed: true},
			row{name: tunnelling.name + ", resumable", peer: tunnelling, site: s, resumed: true})
	}
}

func echo(l *lab) string   { return l.echo }
func sink(l *lab) string   { return l.sink }
func source(l *lab) string { return l.source }

// many is 10,000 where a process may have as many descriptors as tunnels need
// in the server, which is two each.
var many = min(10000, (descriptors()-500)/2)

var cases = []*benchCase{
	{name: "get", title: "small GET, HTTP/1.1, 64 connections", unit: perRequest, rows: web(plainSite), load: wrk("/small")},
	{name: "get-tls", title: "small GET, HTTP/1.1 over TLS, 64 connections", unit: perRequest, rows: web(tlsSite), load: wrk("/small")},
	{name: "get-h2", title: "small GET, HTTP/2 over TLS, 16 connections with 16 streams", unit: perRequest, rows: web(tlsSite), load: h2load("/small")},
	{name: "download", title: "download of 10 MiB, 8 connections", unit: perGiB, rows: web(plainSite), load: wrkBytes("/10m", downloadBody, "")},
	{name: "download-tls", title: "download of 10 MiB over TLS, 8 connections", unit: perGiB, rows: web(tlsSite), load: wrkBytes("/10m", downloadBody, "")},
	{name: "upload", title: "upload of 1 MiB, 8 connections", unit: perGiB, rows: web(plainUpload), load: wrkBytes("/", uploadBody, uploadScript)},
	{name: "upload-tls", title: "upload of 1 MiB over TLS, 8 connections", unit: perGiB, rows: web(secureUpload), load: wrkBytes("/", uploadBody, uploadScript)},
	{name: "new-tls", title: "new TLS connection with one GET, TLS 1.3, X25519, no resumption", unit: perConnection, rows: web(tlsSite), load: parts("connect", "tls")},
	{name: "idle", title: fmt.Sprintf("%d idle keep-alive connections", many), unit: idleMemory, rows: web(plainSite), load: hold("http", many), fresh: true},
	{name: "idle-tls", title: "5,000 idle keep-alive connections, TLS", unit: idleMemory, rows: web(tlsSite), load: hold("https", 5000), fresh: true},
	{name: "rules", title: "small GET to one of many hosts, ratio to the same server's 10", unit: perRequest, rows: rules, load: wrkHosts},
	{name: "rules-load", title: "start with many hosts until the port answers, ratio to the same server's 10", unit: toStart, rows: rules, load: startUp, fresh: true},
	{name: "rest", title: "memory after the first request", unit: atRest, rows: web(plainSite), load: rest, fresh: true},
	{name: "tunnel-up", title: "tunnel, client to target, 16 KiB frames, 2 tunnels", unit: perGiB, rows: tunnels(sink, false), load: stream("up")},
	{name: "tunnel-down", title: "tunnel, target to client, 2 tunnels", unit: perGiB, rows: tunnels(source, false), load: stream("down")},
	{name: "tunnel-setup", title: "tunnel set up, one byte there and back, closed", unit: perTunnel, rows: tunnels(echo, false), load: parts("connect", "tunnel")},
	{name: "tunnel-rtt", title: "64 bytes there and back, 64 tunnels", unit: perRoundTrip, rows: tunnels(echo, false), load: parts("pingpong", "tunnel")},
	{name: "tunnel-idle", title: "1,000 idle tunnels", unit: idleTunnels, rows: tunnels(echo, false), load: hold("tunnel", 1000), fresh: true},
	{name: "tunnel-idle-many", title: fmt.Sprintf("%d idle tunnels", many), unit: idleTunnels, rows: tunnels(echo, true), load: hold("tunnel", many), fresh: true},
}
