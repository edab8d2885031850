package middleware

import (
	"net/http"
	"net/netip"
	"testing"

	"httpmaster/router"
)

func TestAddressFilter(t *testing.T) {
	for _, c := range []struct {
		client   string // "" for a Unix socket
		prefixes []string
		listed   bool
	}{
		{"10.1.2.3", []string{"10.0.0.0/8"}, true},
		{"11.1.2.3", []string{"10.0.0.0/8"}, false},
		{"11.1.2.3", []string{"10.0.0.0/8", "11.1.2.3/32"}, true},
		{"10.1.2.3", []string{"10.1.2.9/8"}, true},
		{"10.1.2.3", nil, false},
		{"10.1.2.3", []string{"0.0.0.0/0"}, true},
		{"10.1.2.3", []string{"::/0"}, false},
		{"::ffff:10.1.2.3", []string{"10.0.0.0/8"}, true},
		{"10.1.2.3", []string{"::ffff:10.0.0.0/104"}, true},
		{"::ffff:10.1.2.3", []string{"::ffff:10.1.2.3/128"}, true},
		{"11.1.2.3", []string{"::ffff:10.0.0.0/104"}, false},
		{"2001:db8::1", []string{"2001:db8::/32"}, true},
		{"2001:db9::1", []string{"2001:db8::/32"}, false},
		{"fe80::1%eth0", []string{"fe80::/10"}, true},
		{"", []string{"0.0.0.0/0", "::/0"}, false},
	} {
		var prefixes []netip.Prefix
		for _, p := range c.prefixes {
			prefixes = append(prefixes, netip.MustParsePrefix(p))
		}
		m := new(router.Match)
		if c.client != "" {
			m.Client = netip.MustParseAddr(c.client)
		}
		for _, deny := range []bool{false, true} {
			got := ""
			f := &AddressFilter{Deny: deny, Prefixes: prefixes,
				Refuse: func(_ http.ResponseWriter, _ *http.Request, status int, reason string) {
					if status != 403 || reason != "your address is not allowed here" {
						t.Errorf("refused with %d %q", status, reason)
					}
					got += "refused"
				},
				Next: handle(func(http.ResponseWriter, *http.Request, *router.Match) { got += "passed" })}
			f.Serve(nil, nil, m)
			want := "refused"
			if c.listed != deny {
				want = "passed"
			}
			if got != want {
				t.Errorf("%q in %v, deny %v: %s, want %s", c.client, c.prefixes, deny, got, want)
			}
		}
	}
}

func TestAddressFilterOverSockets(t *testing.T) {
	local := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	allow := serve(t, &AddressFilter{Prefixes: local, Refuse: refuse, Next: router.HandlerFunc(upgrade)})
	deny := serve(t, &AddressFilter{Deny: true, Prefixes: local, Refuse: refuse, Next: router.HandlerFunc(upgrade)})
	echo(t, allow, "x").want(t, 101, "x")
	echo(t, deny, "x").want(t, 403, "your address is not allowed here\n")
	request(t, deny, "GET /").want(t, 403, "your address is not allowed here\n")
}
