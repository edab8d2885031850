package router

import (
	"crypto/x509"
	"net/http"
	"net/netip"
)

// Handler answers a request. Handlers are composed at load: each one that may
// decline (a middleware, a nested router, a redirect that meets an upgrade)
// holds the handler that comes next in its chain, so serving a request looks
// nothing up.
//
// m is only valid until Serve returns.
type Handler interface {
	Serve(w http.ResponseWriter, r *http.Request, m *Match)
}

// HandlerFunc is a function that is a Handler.
type HandlerFunc func(w http.ResponseWriter, r *http.Request, m *Match)

// Serve calls f.
func (f HandlerFunc) Serve(w http.ResponseWriter, r *http.Request, m *Match) { f(w, r, m) }

// Match is what is known about one request beyond net/http's own Request: its
// canonical host and path, made once by the server and used for matching, for
// auth and for forwarding alike, and what the patterns captured.
type Match struct {
	Host    string     // lower case, punycode, no port, no final dot, IPv6 in brackets; "" when the client sent none
	Port    string     // the port written in the Host header, "" for none
	Path    string     // canonical path, beginning with "/"
	Forward string     // the path as it is sent upstream when no rule rewrites it, percent-encoded
	Query   string     // raw, without "?"
	Client  netip.Addr // the client's address, trusted proxies taken into account; invalid on a Unix socket
	Trusted bool       // the peer itself is a trusted proxy, so its X-Forwarded-* is believed
	TLS     bool       // the client speaks TLS to us, or a trusted proxy says it does
	Rule    *Rule      // the innermost rule that matched; nil before the first

	// ClientCert is the certificate that the client has shown and the port has
	// verified, nil without one.
	ClientCert *x509.Certificate

	Ticket        string // of the query, which has it no more; "" for none
	User          string // who auth let in, "" for nobody
	Authorization string // the header that auth took from the request, for a further auth in the chain

	// LogURI is what access logs show in place of the request's own URI, where a
	// handler has found a secret in that; "" elsewhere.
	LogURI string

	// Release lets go of the config that the request is answered under; the
	// server sets it. See Detach.
	Release func()

	// What a tunnel carried, set by its handler before Serve returns, for the
	// access log: payload from the client and to the client.
	BytesIn, BytesOut int64

	captures []string
	store    [8]string // what captures points into until there are more
}

// Capture gives the text of capture n, counted from 1, outer routers' first.
// It is "" for a number that no pattern on the way to the handler has.
func (m *Match) Capture(n int) string {
	if n < 1 || n > len(m.captures) {
		return ""
	}
	return m.captures[n-1]
}

// Reset makes m ready for another request. It keeps the storage of captures,
// and no text.
func (m *Match) Reset() {
	clear(m.captures[:cap(m.captures)])
	*m = Match{captures: m.captures[:0]}
}

// Detach lets go of the config that the request is answered under, so that what
// the config shares with others can be closed. The server calls it when Serve
// has returned; a handler that has taken over the connection calls it itself, as
// it may live for months. From then on it uses what it has in its hands.
func (m *Match) Detach() {
	if release := m.Release; release != nil {
		m.Release = nil
		release()
	}
}

// capture adds a capture behind those that m has.
func (m *Match) capture(text string) {
	if m.captures == nil {
		m.captures = m.store[:0]
	}
	m.captures = append(m.captures, text)
}

// truncate drops every capture behind the first n.
func (m *Match) truncate(n int) { m.captures = m.captures[:min(n, len(m.captures))] }
