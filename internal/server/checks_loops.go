package server

import (
	"net/netip"
	"path"
	"strconv"
	"strings"

	"httpmaster/config"
	"httpmaster/router"
)

// lead is a fixed target of a proxy or a tunnel.
type lead struct {
	from   *config.Port
	text   config.Text
	addrs  []netip.Addr // that it may be, if they are this machine's own
	port   string
	socket string
}

// leadsTo notes where the rules of a port lead, for checkLoops.
func (b *builder) leadsTo(text config.Text, target *router.Target, at place) {
	if !target.Static() {
		return
	}
	l := &lead{from: at.port, text: text}
	if target.Scheme == "unix" {
		socket, _ := literal(target.Path)
		l.socket = path.Clean(socket)
		b.leads = append(b.leads, l)
		return
	}
	host, _ := literal(target.Host)
	l.port, _ = literal(target.Port)
	switch {
	case l.port != "":
	case strings.HasPrefix(target.Scheme, "https"):
		l.port = "443"
	default:
		l.port = "80"
	}
	if l.addrs = ownAddresses(host); l.addrs != nil {
		b.leads = append(b.leads, l)
	}
}

var (
	loopback4 = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	loopback6 = netip.IPv6Loopback()
)

// ownAddresses gives the addresses that a host stands for, without looking it
// up: it is for hosts that are this machine for certain.
func ownAddresses(host string) []netip.Addr {
	if host == "" || host == "localhost" {
		return []netip.Addr{loopback4, loopback6}
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	switch {
	case err != nil:
		return nil
	case addr.IsUnspecified() && addr.Is4():
		return []netip.Addr{loopback4} // which is where it leads
	case addr.IsUnspecified():
		return []netip.Addr{loopback6}
	}
	return []netip.Addr{addr.Unmap()}
}

// comesTo tells whether l leads to a port that listens on a.
func (l *lead) comesTo(a config.Address) bool {
	if a.Network == "unix" {
		return l.socket != "" && l.socket == path.Clean(a.Path)
	}
	if a.Network != "tcp" || l.port != strconv.Itoa(int(a.Port)) {
		return false
	}
	for _, addr := range l.addrs {
		listens, err := netip.ParseAddr(a.Host)
		switch {
		case a.Host == "", err == nil && listens.IsUnspecified():
			if addr.IsLoopback() {
				return true
			}
		case a.Host == "localhost":
			if addr == loopback4 || addr == loopback6 {
				return true
			}
		case listens.Unmap() == addr:
			return true
		}
	}
	return false
}

// checkLoops finds targets that lead to a port of this config from which rules
// lead back. One port that hands requests to another is fine.
func (b *builder) checkLoops() {
	next := make(map[*config.Port][]*config.Port)
	comesTo := make(map[*lead]*config.Port)
	for _, l := range b.leads {
		for _, cp := range b.cfg.Ports {
			if l.comesTo(cp.Address) {
				comesTo[l] = cp
				next[l.from] = append(next[l.from], cp)
			}
		}
	}
	for _, l := range b.leads {
		to := comesTo[l]
		switch {
		case to == nil || !leadsBack(next, to, l.from, make(map[*config.Port]bool)):
		case to == l.from:
			b.faults.Warnf(l.text.Pos, "%q leads back to port %s itself, so a request goes round in circles; name the port that the app listens on", l.text.Value, portKey(to.Address))
		default:
			b.faults.Warnf(l.text.Pos, "%q leads to port %s on line %d, whose rules lead back to port %s, so a request can go round in circles; name the port that the app listens on",
				l.text.Value, portKey(to.Address), to.Address.Pos.Line, portKey(l.from.Address))
		}
	}
}

func leadsBack(next map[*config.Port][]*config.Port, at, goal *config.Port, seen map[*config.Port]bool) bool {
	if at == goal {
		return true
	}
	seen[at] = true
	for _, to := range next[at] {
		if !seen[to] && leadsBack(next, to, goal, seen) {
			return true
		}
	}
	return false
}
