package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// useStdio sends something through a tunnel that args open, and expects a good
// end.
func useStdio(t *testing.T, args ...string) {
	t.Helper()
	p := runProgram(t, append(args, "-")...)
	throughEcho(t, p.stdin, p.stdout, noise(1<<20))
	_ = p.stdin.Close()
	if code, rest := p.exit(); code != 0 || rest != "" {
		t.Errorf("exit code %d, %q", code, rest)
	}
}

// guardedProxy wants a user and a password, and connects to where.
func guardedProxy(t *testing.T, where string) string {
	t.Helper()
	inner := &connectProxy{where: where}
	t.Cleanup(inner.wg.Wait)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") != "Basic bWVAd29yazpzOmNyZXQ=" { // me@work:s:cret
			http.Error(w, "who are you?", http.StatusProxyAuthRequired)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func TestProxyOption(t *testing.T) {
	server := newTunnels(t, echo)
	secure, ca := startTLS(t, server)
	proxy := guardedProxy(t, strings.TrimPrefix(secure, "wss://"))
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1") // is not asked
	t.Run("wss", func(t *testing.T) {
		useStdio(t, "--proxy", "http://me%40work:s%3Acret@"+proxy, "--ca", ca, "wss://example.com/x")
	})
	t.Run("ws", func(t *testing.T) {
		plain := guardedProxy(t, strings.TrimPrefix(start(t, server), "ws://"))
		useStdio(t, "--proxy", "me%40work:s%3Acret@"+plain, "ws://example.com/x")
	})
	t.Run("no password", func(t *testing.T) {
		code, _, stderr := runOnce(t, "--proxy", proxy, "wss://example.com/x", "-")
		want := "dewebsockify: the proxy wants a user and password, or others than these: put them in --proxy or HTTPS_PROXY, as http://user:password@proxy:port\n"
		if code != 4 || stderr != want {
			t.Errorf("exit code %d, %q", code, stderr)
		}
	})
	t.Run("refused", func(t *testing.T) {
		code, _, stderr := runOnce(t, "--proxy", "http://me%40work:s%3Acret@"+proxy, "wss://forbidden.example/x", "-")
		if code != 4 || stderr != "dewebsockify: the proxy refused to connect to forbidden.example: 403 Forbidden\n" {
			t.Errorf("exit code %d, %q", code, stderr)
		}
	})
}

func TestAllProxy(t *testing.T) {
	server := newTunnels(t, echo)
	t.Setenv("ALL_PROXY", "http://me%40work:s%3Acret@"+guardedProxy(t, strings.TrimPrefix(start(t, server), "ws://")))
	useStdio(t, "ws://example.com/x")
}

// socksServer is a SOCKS5 server (RFC 1928, 1929) that connects to where for who
// asks for example.com:443 as me with the password s:cret.
func socksServer(t *testing.T, where string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				serveSOCKS(conn, where)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	return l.Addr().String()
}

func serveSOCKS(conn net.Conn, where string) {
	in := bufio.NewReader(conn)
	take := func(n int) []byte {
		b := make([]byte, n)
		_, _ = io.ReadFull(in, b)
		return b
	}
	counted := func() string { return string(take(int(take(1)[0]))) }
	take(1) // version
	if !strings.Contains(counted(), "\x02") {
		_, _ = conn.Write([]byte{5, 0xFF})
		return
	}
	_, _ = conn.Write([]byte{5, 2})
	take(1)
	if counted() != "me" || counted() != "s:cret" {
		_, _ = conn.Write([]byte{1, 1})
		return
	}
	_, _ = conn.Write([]byte{1, 0})
	head := take(4)
	if head[1] != 1 || head[3] != 3 {
		return
	}
	host, port := counted(), binary.BigEndian.Uint16(take(2))
	if fmt.Sprintf("%s:%d", host, port) != "example.com:443" {
		_, _ = conn.Write([]byte{5, 2, 0, 1, 0, 0, 0, 0, 0, 0})
		return
	}
	up, err := net.Dial("tcp", where)
	if err != nil {
		return
	}
	defer up.Close()
	_, _ = conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	var wg sync.WaitGroup
	wg.Go(func() {
		_, _ = io.Copy(up, in)
		_ = up.(*net.TCPConn).CloseWrite()
	})
	_, _ = io.Copy(conn, up)
	_ = conn.(*net.TCPConn).CloseWrite()
	wg.Wait()
}

func TestSOCKSProxy(t *testing.T) {
	secure, ca := startTLS(t, newTunnels(t, echo))
	proxy := socksServer(t, strings.TrimPrefix(secure, "wss://"))
	for _, scheme := range []string{"socks5", "socks5h"} {
		useStdio(t, "--proxy", scheme+"://me:s%3Acret@"+proxy, "--ca", ca, "wss://example.com/x")
	}
	for _, test := range []struct{ user, host, want string }{
		{"me:s%3Acret@", "other.example", "connection not allowed by ruleset"},
		{"me:wrong@", "example.com", "username/password authentication failed"},
		{"", "example.com", "no acceptable authentication methods"},
	} {
		code, _, stderr := runOnce(t, "--proxy", "socks5://"+test.user+proxy, "wss://"+test.host+"/x", "-")
		if want := "dewebsockify: the proxy refused to connect to " + test.host + ": " + test.want + "\n"; code != 4 || stderr != want {
			t.Errorf("exit code %d, %q, want %q", code, stderr, want)
		}
	}
}

func TestSecretsFromFiles(t *testing.T) {
	seen := make(chan *http.Request, 1)
	address := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r
		w.WriteHeader(http.StatusNotFound)
	}))
	password, headers := writeFile(t, "s:cret\r\nnot this\n"), writeFile(t, "# token\nX-Token: abc\n\nX-Other: d\n")
	_, _, stderr := runOnce(t, strings.Replace(address, "//", "//me@", 1), "-", "--password-file", password, "--header-file", headers)
	r := <-seen
	if user, got, _ := r.BasicAuth(); user != "me" || got != "s:cret" || r.Header.Get("X-Token") != "abc" || r.Header.Get("X-Other") != "d" {
		t.Errorf("user %q, password %q, header %v", user, got, r.Header)
	}
	if strings.Contains(stderr, "warning") || strings.Contains(stderr, "cret") {
		t.Errorf("it says %q", stderr)
	}
	if err := os.Chmod(headers, 0o640); err != nil {
		t.Fatal(err)
	}
	_, _, stderr = runOnce(t, address, "-", "--header-file", headers)
	<-seen
	if want := "dewebsockify: warning: other users can read " + headers + ", which holds a secret: chmod 600 " + headers + "\n"; !strings.HasPrefix(stderr, want) {
		t.Errorf("it says %q, want %q first", stderr, want)
	}
}

