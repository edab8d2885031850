package proxy

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

// names is a resolver that knows these names only.
type names map[string]string

func (n names) lookup(_ context.Context, _, name string) ([]netip.Addr, error) {
	list, ok := n[name]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	var addrs []netip.Addr
	for text := range strings.FieldsSeq(list) {
		addrs = append(addrs, netip.MustParseAddr(text))
	}
	return addrs, nil
}

var testNames = names{
	"localhost":             "127.0.0.1 ::1",
	"a.localhost":           "127.0.0.1 ::1",
	"db.lan":                "10.1.2.3",
	"both.lan":              "10.1.2.3 fd00::3",
	"public.example":        "203.0.113.7 2001:db8::7",
	"xn--bcher-kva.lan":     "10.1.2.4",
	"loop.lan":              "127.0.0.1",
	"loop6.lan":             "::1",
	"mapped.lan":            "::ffff:127.0.0.1",
	"nat64.lan":             "64:ff9b::7f00:1",
	"meta.lan":              "169.254.169.254",
	"half.lan":              "127.0.0.1 10.1.2.5",
	"localtest.me":          "127.0.0.1 ::1",
	"ip6-localhost":         "::1",
	"debian":                "127.0.1.1",
	"127.0.0.1.nip.example": "127.0.0.1",
	"router.local":          "fe80::1%eth0",

	"metadata.google.internal": "169.254.169.254",
	"instance-data":            "169.254.169.254",
	"meta6.lan":                "fd00:ec2::254",
	"alibaba.lan":              "100.100.100.200",
	"zero.lan":                 "0.0.0.0",
	"group.lan":                "239.1.2.3 ff02::1",
	"all.lan":                  "255.255.255.255",
	"sixtofour.lan":            "2002:a9fe:a9fe::1",
	"empty.lan":                "",
}

// spellings are addresses that a request cannot have, each in some form that
// something on the way might understand.
var spellings = []string{
	// IPv4 as it should be.
	"127.0.0.1", "127.1.2.3", "127.255.255.255", "0.0.0.0", "0.1.2.3", "169.254.0.1", "169.254.169.254",
	"224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "100.100.100.200", "168.63.129.16", "192.0.0.192",
	// IPv4 in forms that inet_aton takes.
	"127.1", "127.0.1", "0", "0x0", "1", "2130706433", "017700000001", "0177.0.0.1", "0177.0.0.01", "0x7f.1", "0x7f.0.0.1",
	"0x7F000001", "0X7F.1", "127.0.0.0x1", "127.0.0.01", "00127.0.0.1", "3232235521", "0xA9FEA9FE", "169.254.43518", "425.510.425.510",
	"169.0376.0251.0376", "0251.0376.0251.0376", "0xa9.0xfe.0xa9.0xfe", "2852039166", "0xA9.254.0251.254", "168.63.33040", "127.000000000000001",
	"127.0.0.1.", "0x7f.1.", "2130706433.", "1.2.3.4.5", "0x", "4294967296",
	// Letters of other scripts that become digits and dots.
	"１２７.0.0.1", "127。0。0。1", "①②⑦.⓪.⓪.①", "0ｘ7f.1",
	"127．0．0．1", "127｡0｡0｡1", "٢٥٥.255.255.255", "𝟏𝟐𝟕.𝟎.𝟎.𝟏", "169。254。169。254", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
	// IPv6.
	"::1", "::", "0:0:0:0:0:0:0:1", "0000:0000:0000:0000:0000:0000:0000:0001", "fe80::1", "febf::1", "fe80::1%eth0", "::1%lo", "ff02::1", "ff0e::1",
	"fd00:ec2::254", "fd20:ce::254", "fd00:42::42",
	// IPv4 in IPv6.
	"::ffff:127.0.0.1", "::ffff:7f00:1", "0:0:0:0:0:ffff:127.0.0.1", "::ffff:0.0.0.0", "::ffff:169.254.169.254", "::127.0.0.1", "::7f00:1",
	"::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::127.0.0.1", "2002:7f00:1::", "2002:a9fe:a9fe::1",
	"0000::ffff:a9fe:a9fe", "::ffff:0x7f.1", "::ffff:0:a9fe:a9fe", "::a9fe:a9fe", "64:ff9b::6464:64c8", "2002:6464:64c8::", "FD00:EC2::254", "fd00:0ec2:0000::0254",
	"2001:0:7f00:1::1", "fd00::5efe:127.0.0.1", "fd00::200:5efe:7f00:1",
	// Names.
	"localhost", "LOCALHOST", "LocalHost", "localhost.", "a.localhost", "a.localhost.", "ｌｏｃａｌｈｏｓｔ",
	// Names that lead there.
	"loop.lan", "LOOP.lan.", "loop6.lan", "mapped.lan", "nat64.lan", "meta.lan", "localtest.me", "ip6-localhost", "debian",
	"127.0.0.1.nip.example", "router.local", "metadata.google.internal", "metadata.google.internal.", "instance-data", "meta6.lan", "alibaba.lan",
	"zero.lan", "group.lan", "all.lan", "sixtofour.lan",
	// No hosts at all.
	"", ".", "a..b", "127.0.0.1:80", "[::1]", "::1]", "user@localhost", "localhost#", "local host", "localhost\x00", "localhost\n", "127.0.0.1/8", "%6c", "*",
}

