package server

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"httpmaster/router"
)

// FuzzForwardedFor holds that a client that is behind trusted proxies is the
// last address that none of them has, and that nothing that is said before that
// one, or by others, counts.
func FuzzForwardedFor(f *testing.F) {
	for _, field := range []string{"192.0.2.1", "6.6.6.6, 192.0.2.1, 10.0.0.2", "[2001:db8::1]:80", "192.0.2.1:80, 10.0.0.1", "x, 10.0.0.2", ",", "::ffff:10.0.0.2", "unknown"} {
		f.Add(field, "10.0.0.1:1")
		f.Add(field, "192.0.2.9:1")
	}
	p := &port{trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	f.Fuzz(func(t *testing.T, field, peer string) {
		find := func(field string) *router.Match {
			m := new(router.Match)
			p.findClient(&http.Request{RemoteAddr: peer, Header: http.Header{"X-Forwarded-For": {field}}}, m)
			return m
		}
		m := find(field)
		from, err := netip.ParseAddrPort(peer)
		if trusted := err == nil && p.trusts(from.Addr().Unmap()); !trusted {
			if m.Trusted || err == nil && m.Client != from.Addr().Unmap() {
				t.Fatalf("%q from %q: client %v, trusted %v", field, peer, m.Client, m.Trusted)
			}
			return
		}
		if !m.Client.IsValid() || m.Client.Is4In6() || m.Client.Zone() != "" && m.Client != from.Addr().Unmap() {
			t.Fatalf("%q from %q: client %v", field, peer, m.Client)
		}
		if !p.trusts(m.Client) { // further words before change nothing
			if again := find("6.6.6.6, " + field); again.Client != m.Client {
				t.Errorf("%q: client %v, with more before %v", field, m.Client, again.Client)
			}
		}
		if one := find("198.51.100.1, " + strings.Repeat("10.1.1.1,", 3) + "10.0.0.2"); one.Client.String() != "198.51.100.1" {
			t.Errorf("client %v", one.Client)
		}
	})
}
