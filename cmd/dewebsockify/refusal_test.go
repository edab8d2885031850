package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// answers refuses with a status and a body.
func answers(status int, header, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if name, value, ok := strings.Cut(header, ": "); ok {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		name   string
		answer http.Handler
		want   string
	}{
		{"http-master", answers(403, "", "403 Forbidden\nthis target is not allowed\n"), "the server refused the tunnel: 403 Forbidden: this target is not allowed"},
		{"one line", answers(503, "", "too many tunnels"), "the server refused the tunnel: 503 Service Unavailable: too many tunnels"},
		{"no words", answers(502, "", ""), "the server refused the tunnel: 502 Bad Gateway"},
		{"a page", answers(502, "", "\n<html><body>sorry"), "the server refused the tunnel: 502 Bad Gateway"},
		{"no such path", answers(404, "", "<html>"), "the server refused the tunnel: 404 Not Found: there is no WebSocket at this path"},
		{"a web site", answers(200, "", "<html>"), "the server refused the tunnel: 200 OK: there is no WebSocket at this path"},
		{"no registered status", answers(599, "", ""), "the server refused the tunnel: 599"},
		{"control characters", answers(500, "", "a\x1b[31mred\x07\u202e\xff\tend"), "the server refused the tunnel: 500 Internal Server Error: a [31mred   end"},
		{"a long line", answers(500, "", strings.Repeat("é", 300)), "the server refused the tunnel: 500 Internal Server Error: " + strings.Repeat("é", 200) + "..."},
		{"a redirect", answers(302, "Location: https://other.example/ssh?a=b", ""), "the server redirects (302 Found) and redirects are not followed: use wss://other.example/ssh?a=b"},
		{"a redirect below", answers(308, "Location: /ssh", ""), "the server redirects (308 Permanent Redirect) and redirects are not followed: use URL/ssh"},
		{"a redirect with a password", answers(302, "Location: http://u:secret@other.example/", ""), "the server redirects (302 Found) and redirects are not followed: use ws://u:xxxxx@other.example/"},
		{"a password is wanted", answers(401, "", "401 Unauthorized"), "the server wants a user and password (401 Unauthorized): use ws://user:password@HOST"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			address := start(t, test.answer)
			code, stdout, stderr := runOnce(t, address, "-")
			want := strings.NewReplacer("URL", address, "HOST", strings.TrimPrefix(address, "ws://")).Replace(test.want)
			if code != 4 || stdout != "" || stderr != "dewebsockify: "+want+"\n" {
				t.Errorf("exit code %d, %q\nwant %q", code, stderr, want)
			}
		})
	}
}

func TestPassword(t *testing.T) {
	server := newTunnels(t, echo)
	guarded := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "me@home" || password != "s:cret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		server.ServeHTTP(w, r)
	})
	address := strings.TrimPrefix(start(t, guarded), "ws://")

	p := runProgram(t, "ws://me%40home:s%3Acret@"+address+"/x", "0")
	local, line := p.port()
	if want := "dewebsockify: listening on " + local + ", forwarding to ws://me%40home:xxxxx@" + address + "/x\n"; line != want {
		t.Errorf("it says %q, want %q", line, want)
	}
	conn := p.connect(local)
	throughEcho(t, conn, conn, []byte("hello"))
	p.stop()
	p.exit()

	code, _, stderr := runOnce(t, "ws://me:wrong@"+address, "-")
	if want := "dewebsockify: the server does not accept this user and password (401 Unauthorized)\n"; code != 4 || stderr != want {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	code, _, stderr = runOnce(t, "--header", "Authorization: Basic bWU6d3Jvbmc=", "ws://"+address, "-")
	if want := "dewebsockify: the server does not accept this user and password (401 Unauthorized)\n"; code != 4 || stderr != want {
		t.Errorf("exit code %d, %q", code, stderr)
	}
}

func TestHeaders(t *testing.T) {
	seen := make(chan http.Header, 1)
	address := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Host", r.Host)
		seen <- r.Header
		w.WriteHeader(http.StatusNotFound)
	}))
	runOnce(t, address, "--header", "X-One: 1", "-", "--header", "x-one:2", "--header", "Host: other.example")
	header := <-seen
	if got := strings.Join(header["X-One"], " "); got != "1 2" || header.Get("Host") != "other.example" || header.Get("User-Agent") != "dewebsockify" {
		t.Errorf("the server got %v", header)
	}
}

