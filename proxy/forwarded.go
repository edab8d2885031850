package proxy

import (
	"net/http"
	"net/netip"
	"strings"

	"httpmaster/router"
)

// isForwarded tells whether the field is one of those that forwarded sets.
func isForwarded(name string) bool {
	switch name {
	case "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Host":
		return true
	}
	return false
}

// forwarded adds the X-Forwarded-* fields to h. After CleanRequest, those that
// r has already come from a trusted proxy or from the rule's own chain: -For
// is added to, the others are kept.
func (h *requestHead) forwarded(r *http.Request, m *router.Match) {
	forClient := peerAddress(r)
	if old := r.Header["X-Forwarded-For"]; len(old) > 0 {
		if forClient != "" {
			forClient = ", " + forClient
		}
		forClient = strings.Join(old, ", ") + forClient
	}
	proto, port := "http", "80"
	if m.TLS {
		proto, port = "https", "443"
	}
	if m.Port != "" {
		port = m.Port
	}
	h.own = [4]string{forClient, r.Host, port, proto}
	h.setOwn(0, "X-Forwarded-For", nil)
	h.setOwn(1, "X-Forwarded-Host", r.Header["X-Forwarded-Host"])
	h.setOwn(2, "X-Forwarded-Port", r.Header["X-Forwarded-Port"])
	h.setOwn(3, "X-Forwarded-Proto", r.Header["X-Forwarded-Proto"])
}

// setOwn adds the field with what it has already or else with h.own[i], unless
// both are empty.
func (h *requestHead) setOwn(i int, name string, had []string) {
	switch {
	case len(had) > 0:
		h.fields = append(h.fields, field{name, had})
	case h.own[i] != "":
		h.fields = append(h.fields, field{name, h.own[i : i+1 : i+1]})
	}
}

// peerAddress is who is at the other end of r's connection, or "" behind a
// Unix socket.
func peerAddress(r *http.Request) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	switch {
	case err != nil:
		return ""
	case peer.Addr().Is4(): // there is one way to write it
		return r.RemoteAddr[:strings.LastIndexByte(r.RemoteAddr, ':')]
	}
	return peer.Addr().Unmap().WithZone("").String()
}