// startWith serves h over TLS as config says, with a certificate for 127.0.0.1
// and example.com.
func startWith(t *testing.T, h http.Handler, config *tls.Config) (address, ca string) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog, s.TLS = quiet(), config
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), writeCertificate(t, tls.Certificate{Certificate: [][]byte{s.Certificate().Raw}})
}

func TestClientCertificate(t *testing.T) {
	mine := certificate(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	parsed, err := x509.ParseCertificate(mine.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AddCert(parsed)
	server := newTunnels(t, echo)
	address, ca := startWith(t, server, &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: trusted})
	cert, key := writeCertificate(t, mine), writeKey(t, mine)
	useStdio(t, "--ca", ca, "--cert", cert, "--key", key, "wss://"+address)

	both := writeFile(t, readFile(t, key)+readFile(t, cert))
	useStdio(t, "--ca", ca, "--cert", both, "wss://"+address)

	code, _, stderr := runOnce(t, "--ca", ca, "wss://"+address, "-")
	if want := "dewebsockify: TLS: " + address + " wants a certificate of yours: use --cert and --key\n"; code != 5 || stderr != want {
		t.Errorf("exit code %d, %q, want %q", code, stderr, want)
	}
	other := certificate(t, func(*x509.Certificate) {})
	code, _, stderr = runOnce(t, "--ca", ca, "--cert", writeCertificate(t, other), "--key", writeKey(t, other), "wss://"+address, "-")
	if want := "dewebsockify: TLS: " + address + " does not accept your certificate, or wants one: tls: "; code != 5 || !strings.HasPrefix(stderr, want) {
		t.Errorf("exit code %d, %q, want %q", code, stderr, want)
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// The network sees the name of --host, and the certificate is still that of the
// host in the URL.
func TestHostOption(t *testing.T) {
	names, hosts := make(chan string, 1), make(chan string, 1)
	named := certificate(t, func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"real.example"}, nil })
	address, ca := startWith(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hosts <- r.Host
		w.WriteHeader(http.StatusTeapot)
	}), &tls.Config{Certificates: []tls.Certificate{named}, GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		names <- hello.ServerName
		return nil, nil
	}})
	_, port, _ := net.SplitHostPort(address)
	proxy := &connectProxy{where: address}
	t.Cleanup(proxy.wg.Wait)
	ps := httptest.NewServer(proxy)
	t.Cleanup(ps.Close)
	tests := []struct {
		name, url string
		args      []string
		host      string // "" if the handshake must fail
		wrong     string
	}{
		{"the URL's name is verified", "wss://real.example:" + port, nil, "front.example:" + port, ""},
		{"the default port", "wss://real.example", nil, "front.example", ""},
		{"the header of one's own", "wss://real.example", []string{"--header", "Host: real.example"}, "real.example", ""},
		{"not the name of --host", "wss://front.example", []string{"--host", "real.example"}, "", "the certificate is not for front.example but for real.example"},
		{"with an address, the name of --host is verified", "wss://127.0.0.1:" + port, []string{"--host", "real.example"}, "real.example:" + port, ""},
		{"and nothing else", "wss://127.0.0.1:" + port, nil, "", "the certificate is not for front.example but for real.example"},
		{"insecure", "wss://127.0.0.1:" + port, []string{"--insecure"}, "front.example:" + port, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			sni := "front.example"
			args := []string{test.url, "-", "--proxy", ps.URL, "--host", sni}
			if len(test.args) == 0 || test.args[0] != "--insecure" {
				args = append(args, "--ca", ca)
			}
			args = append(args, test.args...)
			if len(test.args) > 0 && test.args[0] == "--host" {
				sni = test.args[1]
			}
			code, _, stderr := runOnce(t, args...)
			if got := <-names; got != sni {
				t.Errorf("SNI %q, want %q", got, sni)
			}
			if test.host == "" {
				if code != 5 || stderr != "dewebsockify: TLS: "+test.wrong+"\n" {
					t.Errorf("exit code %d, %q", code, stderr)
				}
				return
			}
			if code != 4 || !strings.HasSuffix(stderr, "the server refused the tunnel: 418 I'm a teapot\n") {
				t.Fatalf("exit code %d, %q", code, stderr)
			}
			if got := <-hosts; got != test.host {
				t.Errorf("Host %q, want %q", got, test.host)
			}
		})
	}
}

// A certificate that nobody vouches for is not trusted with --host either, nor
// one that has expired.
func TestHostOptionVerifies(t *testing.T) {
	old := certificate(t, func(c *x509.Certificate) {
		c.DNSNames, c.NotBefore, c.NotAfter = []string{"localhost"}, time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(2021, 1, 2, 0, 0, 0, 0, time.UTC)
	})
	address, ca := startWith(t, http.NotFoundHandler(), &tls.Config{Certificates: []tls.Certificate{old}})
	_, port, _ := net.SplitHostPort(address)
	code, _, stderr := runOnce(t, "--host", "front.example", "--ca", ca, "wss://localhost:"+port, "-")
	if code != 5 || !strings.Contains(stderr, "is valid from 2020-01-02 to 2021-01-02 00:00 UTC") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	young := certificate(t, func(c *x509.Certificate) { c.DNSNames = []string{"localhost"} })
	address, _ = startWith(t, http.NotFoundHandler(), &tls.Config{Certificates: []tls.Certificate{young}})
	_, port, _ = net.SplitHostPort(address)
	code, _, stderr = runOnce(t, "--host", "front.example", "wss://localhost:"+port, "-")
	if code != 5 || !strings.Contains(stderr, "signed by an authority that is not known here") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
}