// certificate makes one that signs itself.
func certificate(t *testing.T, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	change(template)
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestTLS(t *testing.T) {
	server := newTunnels(t, echo)
	t.Run("trusted by --ca", func(t *testing.T) {
		address, ca := startTLS(t, server)
		p := runProgram(t, "--ca", ca, address, "-")
		throughEcho(t, p.stdin, p.stdout, noise(1<<20))
		_ = p.stdin.Close()
		if code, rest := p.exit(); code != 0 || rest != "" {
			t.Errorf("exit code %d, %q", code, rest)
		}
	})
	t.Run("not verified", func(t *testing.T) {
		address, _ := startTLS(t, server)
		p := runProgram(t, address, "-", "--insecure")
		if got, want := p.line(), "dewebsockify: warning: the server's certificate is not verified, anyone on the way can pose as the server\n"; got != want {
			t.Errorf("it says %q", got)
		}
		throughEcho(t, p.stdin, p.stdout, []byte("hello"))
		_ = p.stdin.Close()
		if code, rest := p.exit(); code != 0 || rest != "" {
			t.Errorf("exit code %d, %q", code, rest)
		}
	})

	named := certificate(t, func(c *x509.Certificate) {
		c.IPAddresses, c.DNSNames = nil, []string{"other.example", "*.third.example"}
	})
	nameless := certificate(t, func(c *x509.Certificate) { c.IPAddresses = nil })
	expired := certificate(t, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(2021, 3, 4, 5, 6, 0, 0, time.UTC)
	})
	plain := strings.Replace(start(t, server), "ws://", "wss://", 1)
	tests := []struct {
		name  string
		certs []tls.Certificate
		trust bool
		url   string // "" is the server with certs
		want  string
	}{
		{"unknown authority", nil, false, "", "the certificate of 127.0.0.1 is signed by an authority that is not known here: use --ca FILE with the authority's certificate, or --insecure for a trial"},
		{"another name", []tls.Certificate{named}, true, "", "the certificate is not for 127.0.0.1 but for other.example, *.third.example"},
		{"no name", []tls.Certificate{nameless}, true, "", "the certificate is not for 127.0.0.1 but for no name at all"},
		{"expired", []tls.Certificate{expired}, true, "", "the certificate of 127.0.0.1 is valid from 2020-01-02 to 2021-03-04 05:06 UTC"},
		{"no TLS", nil, false, plain, strings.TrimPrefix(plain, "wss://") + " does not speak TLS: use ws:// instead of wss://"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			address, ca := startTLS(t, server, test.certs...)
			if test.url != "" {
				address = test.url
			}
			args := []string{address, "-"}
			if test.trust {
				args = append(args, "--ca", ca)
			}
			code, _, stderr := runOnce(t, args...)
			if code != 5 || stderr != "dewebsockify: TLS: "+test.want+"\n" {
				t.Errorf("exit code %d, %q", code, stderr)
			}
		})
	}
}

// connectProxy is an HTTP proxy that connects to where instead of where it is
// asked to.
type connectProxy struct {
	where string
	mu    sync.Mutex
	asked []string
	wg    sync.WaitGroup
}

func (p *connectProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked = append(p.asked, r.Method+" "+r.Host)
	p.mu.Unlock()
	if r.Method != http.MethodConnect || r.Host == "forbidden.example:443" {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	up, err := net.Dial("tcp", p.where)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer up.Close()
	p.wg.Add(1)
	defer p.wg.Done()
	down, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer down.Close()
	_, _ = fmt.Fprint(down, "HTTP/1.1 200 OK\r\n\r\n")
	p.wg.Go(func() {
		_, _ = io.Copy(up, rw)
		_ = up.(*net.TCPConn).CloseWrite()
	})
	_, _ = io.Copy(down, bufio.NewReader(up))
}

func TestProxy(t *testing.T) {
	address, ca := startTLS(t, newTunnels(t, echo))
	proxy := &connectProxy{where: strings.TrimPrefix(address, "wss://")}
	t.Cleanup(proxy.wg.Wait)
	s := httptest.NewServer(proxy)
	t.Cleanup(s.Close)
	t.Setenv("HTTPS_PROXY", s.URL)
	t.Setenv("NO_PROXY", "direct.example")

	p := runProgram(t, "--ca", ca, "wss://example.com/x", "-")
	throughEcho(t, p.stdin, p.stdout, noise(1<<20))
	_ = p.stdin.Close()
	if code, rest := p.exit(); code != 0 || rest != "" {
		t.Errorf("exit code %d, %q", code, rest)
	}

	code, _, stderr := runOnce(t, "wss://forbidden.example/x", "-")
	if code != 4 || stderr != "dewebsockify: the proxy refused to connect to forbidden.example: 403 Forbidden\n" {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	if got := strings.Join(proxy.asked, ", "); got != "CONNECT example.com:443, CONNECT forbidden.example:443" {
		t.Errorf("the proxy was asked %s", got)
	}

	o, err := parseOptions([]string{"wss://direct.example/", "-"})
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]bool{"direct.example": false, "other.example": true} {
		via, err := o.forwards[0].dialer.Proxy(&http.Request{URL: &url.URL{Scheme: "https", Host: host}})
		if err != nil || (via != nil) != want {
			t.Errorf("to %s through %v, %v", host, via, err)
		}
	}
}

func TestProxyUnreachable(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	t.Setenv("HTTPS_PROXY", gone.URL)
	code, _, stderr := runOnce(t, "wss://myserver.example/x", "-")
	if code != 3 || stderr != "dewebsockify: the proxy "+strings.TrimPrefix(gone.URL, "http://")+" cannot be reached: connection refused\n" {
		t.Errorf("exit code %d, %q", code, stderr)
	}
}
