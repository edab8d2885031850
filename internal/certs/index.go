package certs

import (
	"crypto/tls"
	"net/netip"
	"slices"
	"strings"
)

// index is what handshakes look at: every certificate by every name. It never
// changes; a store swaps it for a new one.
type index struct {
	certs    []*Certificate  // each once
	known    map[string]bool // the same, by content
	sni      byName          // what Options.Pairs name
	san      byName          // what certificates name
	ips      map[netip.Addr][]*Certificate
	fallback []*Certificate // for clients that name nothing, or nothing known
}

// byName finds certificates by a host name. The wildcards' keys are without
// "*.".
type byName struct {
	exact, wild map[string][]*Certificate
}

func newByName() byName {
	return byName{make(map[string][]*Certificate), make(map[string][]*Certificate)}
}

func (b byName) add(name string, c *Certificate) {
	if rest, ok := strings.CutPrefix(name, "*."); ok {
		b.wild[rest] = append(b.wild[rest], c)
	} else {
		b.exact[name] = append(b.exact[name], c)
	}
}

// sources is what an index is made of.
type sources struct {
	primary string         // canonical; "" for none
	pairs   []*Certificate // in the order of Options.Pairs
	names   []string       // their names, canonical; "" for the port's own
	fresh   []*Certificate // from the folder, in the order of its files
	kept    []*Certificate // from the folder as it was before something in it broke
}

func newIndex(src sources) *index {
	x := &index{
		known: make(map[string]bool),
		sni:   newByName(),
		san:   newByName(),
		ips:   make(map[netip.Addr][]*Certificate),
	}
	for i, c := range src.pairs {
		if src.names[i] != "" {
			x.sni.add(src.names[i], c)
		}
	}
	x.addSANs(slices.Concat(src.pairs, src.fresh))
	x.addSANs(src.kept)
	x.fallback = src.fallback(x)
	return x
}

// fallback is every certificate in the order in which they stand in for one
// that is not there.
func (src *sources) fallback(x *index) []*Certificate {
	var all []*Certificate
	if src.primary != "" {
		lists := x.named(src.primary)
		all = slices.Concat(lists[:]...)
	}
	for i, c := range src.pairs {
		if src.names[i] == "" {
			all = append(all, c)
		}
	}
	all = slices.Concat(all, src.fresh, src.kept, src.pairs)
	seen := make(map[*Certificate]bool)
	return slices.DeleteFunc(all, func(c *Certificate) bool {
		before := seen[c]
		seen[c] = true
		return before
	})
}

// addSANs makes certificates known by their own names. Of several for a name,
// those that are valid longest come first, of those the newest, and those that most clients refuse,
// because an issuer is missing, last.
func (x *index) addSANs(list []*Certificate) {
	for _, c := range list {
		if raw := string(c.Leaf.Raw); !x.known[raw] {
			x.known[raw] = true
			x.certs = append(x.certs, c)
		}
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b *Certificate) int {
		if a.chained() != b.chained() {
			return trueFirst(a.chained())
		}
		if order := b.Leaf.NotAfter.Compare(a.Leaf.NotAfter); order != 0 {
			return order
		}
		return b.Leaf.NotBefore.Compare(a.Leaf.NotBefore) // an authority near its end gives all of them one end
	})
	for _, c := range list {
		for _, name := range c.Names {
			x.san.add(name, c)
		}
		for _, ip := range c.IPs {
			x.ips[ip] = append(x.ips[ip], c)
		}
	}
}

// named gives the certificates for a canonical name, the best first: what the
// config says before what certificates say, the exact name before a wildcard.
// As in a router's patterns a wildcard of the config stands for one label or
// more, the nearest first; that of a certificate for one (RFC 9525, section
// 6.3).
func (x *index) named(name string) [4][]*Certificate {
	lists := [4][]*Certificate{0: x.sni.exact[name], 2: x.san.exact[name], 3: x.san.wild[parent(name)]}
	for up := parent(name); up != ""; up = parent(up) {
		if list := x.sni.wild[up]; list != nil {
			lists[1] = list
			break
		}
	}
	return lists
}

// has tells whether there is a certificate for a canonical name.
func (x *index) has(name string) bool {
	for _, list := range x.named(name) {
		if len(list) > 0 {
			return true
		}
	}
	return false
}

// lookup finds the certificate for what the client asked for by name, or by
// the address it came to. It gives nil when there is none.
func (x *index) lookup(hello *tls.ClientHelloInfo) *tls.Certificate {
	if hello.ServerName == "" {
		return pick(hello, [4][]*Certificate{x.ips[localIP(hello.Conn)]})
	}
	return pick(hello, x.named(sentName(hello.ServerName)))
}

// pick takes the first certificate that the client can use, chained ones before
// others, or the very first when it can use none: the handshake then says why.
// With only one there is nothing to find out.
func pick(hello *tls.ClientHelloInfo, lists [4][]*Certificate) *tls.Certificate {
	var first *tls.Certificate
	count := 0
	for _, list := range lists {
		if count += len(list); first == nil && len(list) > 0 {
			first = list[0].served.Load()
		}
	}
	if count <= 1 {
		return first
	}
	// Which names a certificate is for was settled before; the config may
	// well give one that does not have the name in it.
	nameless := *hello
	nameless.ServerName = ""
	for _, chained := range [...]bool{true, false} {
		for _, list := range lists {
			for _, c := range list {
				if served := c.served.Load(); c.chained() == chained && nameless.SupportsCertificate(served) == nil {
					return served
				}
			}
		}
	}
	return first
}
