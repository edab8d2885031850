package tunnel

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"

	"httpmaster/router"
)

func TestCounts(t *testing.T) {
	holder := func(route, user, address string) Holder {
		h := Holder{Route: route, User: user}
		if address != "" {
			h.Address = router.Subscriber(netip.MustParseAddr(address))
		}
		return h
	}
	const (
		byRoute   = "all %d tunnels that maxTunnels allows are open"
		byUser    = `all %d tunnels that maxTunnels.user allows are open for "ann"`
		byAddress = "all %d tunnels that maxTunnels.address allows are open from %s"
	)
	tests := []struct {
		name string
		open []Holder
		next Holder
		most Most
		want string
	}{
		{"no limit", []Holder{holder("a", "ann", "192.0.2.1")}, holder("a", "ann", "192.0.2.1"), Most{}, ""},
		{"route", []Holder{holder("a", "ann", "192.0.2.1"), holder("a", "", "")}, holder("a", "bob", "192.0.2.2"), Most{Route: 2}, fmt.Sprintf(byRoute, 2)},
		{"another route", []Holder{holder("b", "ann", "192.0.2.1")}, holder("a", "ann", "192.0.2.1"), Most{1, 1, 1}, ""},
		{"user", []Holder{holder("a", "ann", "192.0.2.1")}, holder("a", "ann", "192.0.2.2"), Most{User: 1}, fmt.Sprintf(byUser, 1)},
		{"another user", []Holder{holder("a", "ann", "192.0.2.1")}, holder("a", "bob", "192.0.2.1"), Most{User: 1}, ""},
		{"nobody is no user", []Holder{holder("a", "", "192.0.2.1")}, holder("a", "", "192.0.2.1"), Most{User: 1}, ""},
		{"address", []Holder{holder("a", "ann", "192.0.2.1")}, holder("a", "bob", "::ffff:192.0.2.1"), Most{Address: 1}, fmt.Sprintf(byAddress, 1, "192.0.2.1")},
		{"another address", []Holder{holder("a", "ann", "192.0.2.1")}, holder("a", "ann", "192.0.2.2"), Most{Address: 1}, ""},
		{"same network", []Holder{holder("a", "", "2001:db8::1")}, holder("a", "", "2001:db8::ffff:2"), Most{Address: 1}, fmt.Sprintf(byAddress, 1, "2001:db8::/64")},
		{"another network", []Holder{holder("a", "", "2001:db8::1")}, holder("a", "", "2001:db8:0:1::1"), Most{Address: 1}, ""},
		{"no address", []Holder{holder("a", "", "")}, holder("a", "", ""), Most{Address: 1}, ""},
		{"a limit lowered below what is open", []Holder{holder("a", "", ""), holder("a", "", "")}, holder("a", "", ""), Most{Route: 1}, fmt.Sprintf(byRoute, 1)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var c Counts
			var releases []func()
			for _, h := range test.open {
				release, err := c.Take(h, Most{})
				if err != nil {
					t.Fatal(err)
				}
				releases = append(releases, release)
			}
			release, err := c.Take(test.next, test.most)
			if (err == nil) != (test.want == "") || err != nil && err.Error() != test.want {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if err == nil {
				releases = append(releases, release)
			}
			for _, release := range releases {
				release()
			}
			if len(c.open) > 0 {
				t.Errorf("when all have ended there is %v", c.open)
			}
		})
	}
}

// However many come at once, no more than the limit get in.
func TestCountsAtOnce(t *testing.T) {
	var c Counts
	var got sync.Map
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			if release, err := c.Take(Holder{Route: "a", User: "ann"}, Most{Route: 20, User: 7}); err == nil {
				got.Store(i, release)
			}
		})
	}
	wg.Wait()
	n := 0
	got.Range(func(_, release any) bool {
		n++
		release.(func())()
		return true
	})
	if n != 7 || len(c.open) > 0 {
		t.Errorf("%d got in, and %v stays", n, c.open)
	}
}
