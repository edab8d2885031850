package proxy

import (
	"bufio"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"httpmaster/router"
)

func TestWebsockifyHandshake(t *testing.T) {
	const use = "this address is a TCP service behind a WebSocket: use dewebsockify ws://a.example/x PORT\n"
	tests := []struct {
		name    string
		request string
		status  string
		fields  map[string]string
		body    string // without the first line
	}{
		{"a visit", "GET /x HTTP/1.1\nHost: a.example\n\n", "426 Upgrade Required",
			map[string]string{"Upgrade": "websocket", "Connection": "Upgrade"}, use},
		{"a visit to a port", "GET /x HTTP/1.1\nHost: A.Example:8080\n\n", "426 Upgrade Required", nil,
			"this address is a TCP service behind a WebSocket: use dewebsockify ws://a.example:8080/x PORT\n"},
		{"a form", "POST /x HTTP/1.1\nHost: a.example\nContent-Length: 3\n\nabc", "426 Upgrade Required", nil, use},
		{"another protocol", "GET /x HTTP/1.1\nHost: a.example\nConnection: Upgrade\nUpgrade: h2c\n\n", "426 Upgrade Required", nil, use},
		{"Upgrade alone", "GET /x HTTP/1.1\nHost: a.example\nUpgrade: websocket\n\n", "426 Upgrade Required", nil, use},
		{"an older version", strings.Replace(handshake("Host: a.example"), "n: 13", "n: 8", 1), "426 Upgrade Required",
			map[string]string{"Sec-WebSocket-Version": "13", "Upgrade": "websocket"}, "only WebSocket version 13 is spoken here\n"},
		{"no version", strings.Replace(handshake("Host: a.example"), "Sec-WebSocket-Version: 13\n", "", 1), "426 Upgrade Required",
			map[string]string{"Sec-WebSocket-Version": "13"}, "only WebSocket version 13 is spoken here\n"},
		{"no key", strings.Replace(handshake("Host: a.example"), "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\n", "", 1), "400 Bad Request", nil,
			"a WebSocket handshake has one Sec-WebSocket-Key\n"},
		{"a short key", strings.Replace(handshake("Host: a.example"), "AAAAAAAAAAAAAAAAAAAAAA==", "AAAA", 1), "400 Bad Request", nil,
			"Sec-WebSocket-Key must be 16 bytes in base64\n"},
		{"two keys", handshake("Host: a.example", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="), "400 Bad Request", nil,
			"a WebSocket handshake has one Sec-WebSocket-Key\n"},
		{"POST", strings.Replace(handshake("Host: a.example"), "GET", "POST", 1), "400 Bad Request", nil, "a WebSocket is opened with GET\n"},
		{"a body", handshake("Host: a.example", "Content-Length: 1") + "x", "400 Bad Request", nil, "a WebSocket handshake has no body\n"},
		{"HTTP/1.0", strings.Replace(handshake("Host: a.example"), "HTTP/1.1", "HTTP/1.0", 1), "400 Bad Request", nil, "a WebSocket needs HTTP/1.1\n"},
	}
	_, mounted, log := newWebsockify(t, "/x", echoServer(t))
	s := (&front{handler: mounted}).start(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			conn, br := dialRaw(t, s.URL)
			_, _ = io.WriteString(conn, crlf(test.request))
			resp, err := http.ReadResponse(br, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			if resp.Status != test.status || string(body) != test.status+"\n"+test.body {
				t.Errorf("%s %q", resp.Status, body)
			}
			for name, want := range test.fields {
				if got := resp.Header.Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
	if log.String() != "" {
		t.Errorf("the log has %s", log)
	}
}

func TestWebsockifyOverHTTP2(t *testing.T) {
	_, mounted, _ := newWebsockify(t, "/x", "127.0.0.1:1")
	s := (&front{handler: mounted}).startTLS(t)
	resp, err := s.Client().Get(s.URL + "/x")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	want := "426 Upgrade Required\nthis address is a TCP service behind a WebSocket: use dewebsockify wss" + strings.TrimPrefix(s.URL, "https") + "/x PORT\n"
	if resp.ProtoMajor != 2 || resp.StatusCode != 426 || string(body) != want || resp.Header.Get("Upgrade") != "" {
		t.Errorf("%s %s %q", resp.Proto, resp.Status, body)
	}
}

func TestOrigins(t *testing.T) {
	list := []string{"https://app.example", "http://dev.example:3000", "plain.example", "*.sub.example", "https://*.deep.example", "port.example:8443", "bücher.example"}
	tests := []struct {
		host, origin string
		tls          bool
		want         bool
	}{
		// The own host.
		{"a.example", "http://a.example", false, true},
		{"a.example", "https://a.example", false, true}, // TLS may have ended before us
		{"a.example", "https://a.example", true, true},
		{"a.example", "http://a.example", true, false}, // anybody on the way can write such a page
		{"A.Example.", "https://a.example", true, true},
		{"a.example", "HTTPS://A.EXAMPLE", true, true},
		{"a.example:443", "https://a.example", true, true},
		{"a.example", "https://a.example:443", true, true},
		{"a.example:80", "http://a.example", false, true},
		{"a.example:8443", "https://a.example:8443", true, true},
		{"a.example:8443", "https://a.example", true, false},
		{"a.example", "https://a.example:8443", true, false},
		{"[::1]:8080", "http://[::1]:8080", false, true},
		{"[::1]:8080", "http://[0:0::1]:8080", false, true},
		{"xn--bcher-kva.lan", "https://bücher.lan", true, true},
		// Others.
		{"a.example", "https://b.example", true, false},
		{"a.example", "https://a.example.evil.example", true, false},
		{"a.example", "https://evil-a.example", true, false},
		{"a.example", "https://a.example@evil.example", true, false},
		{"a.example", "https://sub.a.example", true, false},
		{"a.example", "null", true, false},
		{"a.example", "", true, false},
		{"a.example", "a.example", true, false},
		{"a.example", "file://", true, false},
		{"a.example", "chrome-extension://a.example", true, false},
		{"a.example", "https://a.example/path", true, false},
		{"a.example", "https://", true, false},
		// Listed.
		{"a.example", "https://app.example", true, true},
		{"a.example", "https://app.example:443", true, true},
		{"a.example", "http://app.example", true, false},
		{"a.example", "https://app.example:8443", true, false},
		{"a.example", "http://dev.example:3000", true, true},
		{"a.example", "http://dev.example", true, false},
		{"a.example", "http://plain.example", true, true},
		{"a.example", "https://plain.example:1234", true, true},
		{"a.example", "https://x.sub.example", true, true},
		{"a.example", "http://x.y.sub.example:99", true, true},
		{"a.example", "https://sub.example", true, false},
		{"a.example", "https://xsub.example", true, false},
		{"a.example", "https://x.deep.example", true, true},
		{"a.example", "http://x.deep.example", true, false},
		{"a.example", "https://port.example:8443", true, true},
		{"a.example", "https://port.example", true, false},
		{"a.example", "https://xn--bcher-kva.example", true, true},
	}
	for _, test := range tests {
		m := &router.Match{TLS: test.tls}
		var err error
		if m.Host, m.Port, err = router.CanonicalHost(test.host); err != nil {
			t.Fatal(err)
		}
		r := &http.Request{Header: http.Header{"Origin": {test.origin}}}
		if got := originAllowed(r, m, list); got != test.want {
			t.Errorf("TLS %v, host %s, origin %q: %v", test.tls, test.host, test.origin, got)
		}
	}
	m := &router.Match{Host: "a.example"}
	if !originAllowed(&http.Request{Header: http.Header{}}, m, nil) {
		t.Error("a program without Origin is refused")
	}
	two := &http.Request{Header: http.Header{"Origin": {"http://a.example", "http://a.example"}}}
	if originAllowed(two, m, nil) {
		t.Error("two Origins are accepted")
	}
	null := &http.Request{Header: http.Header{"Origin": {"null"}}}
	if !originAllowed(null, m, []string{"null"}) || !originAllowed(null, m, []string{"*"}) {
		t.Error("null is refused though it is listed")
	}
}

func TestCheckOrigin(t *testing.T) {
	for _, good := range []string{"https://x.com", "https://x.com:8443", "x.com", "*.x.com", "https://*.x.com", "*", "null", "https://[::1]:1"} {
		if err := CheckOrigin(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", "https://", "https://x.com/", "*x.com", "x.*.com", "a b", "https://*"} {
		want := `"` + bad + `" is no origin: write "https://x.com", "x.com" or "*.x.com"`
		if err := CheckOrigin(bad); err == nil || err.Error() != want {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestWebsockifyNamesTheRefusedOrigin(t *testing.T) {
	_, mounted, log := newWebsockify(t, "/x", echoServer(t))
	s := (&front{handler: mounted}).start(t)
	conn, br := dialRaw(t, s.URL)
	_, _ = io.WriteString(conn, crlf(handshake("Host: a.example", "Accept: text/html", "Origin: https://evil.example/<b>"+strings.Repeat("x", 300))))
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	const shown = "https://evil.example/&lt;b&gt;"
	if resp.StatusCode != 403 || !strings.Contains(string(body), "<p>pages of &#34;"+shown+strings.Repeat("x", 176)+"...&#34; may not connect here</p>") {
		t.Errorf("%s %s", resp.Status, body)
	}
	if !strings.Contains(log.String(), `status=403 reason="pages of \"https://evil.example/<b>xxx`) || !strings.Contains(log.String(), "may not connect; if they should, add it to `origins`") {
		t.Errorf("the log has %s", log)
	}
}

func TestProxyHeader(t *testing.T) {
	v4, v6 := netip.MustParseAddrPort("192.0.2.1:56324"), netip.MustParseAddrPort("[2001:db8::1]:56324")
	to4, to6 := netip.MustParseAddrPort("198.51.100.2:443"), netip.MustParseAddrPort("[2001:db8::2]:443")
	const sig = "0d0a0d0a000d0a515549540a"
	tests := []struct {
		name         string
		client, serv netip.AddrPort
		v1, v2       string
	}{
		{"IPv4", v4, to4, "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n", sig + "2111000c" + "c0000201" + "c6336402" + "dc04" + "01bb"},
		{"IPv6", v6, to6, "PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n", sig + "21210024" + "20010db8000000000000000000000001" + "20010db8000000000000000000000002" + "dc0401bb"},
		{"mapped", netip.MustParseAddrPort("[::ffff:192.0.2.1]:56324"), to4, "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n", sig + "2111000c" + "c0000201" + "c6336402" + "dc0401bb"},
		{"mixed", v4, to6, "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 56324 443\r\n", sig + "21210024" + "00000000000000000000ffffc0000201" + "20010db8000000000000000000000002" + "dc0401bb"},
		{"Unix socket", netip.AddrPort{}, netip.AddrPort{}, "PROXY UNKNOWN\r\n", sig + "20000000"},
	}
	for _, test := range tests {
		if got := string(proxyHeader("v1", test.client, test.serv)); got != test.v1 {
			t.Errorf("%s: v1 is %q", test.name, got)
		}
		if got := hex.EncodeToString(proxyHeader("v2", test.client, test.serv)); got != test.v2 {
			t.Errorf("%s: v2 is %s, want %s", test.name, got, test.v2)
		}
	}
}

func TestWebsockifySendsProxyHeader(t *testing.T) {
	lines := make(chan string, 1)
	target := rawServer(t, func(_ net.Conn, br *bufio.Reader) {
		line, _ := br.ReadString('\n')
		lines <- line
	})
	h, mounted, _ := newWebsockify(t, "/x", target)
	h.ProxyProtocol = "v1"
	s := (&front{handler: mounted}).start(t)
	conn, br := dialRaw(t, s.URL)
	_, _ = io.WriteString(conn, crlf(handshake("Host: a.example")))
	if resp, err := http.ReadResponse(br, nil); err != nil || resp.StatusCode != 101 {
		t.Fatal(resp, err)
	}
	from, to := conn.LocalAddr().(*net.TCPAddr), conn.RemoteAddr().(*net.TCPAddr)
	want := "PROXY TCP4 127.0.0.1 127.0.0.1 " + strconv.Itoa(from.Port) + " " + strconv.Itoa(to.Port) + "\r\n"
	if got := mustReceive(t, lines); got != want {
		t.Errorf("the target got %q, want %q", got, want)
	}
	_ = conn.Close()
}

func TestClientAddress(t *testing.T) {
	tests := []struct{ client, remote, want, log string }{
		{"192.0.2.1", "192.0.2.1:5", "192.0.2.1:5", "192.0.2.1:5"},
		{"::ffff:192.0.2.1", "[::ffff:192.0.2.1]:5", "192.0.2.1:5", "192.0.2.1:5"},
		{"192.0.2.1", "10.0.0.1:5", "192.0.2.1:0", "192.0.2.1"}, // told by a trusted proxy
		{"2001:db8::1", "[2001:db8::1]:5", "[2001:db8::1]:5", "[2001:db8::1]:5"},
		{"", "@", "invalid AddrPort", "unix"},
	}
	for _, test := range tests {
		m := &router.Match{}
		if test.client != "" {
			m.Client = netip.MustParseAddr(test.client)
		}
		got := clientAddress(&http.Request{RemoteAddr: test.remote}, m)
		if got.String() != test.want || logAddress(got) != test.log {
			t.Errorf("%s from %s: %v, in the log %s", test.client, test.remote, got, logAddress(got))
		}
	}
}

// With TLS below, the end of the tunnel is a close_notify; nothing is lost then
// either.
func TestWebsockifyOverTLS(t *testing.T) {
	const size = 3 << 20
	target := rawServer(t, func(conn net.Conn, _ *bufio.Reader) { _, _ = conn.Write(make([]byte, size)) })
	_, mounted, _ := newWebsockify(t, "/x", target)
	s := (&front{handler: mounted}).startTLS(t)
	conn := dialTLS(t, s)
	_, _ = io.WriteString(conn, crlf(handshake("Host: a.example")))
	br := bufio.NewReader(conn)
	if resp, err := http.ReadResponse(br, nil); err != nil || resp.StatusCode != 101 {
		t.Fatal(resp, err)
	}
	payload, closing := readServerFrames(t, br)
	if payload != size || closing != "\x03\xe8the connection was closed" {
		t.Errorf("%d bytes, closed with %q", payload, closing)
	}
	_ = conn.Close()
}

// readServerFrames reads to the close frame and gives how much came before it,
// and what is in it.
func readServerFrames(t *testing.T, br *bufio.Reader) (payload int, closing string) {
	t.Helper()
	for {
		header := make([]byte, 2)
		if _, err := io.ReadFull(br, header); err != nil {
			t.Fatal(err)
		}
		length := int(header[1])
		if extra := map[byte]int{126: 2, 127: 8}[header[1]]; extra > 0 {
			long := make([]byte, extra)
			if _, err := io.ReadFull(br, long); err != nil {
				t.Fatal(err)
			}
			length = 0
			for _, b := range long {
				length = length<<8 | int(b)
			}
		}
		body := make([]byte, length)
		if _, err := io.ReadFull(br, body); err != nil {
			t.Fatal(err)
		}
		if header[0] == 0x88 {
			return payload, string(body)
		}
		payload += length
	}
}
