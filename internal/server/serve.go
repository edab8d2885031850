package server

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"httpmaster/internal/middleware"
	"httpmaster/proxy"
	"httpmaster/router"
)

var matches = sync.Pool{New: func() any { return new(router.Match) }}

// ServeHTTP is the way every request takes: hold the generation, make host and
// path canonical once, let the port's chain answer.
func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p := l.hold()
	m := matches.Get().(*router.Match)
	m.Release = p.gen.letGo
	defer func() {
		m.Detach()
		m.Reset()
		matches.Put(m)
	}()
	if l.leaving.Load() && r.Header["Upgrade"] == nil {
		w.Header().Set("Connection", "close")
		defer readRest(r.Body)
	}
	if p.service != nil {
		p.service.ServeHTTP(w, r)
		return
	}
	if p.answersACME(w, r) {
		return
	}
	c := p.begin(w, r, m)
	defer c.end(r)
	defer l.rescue(c, r)
	if status, reason := p.admit(r, m); status != 0 {
		w.Header().Set("Connection", "close")
		p.errors.Write(c.rec, r, status, reason)
	} else {
		p.handler.Serve(c.rec, r, m)
	}
	c.finished = true
}

// hold gives the port state of now, its generation held.
func (l *listener) hold() *port {
	for {
		if p := l.state.Load(); p.gen.hold() {
			return p
		}
	}
}

// admit fills m from r, or gives the status and reason to refuse r with.
func (p *port) admit(r *http.Request, m *router.Match) (status int, reason string) {
	if r.ProtoMajor == 2 {
		if status, reason = checkHTTP2(r, &p.front.Guard); status != 0 {
			return status, reason
		}
	}
	if (r.TLS != nil) != (p.tls != nil) {
		// The connection is from before a reload that gave the port TLS or
		// took it away.
		return http.StatusMisdirectedRequest, "this port's settings have changed, please connect again"
	}
	var ok bool
	if m.ClientCert, ok = p.clientAuth.verified(r.TLS, time.Now()); !ok {
		return http.StatusMisdirectedRequest, "this port asks for a client certificate that it can verify, please connect again"
	}
	switch r.Method {
	case http.MethodConnect:
		return http.StatusMethodNotAllowed, "this is not a forward proxy, CONNECT is not served"
	case http.MethodTrace:
		return http.StatusMethodNotAllowed, "TRACE is not served"
	}
	if err := proxy.CheckUpgrade(r); err != nil {
		return http.StatusBadRequest, err.Error()
	}
	var err error
	if m.Host, m.Port, err = router.CanonicalHost(r.Host); err != nil {
		return http.StatusBadRequest, err.Error()
	}
	if m.Path, m.Forward, err = router.CanonicalPath(router.WirePath(r.URL), p.allowEncodedSlash); err != nil {
		return http.StatusBadRequest, err.Error()
	}
	m.Query = r.URL.RawQuery
	middleware.TakeTicket(r, m)
	m.TLS = r.TLS != nil
	p.findClient(r, m)
	proxy.CleanRequest(r, m.Trusted)
	return 0, ""
}

// findClient sets who the client is. Behind trusted proxies that is the last
// address of X-Forwarded-For that none of them has; the entries before it are
// the client's own words.
func (p *port) findClient(r *http.Request, m *router.Match) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return // a Unix socket: its peers have no address
	}
	m.Client = peer.Addr().Unmap()
	if !p.trusts(m.Client) {
		return
	}
	m.Trusted = true
	switch {
	case strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https"):
		m.TLS = true
	case r.Header.Get("X-Forwarded-Proto") != "":
		m.TLS = false
	}
	lines := r.Header.Values("X-Forwarded-For")
	for i := len(lines) - 1; i >= 0; i-- {
		entries := strings.Split(lines[i], ",")
		for j := len(entries) - 1; j >= 0; j-- {
			addr, ok := forwardedAddr(entries[j])
			if !ok {
				return
			}
			m.Client = addr
			if !p.trusts(addr) {
				return
			}
		}
	}
}

// forwardedAddr reads one entry of X-Forwarded-For; some proxies add a port.
func forwardedAddr(entry string) (netip.Addr, bool) {
	entry = strings.TrimSpace(entry)
	if host, _, err := net.SplitHostPort(entry); err == nil {
		entry = host
	}
	addr, err := netip.ParseAddr(strings.Trim(entry, "[]"))
	return addr.Unmap().WithZone(""), err == nil
}

func (p *port) trusts(addr netip.Addr) bool { return contains(p.trusted, addr) }

func contains(prefixes []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
}