func TestForbiddenSpellings(t *testing.T) {
	if len(spellings) < 60 {
		t.Fatalf("only %d spellings", len(spellings))
	}
	open, err := ParseDestinations([]string{"*:22", "*.lan:22", "0.0.0.0/0:22", "[::]/0:22", "*.example:*"})
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range []struct {
		name  string
		allow *Destinations
	}{{"no list", nil}, {"a list that means others", open}} {
		for _, host := range spellings {
			addrs, err := list.allow.resolve(t.Context(), testNames.lookup, host, 22)
			var refused *tunnelError
			if len(addrs) > 0 || !errors.As(err, &refused) || refused.status != http.StatusForbidden || refused.reason != "this target is not allowed" {
				t.Errorf("%s: %q gives %v, %v", list.name, host, addrs, err)
			}
		}
	}
}

func TestAllowedTargets(t *testing.T) {
	tests := []struct {
		name  string
		allow []string // nil: no list
		host  string
		port  uint16
		want  string // addresses, or the error
	}{
		{"private address", nil, "10.1.2.3", 22, "10.1.2.3:22"},
		{"private address in IPv6 form", nil, "::ffff:10.1.2.3", 22, "10.1.2.3:22"},
		{"unique local address", nil, "fd00::3", 22, "[fd00::3]:22"},
		{"public NAT64", nil, "64:ff9b::cb00:7107", 22, "[64:ff9b::cb00:7107]:22"},
		{"name", nil, "db.lan", 22, "10.1.2.3:22"},
		{"name in capitals with a dot", nil, "DB.LAN.", 22, "10.1.2.3:22"},
		{"international name", nil, "bücher.lan", 22, "10.1.2.4:22"},
		{"all addresses of a name, in order", nil, "public.example", 443, "203.0.113.7:443 [2001:db8::7]:443"},
		{"only the good ones", nil, "half.lan", 22, "10.1.2.5:22"},
		{"unknown name", nil, "nobody.lan", 22, "lookup nobody.lan: no such host"},
		{"name without addresses", nil, "empty.lan", 22, `"empty.lan" has no addresses`},
		{"loopback, no list", nil, "127.0.0.1", 22, "a request may ask for 127.0.0.1 (loopback) only if `allow` lists it"},
		{"localhost, no list", nil, "localhost", 22, "a request may ask for \"localhost\" only if `allow` lists \"localhost:22\""},
		{"odd form", nil, "0x7f.1", 22, `"0x7f.1" is an address in a form that is not accepted`},
		{"no name", nil, "a b", 22, `"a b" is no plain host name`},
		{"zone", nil, "fe80::1%eth0", 22, "fe80::1%eth0 has a zone"},
		{"name that leads home", nil, "loop.lan", 22, "\"loop.lan\" resolves to nothing that is allowed: a request may ask for 127.0.0.1 (loopback) only if `allow` lists it"},

		{"name in the list", []string{"db.lan:22"}, "db.lan", 22, "10.1.2.3:22"},
		{"list in capitals", []string{"DB.Lan.:22"}, "db.lan", 22, "10.1.2.3:22"},
		{"international list", []string{"BÜCHER.lan:22"}, "xn--bcher-kva.lan", 22, "10.1.2.4:22"},
		{"another port", []string{"db.lan:22"}, "db.lan", 23, "\"db.lan\" resolves to nothing that is allowed: `allow` does not list 10.1.2.3:23"},
		{"below", []string{"*.lan:22"}, "db.lan", 22, "10.1.2.3:22"},
		{"not the name itself", []string{"*.db.lan:22"}, "db.lan", 22, "\"db.lan\" resolves to nothing that is allowed: `allow` does not list 10.1.2.3:22"},
		{"not a longer word", []string{"*.b.lan:22"}, "db.lan", 22, "\"db.lan\" resolves to nothing that is allowed: `allow` does not list 10.1.2.3:22"},
		{"everything", []string{"*:22"}, "db.lan", 22, "10.1.2.3:22"},
		{"every address", []string{"*:22"}, "10.9.9.9", 22, "10.9.9.9:22"},
		{"everything is not loopback", []string{"*:22"}, "127.0.0.1", 22, "`allow` does not list 127.0.0.1:22 (loopback) itself"},
		{"network", []string{"10.0.0.0/8:22,80-90"}, "10.1.2.3", 85, "10.1.2.3:85"},
		{"network, odd form", []string{"10.0.0.0/8:22"}, "::ffff:10.1.2.3", 22, "10.1.2.3:22"},
		{"outside the network", []string{"10.0.0.0/8:22"}, "11.1.2.3", 22, "`allow` does not list 11.1.2.3:22"},
		{"outside the ports", []string{"10.0.0.0/8:22,80-90"}, "10.1.2.3", 91, "`allow` does not list 10.1.2.3:91"},
		{"name into a network", []string{"10.0.0.0/8:22"}, "both.lan", 22, "10.1.2.3:22"},
		{"an address is no name", []string{"*.lan:22"}, "10.1.2.3", 22, "`allow` does not list 10.1.2.3:22"},
		{"IPv6 network", []string{"[fd00::]/8:22"}, "both.lan", 22, "[fd00::3]:22"},
		{"one address, all ports", []string{"10.1.2.3:*"}, "10.1.2.3", 65535, "10.1.2.3:65535"},
		{"localhost", []string{"localhost:22"}, "localhost", 22, "127.0.0.1:22 [::1]:22"},
		{"localhost with a dot", []string{"localhost:22"}, "localhost.", 22, "127.0.0.1:22 [::1]:22"},
		{"loopback by localhost", []string{"localhost:22"}, "127.0.0.1", 22, "127.0.0.1:22"},
		{"mapped loopback by localhost", []string{"localhost:22"}, "::ffff:127.0.0.1", 22, "127.0.0.1:22"},
		{"loopback by localhost, another port", []string{"localhost:22"}, "127.0.0.1", 23, "`allow` does not list 127.0.0.1:23 (loopback) itself"},
		{"odd loopback in spite of localhost", []string{"localhost:22"}, "127.1", 22, `"127.1" is an address in a form that is not accepted`},
		{"localhost itself is not named", []string{"*:22"}, "localhost", 22, "\"localhost\" resolves to nothing that is allowed: `allow` does not list 127.0.0.1:22 (loopback) itself"},
		{"loopback by address", []string{"127.0.0.1:22"}, "127.0.0.1", 22, "127.0.0.1:22"},
		{"loopback by network", []string{"127.0.0.0/8:22"}, "127.9.9.9", 22, "127.9.9.9:22"},
		{"loopback is not in 0/0", []string{"0.0.0.0/0:22"}, "127.0.0.1", 22, "`allow` does not list 127.0.0.1:22 (loopback) itself"},
		{"link-local by network", []string{"[fe80::]/10:22"}, "fe80::1", 22, "[fe80::1]:22"},
		{"metadata by address", []string{"169.254.169.254:80"}, "169.254.169.254", 80, "169.254.169.254:80"},
		{"rebinding to loopback", []string{"*.lan:22"}, "loop.lan", 22, "\"loop.lan\" resolves to nothing that is allowed: `allow` does not list 127.0.0.1:22 (loopback) itself"},
		{"rebinding to metadata", []string{"*.lan:80"}, "meta.lan", 80, "\"meta.lan\" resolves to nothing that is allowed: `allow` does not list 169.254.169.254:80 (link-local) itself"},
		{"a name to a listed loopback", []string{"*.lan:22", "127.0.0.1:22"}, "loop.lan", 22, "127.0.0.1:22"},
		{"a translated loopback is never listed", []string{"localhost:22", "*.lan:22"}, "nat64.lan", 22, "\"nat64.lan\" resolves to nothing that is allowed: `allow` does not list [64:ff9b::7f00:1]:22 (loopback) itself"},
		{"an empty list allows nothing", []string{}, "10.1.2.3", 22, "`allow` does not list 10.1.2.3:22"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var allow *Destinations
			if test.allow != nil {
				var err error
				if allow, err = ParseDestinations(test.allow); err != nil {
					t.Fatal(err)
				}
			}
			addrs, err := allow.resolve(t.Context(), testNames.lookup, test.host, test.port)
			var got []string
			for _, a := range addrs {
				got = append(got, a.String())
			}
			text := strings.Join(got, " ")
			if err != nil {
				text = err.Error()
			}
			if text != test.want {
				t.Errorf("got  %s\nwant %s", text, test.want)
			}
		})
	}
}

