package certs

import "testing"

func TestHas(t *testing.T) {
	a := newAuthority(t, "one")
	dir := t.TempDir()
	exact, wild := a.leaf(t, "a.test"), a.leaf(t, "*.b.test")
	ip := a.sub.issue(t, template{ips: []string{"192.0.2.1"}})
	write(t, dir, "1.pem", certPEM(exact)+keyPEM(exact), "2.pem", certPEM(wild)+keyPEM(wild), "3.pem", certPEM(ip)+keyPEM(ip),
		"named.crt", certPEM(exact), "named.key", keyPEM(exact))
	found := newStore(t, Options{Dir: dir, Pairs: []Pair{{Name: "*.c.test", Key: dir + "/named.key", Cert: dir + "/named.crt"}}})
	local, err := PeekAuthority(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	issuing := newStore(t, Options{Local: local, LocalNames: []string{"local.test"}})
	for _, test := range []struct {
		host           string
		found, issuing bool
	}{
		{"a.test", true, false},
		{"x.b.test", true, false},
		{"b.test", false, false},
		{"x.y.b.test", false, false},
		{"x.c.test", true, false},
		{"192.0.2.1", true, true},
		{"192.0.2.2", false, true},
		{"local.test", false, true},
		{"x.localhost", false, true},
		{"other.test", false, false},
	} {
		if got := found.Has(test.host); got != test.found {
			t.Errorf("the folder has %s: %v", test.host, got)
		}
		if got := issuing.Has(test.host); got != test.issuing {
			t.Errorf("the authority has %s: %v", test.host, got)
		}
	}
}
