package proxy

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"httpmaster/router"
)

// Destinations is a list of what tunnels may lead to, made by
// ParseDestinations. A nil *Destinations is no list: everything is allowed
// except the addresses that forbidden names.
type Destinations struct {
	entries []destination
}

// DestinationError is a fault in one entry of an allow list.
type DestinationError struct {
	Index int    // of the entry, from 0
	Msg   string // what is wrong, and what to write instead
}

func (e *DestinationError) Error() string { return fmt.Sprintf("entry %d: %s", e.Index+1, e.Msg) }

// destination is one entry: a host and the ports on it.
type destination struct {
	any    bool         // "*"
	name   string       // canonical, "" for the other kinds
	suffix string       // ".lan" for "*.lan"
	prefix netip.Prefix // an address, a CIDR, or what localhost stands for
	ports  []portRange  // empty means all
}

type portRange struct{ low, high uint16 }

// localPrefixes are the addresses that the entry "localhost" stands for.
var localPrefixes = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// ParseDestinations reads the entries of an allow list. Each is HOST:PORTS,
// where HOST is one of
//
//	db.lan                   that name
//	*.lan                    every name below it, not itself
//	*                        every name and address
//	10.1.2.3  [fd00::1]      that address
//	10.0.0.0/8  [fd00::]/8   that network, also when a name resolves to it
//	localhost                that name, and every loopback address
//
// and PORTS is a list such as 22 or 22,80-90, or * for all. The first entry that
// is wrong gives a *DestinationError.
func ParseDestinations(entries []string) (*Destinations, error) {
	d := &Destinations{}
	for i, text := range entries {
		parsed, problem := parseDestination(text)
		if problem != "" {
			return nil, &DestinationError{Index: i, Msg: problem}
		}
		d.entries = append(d.entries, parsed...)
	}
	return d, nil
}

// parseDestination gives what one entry stands for, or what is wrong with it.
func parseDestination(text string) (list []destination, problem string) {
	text = strings.TrimSpace(text)
	host, ports, problem := cutPorts(text)
	if problem != "" {
		return nil, problem
	}
	ranges, problem := parsePorts(ports)
	if problem != "" {
		return nil, problem
	}
	e := destination{ports: ranges}
	switch suffix, wild := strings.CutPrefix(host, "*."); {
	case host == "*":
		e.any = true
	case strings.HasPrefix(host, "["), strings.Contains(host, "/"):
		e.prefix, problem = parseNetwork(host)
	case wild:
		e.suffix, problem = parseName(suffix)
		e.suffix = "." + e.suffix
	default:
		if e.prefix, problem = parseNetwork(host); problem != "" {
			e.name, problem = parseName(host)
		}
	}
	if problem != "" {
		return nil, problem
	}
	list = []destination{e}
	if e.name == "localhost" {
		for _, p := range localPrefixes {
			list = append(list, destination{prefix: p, ports: ranges})
		}
	}
	return list, ""
}

// cutPorts cuts an entry before its ports. A colon inside brackets, or any but
// the last of an IPv6 address without them, is none.
func cutPorts(text string) (host, ports, problem string) {
	colon := strings.LastIndexByte(text, ':')
	if colon < strings.LastIndexByte(text, ']') {
		colon = -1
	}
	switch {
	case text == "":
		return "", "", "is empty; write HOST:PORTS, such as \"*.lan:22\""
	case strings.Contains(text, "://"):
		return "", "", "is a URL; write only HOST:PORTS, such as \"db.lan:22\""
	case strings.Count(text, ":") > 1 && !strings.HasPrefix(text, "["):
		return "", "", "has an IPv6 address without brackets; write \"[fd00::1]:22\" or \"[fd00::]/8:22\""
	case colon < 0:
		return "", "", fmt.Sprintf("names no ports; write \"%s:22\", or \"%s:*\" for all", text, text)
	case colon == 0:
		return "", "", fmt.Sprintf("names no host; write \"*%s\" for every host", text)
	}
	return text[:colon], text[colon+1:], ""
}