func TestParseDestinationsFaults(t *testing.T) {
	tests := []struct{ entry, want string }{
		{"", `is empty; write HOST:PORTS, such as "*.lan:22"`},
		{"  ", `is empty; write HOST:PORTS, such as "*.lan:22"`},
		{"db.lan", `names no ports; write "db.lan:22", or "db.lan:*" for all`},
		{"10.0.0.0/8", `names no ports; write "10.0.0.0/8:22", or "10.0.0.0/8:*" for all`},
		{"[fd00::1]", `names no ports; write "[fd00::1]:22", or "[fd00::1]:*" for all`},
		{":22", `names no host; write "*:22" for every host`},
		{"fd00::1", `has an IPv6 address without brackets; write "[fd00::1]:22" or "[fd00::]/8:22"`},
		{"fd00::/8:22", `has an IPv6 address without brackets; write "[fd00::1]:22" or "[fd00::]/8:22"`},
		{"ssh://db.lan:22", `is a URL; write only HOST:PORTS, such as "db.lan:22"`},
		{"db.lan:ssh", `has "ssh" for a port; write numbers from 1 to 65535, such as 22 or 22,80-90, or * for all`},
		{"db.lan:", `has "" for a port; write numbers from 1 to 65535, such as 22 or 22,80-90, or * for all`},
		{"db.lan:0", `has "0" for a port; write numbers from 1 to 65535, such as 22 or 22,80-90, or * for all`},
		{"db.lan:65536", `has "65536" for a port; write numbers from 1 to 65535, such as 22 or 22,80-90, or * for all`},
		{"db.lan:+22", `has "+22" for a port; write numbers from 1 to 65535, such as 22 or 22,80-90, or * for all`},
		{"db.lan:22,", `has "" for a port; write numbers from 1 to 65535, such as 22 or 22,80-90, or * for all`},
		{"db.lan:80-", `has "80-" for a port; write numbers from 1 to 65535, such as 22 or 22,80-90, or * for all`},
		{"db.lan:90-80", `has the ports "90-80" the wrong way round; write 80-90`},
		{"10.1.2.3/8:22", `has "10.1.2.3/8", whose address is not the network's first; write 10.0.0.0/8`},
		{"[fd00::1]/8:22", `has "[fd00::1]/8", whose address is not the network's first; write [fd00::]/8`},
		{"10.0.0.0/33:22", `has "10.0.0.0/33", which is no address and no network; write 10.0.0.0/8 or [fd00::]/8`},
		{"db.lan/8:22", `has "db.lan/8", which is no address and no network; write 10.0.0.0/8 or [fd00::]/8`},
		{"[db.lan]:22", `has "[db.lan]", which is no address`},
		{"[10.1.2.3]:22", `has "[10.1.2.3]", which is no address`},
		{"[fe80::1%eth0]:22", `has "[fe80::1%eth0]", which is no address and no network; write 10.0.0.0/8 or [fd00::]/8`},
		{"[::ffff:10.0.0.0]/104:22", `has "[::ffff:10.0.0.0]/104", which is no address and no network; write 10.0.0.0/8 or [fd00::]/8`},
		{"db*.lan:22", `has a * in the middle; it can only stand alone or for the first labels, as in "*.lan:22"`},
		{"*.*.lan:22", `has a * in the middle; it can only stand alone or for the first labels, as in "*.lan:22"`},
		{"*.:22", `has "", which is no host name`},
		{"a b:22", `has "a b", which is no host name`},
		{"127.1:22", `has "127.1", which is neither a name nor an address; write four numbers, such as 127.0.0.1`},
		{"0x7f000001:22", `has "0x7f000001", which is neither a name nor an address; write four numbers, such as 127.0.0.1`},
		{"*.0.0.1:22", `has "0.0.1", which is neither a name nor an address; write four numbers, such as 127.0.0.1`},
	}
	for _, test := range tests {
		t.Run(test.entry, func(t *testing.T) {
			d, err := ParseDestinations([]string{"*.lan:22", test.entry})
			var fault *DestinationError
			if d != nil || !errors.As(err, &fault) {
				t.Fatalf("got %v, %v", d, err)
			}
			if fault.Index != 1 || fault.Msg != test.want {
				t.Errorf("got  %d %s\nwant 1 %s", fault.Index, fault.Msg, test.want)
			}
			if err.Error() != "entry 2: "+test.want {
				t.Errorf("the whole text is %q", err)
			}
		})
	}
}

