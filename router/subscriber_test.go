package router

import (
	"net/netip"
	"testing"
)

func TestSubscriber(t *testing.T) {
	for client, want := range map[string]string{
		"192.0.2.1":                "192.0.2.1",
		"::ffff:192.0.2.1":         "192.0.2.1",
		"2001:db8:1:2:3:4:5:6":     "2001:db8:1:2::",
		"2001:db8:1:2:ffff::":      "2001:db8:1:2::",
		"2001:db8:1:3::":           "2001:db8:1:3::",
		"fe80::1%eth0":             "fe80::",
		"fe80:0:0:0:1:2:3:4%other": "fe80::",
	} {
		if got := Subscriber(netip.MustParseAddr(client)); got.String() != want {
			t.Errorf("%s: got %s, want %s", client, got, want)
		}
	}
	if got := Subscriber(netip.Addr{}); got.IsValid() {
		t.Errorf("a client without an address counts as %s", got)
	}
}