func parsePorts(text string) (ranges []portRange, problem string) {
	if text == "*" {
		return nil, ""
	}
	for item := range strings.SplitSeq(text, ",") {
		low, high, isRange := strings.Cut(strings.TrimSpace(item), "-")
		if !isRange {
			high = low
		}
		first, ok1 := parsePort(low)
		last, ok2 := parsePort(high)
		if !ok1 || !ok2 {
			return nil, fmt.Sprintf("has %q for a port; write numbers from 1 to 65535, such as 22 or 22,80-90, or * for all", item)
		}
		if first > last {
			return nil, fmt.Sprintf("has the ports %q the wrong way round; write %d-%d", item, last, first)
		}
		ranges = append(ranges, portRange{first, last})
	}
	return ranges, ""
}

// parsePort reads a port as it is written: digits only, no leading zero.
func parsePort(s string) (uint16, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err == nil && n > 0 && s[0] != '0' && s[0] != '+'
}

// parseNetwork reads an address or a CIDR, with brackets around the address or
// the whole if it is IPv6.
func parseNetwork(host string) (netip.Prefix, string) {
	plain := strings.NewReplacer("[", "", "]", "").Replace(host)
	if strings.HasPrefix(host, "[") != strings.Contains(plain, ":") {
		return netip.Prefix{}, fmt.Sprintf("has %q, which is no address", host)
	}
	if addr, err := netip.ParseAddr(plain); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), ""
	}
	p, err := netip.ParsePrefix(plain)
	if err != nil || p.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Sprintf("has %q, which is no address and no network; write 10.0.0.0/8 or [fd00::]/8", host)
	}
	if p != p.Masked() {
		return netip.Prefix{}, fmt.Sprintf("has %q, whose address is not the network's first; write %s", host, bracketed(p.Masked()))
	}
	return p, ""
}

// bracketed is p as parseNetwork takes it.
func bracketed(p netip.Prefix) string {
	if p.Addr().Is4() {
		return p.String()
	}
	return fmt.Sprintf("[%s]/%d", p.Addr(), p.Bits())
}

// parseName makes a host name canonical.
func parseName(text string) (name, problem string) {
	if strings.Contains(text, "*") {
		return "", "has a * in the middle; it can only stand alone or for the first labels, as in \"*.lan:22\""
	}
	name, port, err := router.CanonicalHost(text)
	switch {
	case err != nil || port != "" || name == "":
		return "", fmt.Sprintf("has %q, which is no host name", text)
	case endsInNumber(name):
		return "", fmt.Sprintf("has %q, which is neither a name nor an address; write four numbers, such as 127.0.0.1", text)
	}
	return name, ""
}

// allowsName tells whether a host may be asked for by this name.
func (d *Destinations) allowsName(name string, port uint16) bool {
	for _, e := range d.entries {
		named := e.any || e.name != "" && e.name == name || e.suffix != "" && strings.HasSuffix(name, e.suffix)
		if named && e.hasPort(port) {
			return true
		}
	}
	return false
}

// allowsAddress tells whether addr may be connected to whatever it was called.
func (d *Destinations) allowsAddress(addr netip.Addr, port uint16) bool {
	for _, e := range d.entries {
		if (e.any || e.prefix.Contains(addr)) && e.hasPort(port) {
			return true
		}
	}
	return false
}

// lists tells whether a forbidden address is allowed because an entry says just
// that: the address itself, a network with nothing else in it, or localhost.
// "0.0.0.0/0:22" does not mean loopback.
func (d *Destinations) lists(addr netip.Addr, port uint16) bool {
	for _, e := range d.entries {
		if e.prefix.Contains(addr) && e.hasPort(port) && withinForbidden(e.prefix) {
			return true
		}
	}
	return false
}

func (e *destination) hasPort(port uint16) bool {
	for _, r := range e.ports {
		if r.low <= port && port <= r.high {
			return true
		}
	}
	return len(e.ports) == 0
}