func FuzzParseDestinations(f *testing.F) {
	for _, entry := range []string{"*.lan:22", "10.0.0.0/8:22,80-90", "localhost:22", "[fd00::]/8:22", "*:*", "[::1]:1-2", "bücher.lan:1", "127.1:22"} {
		f.Add(entry, "127.0.0.1")
	}
	f.Fuzz(func(t *testing.T, entry, host string) {
		d, err := ParseDestinations([]string{entry})
		if (d == nil) == (err == nil) {
			t.Fatalf("%v and %v", d, err)
		}
		if d == nil {
			return
		}
		for _, e := range d.entries {
			if !e.any && e.name == "" && e.suffix == "" && !e.prefix.IsValid() {
				t.Fatalf("%q stands for nothing: %+v", entry, e)
			}
		}
		// What is dialled is one of the addresses that were looked up, or the one
		// written, and is forbidden only if the entry is about such addresses.
		addrs, _ := d.resolve(t.Context(), testNames.lookup, host, 22)
		for _, a := range addrs {
			if forbidden(a.Addr()) != "" && !d.lists(a.Addr(), 22) {
				t.Fatalf("%q lets %q through to %v", entry, host, a)
			}
		}
	})
}

// Whatever a request writes, without a list no forbidden address comes of it.
func FuzzTargetAddress(f *testing.F) {
	for _, host := range spellings {
		f.Add(host)
	}
	echo := func(_ context.Context, _, name string) ([]netip.Addr, error) {
		// A resolver as generous as they come: it knows every odd form.
		return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::ffff:127.0.0.1")}, nil
	}
	f.Fuzz(func(t *testing.T, host string) {
		addrs, err := (*Destinations)(nil).resolve(t.Context(), echo, host, 22)
		if (len(addrs) == 0) == (err == nil) {
			t.Fatalf("%v and %v", addrs, err)
		}
		for _, a := range addrs {
			if class := forbidden(a.Addr()); class != "" {
				t.Fatalf("%q leads to %v, which is %s", host, a, class)
			}
		}
	})
}
