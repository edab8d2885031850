package proxy

import (
	"net/http"
	"net/netip"
	"strings"

	"httpmaster/router"
)

// setForwarded completes the X-Forwarded-* fields in h, the header that goes
// upstream. After CleanRequest, those that are there already come from a
// trusted proxy or from the rule's own chain: -For is added to, the others are
// kept.
func setForwarded(h http.Header, r *http.Request, m *router.Match) {
	if peer := peerAddress(r); peer != "" {
		list := append(h["X-Forwarded-For"][:len(h["X-Forwarded-For"]):len(h["X-Forwarded-For"])], peer)
		h["X-Forwarded-For"] = []string{strings.Join(list, ", ")}
	}
	proto, port := "http", "80"
	if m.TLS {
		proto, port = "https", "443"
	}
	if m.Port != "" {
		port = m.Port
	}
	setAbsent(h, "X-Forwarded-Proto", proto)
	setAbsent(h, "X-Forwarded-Port", port)
	if r.Host != "" {
		setAbsent(h, "X-Forwarded-Host", r.Host)
	}
}

func setAbsent(h http.Header, name, value string) {
	if len(h[name]) == 0 {
		h[name] = []string{value}
	}
}

// peerAddress is who is at the other end of r's connection, or "" behind a
// Unix socket.
func peerAddress(r *http.Request) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return peer.Addr().Unmap().WithZone("").String()
}
