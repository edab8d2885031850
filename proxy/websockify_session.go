package proxy

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"httpmaster/internal/tunnel"
	"httpmaster/router"
)

// resume answers a request to go on with a tunnel whose WebSocket was lost. It
// has come the way of every request of its rule, so auth and allow have let it
// in; it gets the connection of a tunnel that the same user has opened under the
// same rule for the same target.
func (h *Websockify) resume(w http.ResponseWriter, r *http.Request, m *router.Match, to *router.Target) {
	client := logAddress(clientAddress(r, m))
	log := h.Log.With("rule", ruleName(m), "client", client)
	ws, err := tunnel.Accept(w, r)
	if err == nil {
		m.Detach()
		err = h.Sessions.Resume(ws, tunnel.Resuming{
			Owner: h.owner(m, to), Client: client, Way: h.Way,
			Allowed: func(target net.Addr) bool { return h.mayKeep(m, to, target) },
		})
	}
	if err != nil {
		log.Warn("tunnel not resumed", "reason", err)
	}
}

// owner is what must be the same for a request to get to a session.
func (h *Websockify) owner(m *router.Match, to *router.Target) tunnel.Owner {
	pattern, target, scheme := "", to.Text, "ws"
	if m.Rule != nil {
		pattern = m.Rule.Pattern.String()
	}
	if m.TLS {
		scheme = "wss"
	}
	// The dial has found out whether these are addresses; equal texts suffice.
	if to.Scheme == "unix" {
		path, _ := to.Socket(m)
		target += " " + path
	} else if host, port, err := to.Address(m); err == nil {
		target += " " + net.JoinHostPort(host, port)
	}
	return tunnel.Owner{Route: strings.Join([]string{scheme, m.Host, pattern, target}, "\n"), User: m.User}
}

// mayKeep says whether a tunnel may still be connected to an address that it was
// once allowed to connect to.
func (h *Websockify) mayKeep(m *router.Match, to *router.Target, target net.Addr) bool {
	if to.Scheme == "unix" {
		return h.Allow == nil
	}
	if h.Allow == nil && !to.FromRequest() {
		return true
	}
	at, err := netip.ParseAddrPort(target.String())
	if err != nil {
		return false
	}
	host, _, err := to.Address(m)
	if err != nil {
		return false
	}
	named := false
	if _, err := netip.ParseAddr(host); err != nil {
		name, _, err := router.CanonicalHost(host)
		if err != nil {
			return false
		}
		if named, err = h.Allow.checkName(name, at.Port()); err != nil {
			return false
		}
	}
	_, err = h.Allow.checkAddress(at.Addr(), at.Port(), named)
	return err == nil
}
