package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"httpmaster/router"
)

func TestClientBehindTrustedProxies(t *testing.T) {
	p := &port{trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}
	tests := []struct {
		name      string
		peer      string
		forwarded []string
		proto     string
		client    string
		trusted   bool
		tls       bool
	}{
		{"no proxy", "192.0.2.1:1000", nil, "", "192.0.2.1", false, false},
		{"a stranger's claim is not believed", "192.0.2.1:1000", []string{"1.1.1.1"}, "https", "192.0.2.1", false, false},
		{"a trusted proxy's claim is", "10.0.0.1:1000", []string{"1.1.1.1"}, "https", "1.1.1.1", true, true},
		{"only the part that trusted proxies wrote", "10.0.0.1:1000", []string{"6.6.6.6, 1.1.1.1, 10.2.3.4"}, "", "1.1.1.1", true, false},
		{"several header lines are one list", "10.0.0.1:1000", []string{"6.6.6.6", "1.1.1.1", "10.2.3.4"}, "", "1.1.1.1", true, false},
		{"garbage ends the search", "10.0.0.1:1000", []string{"1.1.1.1, unknown, 10.2.3.4"}, "", "10.2.3.4", true, false},
		{"ports and brackets are dropped", "[fd00::1]:1000", []string{"[2001:db8::1]:4711"}, "", "2001:db8::1", true, false},
		{"IPv4 in IPv6 clothes", "[::ffff:10.0.0.1]:1000", []string{"::ffff:1.1.1.1"}, "", "1.1.1.1", true, false},
		{"nothing forwarded", "10.0.0.1:1000", nil, "", "10.0.0.1", true, false},
		{"a Unix socket", "@", []string{"1.1.1.1"}, "https", "invalid IP", false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: tt.peer, Header: http.Header{}}
			for _, line := range tt.forwarded {
				r.Header.Add("X-Forwarded-For", line)
			}
			if tt.proto != "" {
				r.Header.Set("X-Forwarded-Proto", tt.proto)
			}
			var m router.Match
			p.findClient(r, &m)
			if got := m.Client.String(); got != tt.client || m.Trusted != tt.trusted || m.TLS != tt.tls {
				t.Errorf("client %s, trusted %v, TLS %v; want %s, %v, %v", got, m.Trusted, m.TLS, tt.client, tt.trusted, tt.tls)
			}
		})
	}
}

// raw sends text as it is and gives the answer's status, body, and whether the
// server closed the connection afterwards.
func raw(t *testing.T, addr, text string) (status int, body string, closed bool) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, text)
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(content)), resp.Close
}

func TestRequestsThatAreNotClearAreRefused(t *testing.T) {
	app := backend(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "app") })
	addr := freePorts(t, 1)[0]
	start(t, "ports: {"+quoted(addr)+": {router: {'*': "+quoted(app)+"}}}")

	tests := []struct {
		name    string
		request string
		status  int
		closed  bool
	}{
		{"a clear one passes", "GET /a HTTP/1.1\r\nHost: a.com\r\n\r\n", 200, false},
		{"encoded slash", "GET /a%2fb HTTP/1.1\r\nHost: a.com\r\n\r\n", 400, true},
		{"encoded dots", "GET /x/%2e%2e/admin HTTP/1.1\r\nHost: a.com\r\n\r\n", 400, true},
		{"encoded NUL", "GET /a%00 HTTP/1.1\r\nHost: a.com\r\n\r\n", 400, true},
		{"encoded backslash", "GET /a%5cb HTTP/1.1\r\nHost: a.com\r\n\r\n", 400, true},
		{"port that is none", "GET / HTTP/1.1\r\nHost: a.com:80x\r\n\r\n", 400, true},
		{"half a bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400, true},
		{"CONNECT", "CONNECT a.com:443 HTTP/1.1\r\nHost: a.com:443\r\n\r\n", 405, true},
		{"TRACE", "TRACE / HTTP/1.1\r\nHost: a.com\r\n\r\n", 405, true},
		{"asterisk without OPTIONS", "GET * HTTP/1.1\r\nHost: a.com\r\n\r\n", 400, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, body, closed := raw(t, addr, tt.request)
			if status != tt.status || closed != tt.closed {
				t.Errorf("status %d, closed %v, want %d, %v; body %q", status, closed, tt.status, tt.closed, body)
			}
		})
	}
}

func TestEncodedSlashWhereThePortAllowsIt(t *testing.T) {
	app := backend(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.RequestURI) })
	addr := freePorts(t, 1)[0]
	start(t, "ports: {"+quoted(addr)+": {allowEncodedSlash: true, router: {'*/repo/*': "+quoted(app)+"}}}")
	if status, body, _ := raw(t, addr, "GET /repo/a%2Fb HTTP/1.1\r\nHost: a.com\r\n\r\n"); status != 200 || body != "/repo/a%2Fb" {
		t.Errorf("status %d, the app saw %q", status, body)
	}
}
