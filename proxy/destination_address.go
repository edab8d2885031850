package proxy

import (
	"net/netip"
	"strings"
)

// forbiddenNetwork is a network that a request cannot make us connect to.
type forbiddenNetwork struct {
	prefix netip.Prefix
	what   string
}

// forbiddenNetworks are refused wherever the request chooses the target: they
// reach services that trust whoever is on this machine or link. Private networks
// are not among them, to reach those is what gateways are for; nor are this
// machine's own addresses, for what listens on them expects to be reached.
var forbiddenNetworks = makeForbidden([][2]string{
	{"0.0.0.0/8", "unspecified"}, // Linux takes 0.0.0.0 for 127.0.0.1
	{"127.0.0.0/8", "loopback"},
	{"169.254.0.0/16", "link-local"}, // most clouds' metadata is 169.254.169.254
	{"224.0.0.0/4", "multicast"},
	{"240.0.0.0/4", "reserved or broadcast"},
	{"100.100.100.200/32", "cloud metadata"}, // Alibaba
	{"168.63.129.16/32", "cloud metadata"},   // Azure
	{"192.0.0.192/32", "cloud metadata"},     // Oracle
	{"::/128", "unspecified"},
	{"::1/128", "loopback"},
	{"fe80::/10", "link-local"},
	{"ff00::/8", "multicast"},
	{"fd00:ec2::/32", "cloud metadata"},    // AWS
	{"fd20:ce::254/128", "cloud metadata"}, // Google
	{"fd00:42::42/128", "cloud metadata"},  // Scaleway
	{"64:ff9b:1::/48", "local NAT64"},      // RFC 8215: where the IPv4 address is in it, only the network knows
	{"2001::/32", "Teredo"},                // RFC 4380: carries two IPv4 addresses
})

func makeForbidden(rows [][2]string) []forbiddenNetwork {
	list := make([]forbiddenNetwork, len(rows))
	for i, row := range rows {
		list[i] = forbiddenNetwork{netip.MustParsePrefix(row[0]), row[1]}
	}
	return list
}

// forbidden tells in what class of forbidden addresses addr is, "" for none. An
// IPv6 address that stands for an IPv4 one is in the class of that.
func forbidden(addr netip.Addr) (class string) {
	for _, n := range forbiddenNetworks {
		if n.prefix.Contains(addr.Unmap()) {
			return n.what
		}
	}
	if inner := embedded(addr); inner.IsValid() {
		return forbidden(inner)
	}
	return ""
}

// withinForbidden tells whether p has only forbidden addresses in it.
func withinForbidden(p netip.Prefix) bool {
	for _, n := range forbiddenNetworks {
		if n.prefix.Bits() <= p.Bits() && n.prefix.Contains(p.Addr()) {
			return true
		}
	}
	return false
}

// embeddings are the IPv6 networks whose addresses carry an IPv4 address, and at
// which byte it begins.
var embeddings = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("::/96"), 12},           // IPv4-compatible, RFC 4291 2.5.5.1
	{netip.MustParsePrefix("::ffff:0:0:0/96"), 12}, // IPv4-translated, RFC 2765
	{netip.MustParsePrefix("64:ff9b::/96"), 12},    // NAT64, RFC 6052
	{netip.MustParsePrefix("2002::/16"), 2},        // 6to4, RFC 3056
}

// embedded gives the IPv4 address in an IPv6 one, or the zero Addr. IPv4-mapped
// addresses are not its matter: Unmap makes them IPv4.
func embedded(addr netip.Addr) netip.Addr {
	if !addr.Is6() || addr.Is4In6() {
		return netip.Addr{}
	}
	b := addr.As16()
	for _, e := range embeddings {
		if e.prefix.Contains(addr) {
			return netip.AddrFrom4([4]byte(b[e.at : e.at+4]))
		}
	}
	// ISATAP, RFC 5214 6.1: any network, then 0000:5efe or 0200:5efe.
	if b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe {
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return netip.Addr{}
}

// endsInNumber tells whether a canonical host is one that resolvers take for an
// IPv4 address, in whatever form: 127.1, 0x7f.1, 0177.0.0.1, 2130706433. No
// top-level domain is a number.
func endsInNumber(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(last, "0123456789") == ""
}
