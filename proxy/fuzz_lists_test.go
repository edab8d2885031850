package proxy

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/http/httpguts"

	"httpmaster/router"
)

// FuzzHasToken holds our reading of list fields against that of net/http.
func FuzzHasToken(f *testing.F) {
	f.Add("keep-alive, Upgrade", "upgrade")
	f.Add(",\tx ,,x-forwarded-for", "X-Forwarded-For")
	f.Add("a;b, \"c,d\"", "c")
	f.Fuzz(func(t *testing.T, field, token string) {
		if !httpguts.ValidHeaderFieldName(token) || !httpguts.ValidHeaderFieldValue(field) {
			return // the guard answers 400
		}
		if got, want := hasToken([]string{field}, token), httpguts.HeaderValuesContainsToken([]string{field}, token); got != want {
			t.Errorf("%q in %q: %v, httpguts says %v", token, field, got, want)
		}
	})
}

// FuzzAcceptOrder builds Accept fields of which it is clear what they want.
func FuzzAcceptOrder(f *testing.F) {
	f.Add([]byte{0, 5, 1, 9})
	f.Add([]byte{2, 10, 0, 0, 3, 4, 1, 1})
	ranges := []string{"text/html", "text/plain", "text/*", "*/*", "application/json", "image/png", "TEXT/HTML", "application/*"}
	offers := []string{"text/html", "text/plain", "application/json"}
	f.Fuzz(func(t *testing.T, choice []byte) {
		weights := make(map[string]int) // of a range, in tenths: the first one said counts
		var items []string
		for i := 0; i+1 < len(choice); i += 2 {
			name, weight := ranges[int(choice[i])%len(ranges)], int(choice[i+1])%11
			items = append(items, fmt.Sprintf("%s;a=b; q=%d.%d", name, weight/10, weight%10))
			if _, said := weights[strings.ToLower(name)]; !said {
				weights[strings.ToLower(name)] = weight
			}
		}
		wanted := func(offer string) int {
			kind, _, _ := strings.Cut(offer, "/")
			for _, name := range []string{offer, kind + "/*", "*/*"} {
				if weight, said := weights[name]; said {
					return weight
				}
			}
			return 0
		}
		most := 0
		for _, offer := range offers {
			most = max(most, wanted(offer))
		}
		got := preferred([]string{strings.Join(items, ",")}, offers)
		if wanted(got) != most {
			t.Errorf("%q: got %s, which weighs %d of %d", items, got, wanted(got), most)
		}
	})
}

// FuzzProxyHeader reads what we write as the PROXY protocol's specification
// says, and finds the addresses in it.
func FuzzProxyHeader(f *testing.F) {
	four, six := netip.MustParseAddr("192.0.2.1").AsSlice(), netip.MustParseAddr("2001:db8::1").AsSlice()
	f.Add(four, four, uint16(1), uint16(65535))
	f.Add(six, four, uint16(0), uint16(80))
	f.Add(netip.MustParseAddr("::ffff:192.0.2.1").AsSlice(), six, uint16(5), uint16(22))
	f.Add([]byte{}, four, uint16(5), uint16(22))
	f.Fuzz(func(t *testing.T, from, to []byte, fromPort, toPort uint16) {
		a, _ := netip.AddrFromSlice(from)
		b, _ := netip.AddrFromSlice(to)
		client, server := netip.AddrPortFrom(a, fromPort), netip.AddrPortFrom(b, toPort)
		want := ""
		if client.IsValid() && server.IsValid() {
			want = fmt.Sprint(client.Addr().Unmap(), fromPort, server.Addr().Unmap(), toPort)
		}
		if got := readProxyV1(t, proxyHeader("v1", client, server)); got != want {
			t.Errorf("v1 says %q, want %q", got, want)
		}
		if got := readProxyV2(t, proxyHeader("v2", client, server)); got != want {
			t.Errorf("v2 says %q, want %q", got, want)
		}
	})
}

func readProxyV1(t *testing.T, header []byte) string {
	line, rest, _ := bytes.Cut(header, []byte("\r\n"))
	fields := strings.Split(string(line), " ")
	if len(rest) > 0 || len(header) > 107 || fields[0] != "PROXY" {
		t.Fatalf("%q", header)
	}
	if len(fields) == 2 && fields[1] == "UNKNOWN" {
		return ""
	}
	if len(fields) != 6 {
		t.Fatalf("%q", header)
	}
	from, to := netip.MustParseAddr(fields[2]), netip.MustParseAddr(fields[3])
	if v4 := fields[1] == "TCP4"; from.Is4() != v4 || to.Is4() != v4 || !v4 && fields[1] != "TCP6" {
		t.Fatalf("%q mixes families", header)
	}
	fromPort, err := strconv.ParseUint(fields[4], 10, 16)
	toPort, err2 := strconv.ParseUint(fields[5], 10, 16)
	if err != nil || err2 != nil {
		t.Fatalf("%q: %v, %v", header, err, err2)
	}
	return fmt.Sprint(from.Unmap(), fromPort, to.Unmap(), toPort)
}

