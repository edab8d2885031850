//go:build unix

package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/websocket"
)

// TestProxyProtocol has HAProxy as a tunnel's target, which answers with the
// addresses that it takes a connection to be from and to.
func TestProxyProtocol(t *testing.T) {
	t.Parallel()
	haproxy := need(t, "haproxy", "haproxy")
	dir := t.TempDir()
	target := freePort(t)
	config := filepath.Join(dir, "haproxy.cfg")
	writeFile(t, config, fmt.Sprintf(`defaults
  mode http
  timeout client 1m
  timeout connect 1m
  timeout server 1m
frontend who
  bind 127.0.0.1:%d accept-proxy
  http-request return status 200 content-type text/plain lf-string "from %%ci %%cp to %%fi %%fp"
`, target))
	start(t, nil, haproxy, "-db", "-f", config)
	eventually(t, "HAProxy listens", func() error {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", target))
		if err == nil {
			conn.Close()
		}
		return err
	})

	port, socket := freePort(t), filepath.Join(dir, "s")
	routes := fmt.Sprintf(`{router: {"/v1": {$: websockify, target: %[1]d, proxyProtocol: v1}, "/v2": {$: websockify, target: %[1]d, proxyProtocol: v2}}}`, target)
	serverConfig := filepath.Join(dir, "config.yaml")
	writeFile(t, serverConfig, fmt.Sprintf("trustedProxies: 127.0.0.1\nports:\n  \"127.0.0.1:%[1]d\": %[2]s\n  \"[::1]:%[1]d\": %[2]s\n  \"unix:%[3]s\": %[2]s\n", port, routes, socket))
	startServer(t, serverConfig)

	ipv4, ipv6 := fmt.Sprintf("127.0.0.1:%d", port), fmt.Sprintf("[::1]:%d", port)
	for _, test := range []struct {
		name, network, address string
		forwarded              string // for a client behind a trusted proxy
		want                   string // a regular expression, with our own addresses by name
	}{
		{"IPv4", "tcp", ipv4, "", "from CLIENT to SERVER"},
		{"IPv6", "tcp", ipv6, "", "from CLIENT to SERVER"},
		{"behind a proxy", "tcp", ipv4, "203.0.113.9", "from 203.0.113.9 0 to SERVER"},
		{"IPv6 behind a proxy", "tcp", ipv4, "2001:db8::9", "from 2001:db8::9 0 to ::ffff:SERVER"},
		{"Unix socket", "unix", socket, "", fmt.Sprintf("from 127.0.0.1 [1-9][0-9]* to 127.0.0.1 %d", target)}, // the connection's own
	} {
		for _, version := range []string{"v1", "v2"} {
			t.Run(test.name+" "+version, func(t *testing.T) {
				var conn net.Conn
				eventually(t, "http-master listens", func() (err error) {
					conn, err = net.Dial(test.network, test.address)
					return err
				})
				defer conn.Close()
				want := strings.NewReplacer("CLIENT", words(conn.LocalAddr()), "SERVER", words(conn.RemoteAddr())).Replace(test.want)
				got := askThroughTunnel(t, conn, "/"+version, test.forwarded)
				if !regexp.MustCompile("^" + want + "$").MatchString(got) {
					t.Errorf("the target sees %q, want %q", got, want)
				}
			})
		}
	}
}

// words is an address as HAProxy writes it here; "" for a Unix socket's.
func words(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%s %d", tcp.IP, tcp.Port)
}

// askThroughTunnel opens a tunnel on conn and makes an HTTP request through it.
func askThroughTunnel(t *testing.T, conn net.Conn, path, forwarded string) string {
	t.Helper()
	config, err := websocket.NewConfig("ws://localhost"+path, "http://localhost")
	if err != nil {
		t.Fatal(err)
	}
	if forwarded != "" {
		config.Header.Set("X-Forwarded-For", forwarded)
	}
	ws, err := websocket.NewClient(config, conn)
	if err != nil {
		t.Fatal(err)
	}
	ws.PayloadType = websocket.BinaryFrame
	if _, err := io.WriteString(ws, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(ws), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
