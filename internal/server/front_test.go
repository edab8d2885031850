package server

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// limited serves "ok" on a port with these limits and other keys.
func limited(t *testing.T, limits, keys string) (*running, string) {
	addr := freePorts(t, 1)[0]
	return start(t, limitedConfig(addr, limits, keys)), addr
}

func limitedConfig(addr, limits, keys string) string {
	return "ports: {" + quoted(addr) + ": {router: {'*': 'reject -> 404'}, limits: {" + limits + "}" + keys + "}}"
}

// connect connects from an address of this machine.
func connect(t *testing.T, from, to string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := d.Dial("tcp", to)
	if err != nil {
		t.Skipf("cannot connect from %s: %v", from, err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// asks sends a request and gives the status of the answer, or "closed".
func asks(conn net.Conn) string {
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a.com\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return "closed"
	}
	io.Copy(io.Discard, resp.Body)
	return fmt.Sprint(resp.StatusCode)
}

func TestMaxConnections(t *testing.T) {
	r, addr := limited(t, "maxConnections: 2", "")
	first, second := connect(t, "127.0.0.1", addr), connect(t, "127.0.0.1", addr)
	for _, conn := range []net.Conn{first, second, first} {
		if got := asks(conn); got != "404" {
			t.Errorf("a connection within the limit: %s", got)
		}
	}
	for range 3 {
		if got := asks(connect(t, "127.0.0.1", addr)); got != "closed" {
			t.Errorf("a connection too many: %s", got)
		}
	}
	first.Close()
	eventually(t, func() bool { return asks(connect(t, "127.0.0.1", addr)) == "404" })
	if n := strings.Count(r.log.String(), "connections are refused"); n != 1 {
		t.Errorf("%d lines about it, want one in a minute", n)
	}
	if n := r.srv.events.front.RefusedConnections.Load(); n < 3 {
		t.Errorf("%d refused connections counted, want at least 3", n)
	}
}

// eventually waits until ok is true.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain")
		}
	}
}

func TestMaxConnectionsPerAddress(t *testing.T) {
	_, addr := limited(t, "maxConnectionsPerAddress: 1", "")
	conn := connect(t, "127.0.0.1", addr)
	for range 2 {
		if got := asks(conn); got != "404" {
			t.Errorf("the only connection of an address: %s", got)
		}
	}
	if got := asks(connect(t, "127.0.0.1", addr)); got != "closed" {
		t.Errorf("the second one: %s", got)
	}
	if got := asks(connect(t, "127.0.0.2", addr)); got != "404" {
		t.Errorf("another address: %s", got)
	}
}

// TestTunnelsCount holds that a connection that has left HTTP counts until the
// tunnel has ended.
func TestTunnelsCount(t *testing.T) {
	addr := freePorts(t, 1)[0]
	start(t, "ports: {"+quoted(addr)+": {router: {'*': 'websockify -> "+echoService(t)+"'}, limits: {maxConnections: 1}}}")
	conn := connect(t, "127.0.0.1", addr)
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
	if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || resp.StatusCode != 101 {
		t.Fatal(resp, err)
	}
	if got := asks(connect(t, "127.0.0.1", addr)); got != "closed" {
		t.Errorf("a connection beside the tunnel: %s", got)
	}
	conn.Close()
	eventually(t, func() bool { return asks(connect(t, "127.0.0.1", addr)) == "426" })
}

func TestSlowClients(t *testing.T) {
	const ssl = ", ssl: {selfSigned: true}"
	tests := []struct {
		name         string
		limits, keys string
		send         string
		answer       string // how it begins
	}{
		{"no request", "headTimeout: 50ms", "", "", ""},
		{"half a request line", "headTimeout: 50ms", "", "GET /", "HTTP/1.1 408 Request Timeout\r\n"},
		{"half a head", "headTimeout: 50ms", "", "GET / HTTP/1.1\r\nHost: a.com\r\n", "HTTP/1.1 408 Request Timeout\r\n"},
		{"half of the second head", "headTimeout: 50ms", "", "OPTIONS * HTTP/1.1\r\nHost: a.com\r\n\r\nGET / HTTP/1.1\r\n", "HTTP/1.1 200 OK\r\n"},
		{"no second request", "idleTimeout: 50ms", "", "OPTIONS * HTTP/1.1\r\nHost: a.com\r\n\r\n", "HTTP/1.1 200 OK\r\n"},
		{"a body that nobody reads", "bodyTimeout: 50ms", "", "POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length: 9\r\n\r\nhalf", "HTTP/1.1 404 Not Found\r\n"},
		{"a chunked body that nobody reads", "bodyTimeout: 50ms", "", "POST / HTTP/1.1\r\nHost: a.com\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf", "HTTP/1.1 404 Not Found\r\n"},
		{"no handshake", "handshakeTimeout: 50ms", ssl, "", ""},
		{"half a handshake", "handshakeTimeout: 50ms", ssl, "\x16\x03\x01\x02\x00\x01", ""},
		{"HTTP on a port with TLS", "handshakeTimeout: 10s", ssl, "GET / HTTP/1.1\r\nHost: a.com\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, addr := limited(t, tt.limits, tt.keys)
			conn := connect(t, "127.0.0.1", addr)
			io.WriteString(conn, tt.send)
			got, err := io.ReadAll(conn)
			if err != nil {
				t.Errorf("the connection did not end: %v", err)
			}
			if !strings.HasPrefix(string(got), tt.answer) || tt.answer == "" && len(got) > 0 {
				t.Errorf("got %q, want it to begin with %q", got, tt.answer)
			}
			if tt.name == "half of the second head" && !strings.Contains(string(got), "HTTP/1.1 408 ") {
				t.Errorf("no 408 behind the first answer: %q", got)
			}
		})
	}
}

// TestLimitsChangeWithReload holds that a connection that waits is closed and
// the next one has the new limits.
func TestLimitsChangeWithReload(t *testing.T) {
	r, addr := limited(t, "idleTimeout: 1h", "")
	before := connect(t, "127.0.0.1", addr)
	if got := asks(before); got != "404" {
		t.Fatal(got)
	}
	if err := r.apply(limitedConfig(addr, "idleTimeout: 50ms", "")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(before); err != nil {
		t.Errorf("the connection from before stays open: %v", err)
	}
	after := connect(t, "127.0.0.1", addr)
	if got := asks(after); got != "404" {
		t.Error(got)
	}
	if _, err := io.ReadAll(after); err != nil {
		t.Errorf("the new idle time does not hold: %v", err)
	}
}

// TestTLSBehindTheGuard holds that handlers see the TLS of HTTP/1.
func TestTLSBehindTheGuard(t *testing.T) {
	app := backend(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Header.Get("X-Forwarded-Proto")) })
	addr := freePorts(t, 1)[0]
	start(t, "ports: {"+quoted(addr)+": {router: {'*': "+quoted(app)+"}, ssl: {selfSigned: true}}}")
	conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	for _, tt := range []struct{ send, want string }{
		{"GET / HTTP/1.1\r\nHost: a.com\r\n\r\n", "https"},
		{"GET / HTTP/1.1\r\nHost: a.com\r\n b\r\n\r\n", "400 Bad Request: a header line begins with white space\n"},
	} {
		io.WriteString(conn, tt.send)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(resp.Body); string(body) != tt.want {
			t.Errorf("got %q, want %q", body, tt.want)
		}
	}
}

func tlsClient(conn net.Conn) net.Conn {
	return tls.Client(conn, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
}