func readProxyV2(t *testing.T, header []byte) string {
	if !bytes.HasPrefix(header, []byte("\r\n\r\n\x00\r\nQUIT\n")) || len(header) < 16 || int(binary.BigEndian.Uint16(header[14:])) != len(header)-16 {
		t.Fatalf("%q", header)
	}
	if header[12] == 0x20 {
		return ""
	}
	size := map[byte]int{0x11: 4, 0x21: 16}[header[13]]
	if header[12] != 0x21 || size == 0 || len(header) != 16+2*size+4 {
		t.Fatalf("%q", header)
	}
	addresses := header[16:]
	from, _ := netip.AddrFromSlice(addresses[:size])
	to, _ := netip.AddrFromSlice(addresses[size : 2*size])
	ports := addresses[2*size:]
	return fmt.Sprint(from.Unmap(), binary.BigEndian.Uint16(ports), to.Unmap(), binary.BigEndian.Uint16(ports[2:]))
}

// FuzzStaticName holds that the name of a file is what the request's path says,
// decoded once, that it stays below the folder, and that nothing hidden is named.
func FuzzStaticName(f *testing.F) {
	for _, path := range []string{"/", "/a/b.txt", "/.git/x", "/.well-known/a", "/a%252e", "/%2e%2e/x", "/a%2fb", "//a/./b/../", "/a%00", "/..;/x"} {
		f.Add(path, true)
	}
	s := &Static{root: f.TempDir()}
	f.Fuzz(func(t *testing.T, escaped string, slash bool) {
		var err error
		m := &router.Match{Host: "a.test"}
		if m.Path, m.Forward, err = router.CanonicalPath(escaped, slash); err != nil {
			return
		}
		name, err := s.fileName(m)
		if err != nil {
			return
		}
		for part := range strings.SplitSeq(name, "/") {
			if part == ".." || part == "." || strings.HasPrefix(part, ".") && part != ".well-known" || strings.Contains(part, "\x00") {
				t.Fatalf("%q names %q", escaped, name)
			}
		}
		if want, err := url.PathUnescape(m.Path); err != nil || "/"+name != want && (name != "/" || want != "/") {
			t.Fatalf("%q names %q, want %q", escaped, name, want)
		}
	})
}

// FuzzStickyCookie holds that only a cookie that names a target leads to it,
// whatever else a client writes into the field.
func FuzzStickyCookie(f *testing.F) {
	for _, field := range []string{"hm-upstream=0001", "a=b; hm-upstream=0002", "hm-upstream=\"0001\"", "hm-upstream=0003; hm-upstream=0002", "HM-UPSTREAM=0001", "hm-upstream="} {
		f.Add(field)
	}
	first, second := &member{id: "0001"}, &member{id: "0002"}
	b := &Balancer{settings: BalancerSettings{Cookie: defaultCookie}}
	f.Fuzz(func(t *testing.T, field string) {
		r := &http.Request{Header: http.Header{"Cookie": {field}}}
		got := b.namedBy(r, []*member{first, second})
		var said []string // by the field, in order
		for piece := range strings.SplitSeq(field, ";") {
			name, value, _ := strings.Cut(strings.Trim(piece, " \t\r\n\v\f"), "=")
			if strings.Trim(name, " \t\r\n\v\f") == defaultCookie {
				said = append(said, strings.Trim(value, "\""))
			}
		}
		if got != nil && !slices.Contains(said, got.id) {
			t.Errorf("%q leads to %s", field, got.id)
		}
		if field == defaultCookie+"="+second.id && got != second {
			t.Errorf("%q leads nowhere", field)
		}
	})
}

// FuzzPeerAddress holds the shortcut for IPv4 against net/netip.
func FuzzPeerAddress(f *testing.F) {
	for _, peer := range []string{"192.0.2.1:80", "[::1]:80", "[::ffff:192.0.2.1]:80", "[fe80::1%eth0]:80", "@", ""} {
		f.Add(peer)
	}
	f.Fuzz(func(t *testing.T, peer string) {
		got := peerAddress(&http.Request{RemoteAddr: peer})
		host, _, err := net.SplitHostPort(peer)
		addr, err2 := netip.ParseAddr(host)
		if err != nil || err2 != nil {
			if got != "" {
				t.Errorf("%q gives %q", peer, got)
			}
			return
		}
		if want := addr.Unmap().WithZone("").String(); got != want && got != "" {
			t.Errorf("%q gives %q, want %q", peer, got, want)
		}
	})
}
