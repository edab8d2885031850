package tunnel

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

func mustParse(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// throughProxy dials through a proxy, and gives the error.
func throughProxy(t *testing.T, proxy *url.URL, address string) error {
	t.Helper()
	d := Dialer{Header: http.Header{"User-Agent": {"test"}}, Proxy: http.ProxyURL(proxy)}
	ws, err := d.Dial(t.Context(), address)
	if err == nil {
		ws.CloseNow()
	}
	return err
}

func TestDialProxyRefuses(t *testing.T) {
	tests := []struct {
		answer string
		status int
		body   string
		text   string
	}{
		{"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 9\r\n\r\nwho, you?", 407, "who, you?", "the proxy answered 407 Proxy Authentication Required"},
		{"HTTP/1.0 403 No\r\n\r\nnot there", 403, "not there", "the proxy answered 403 Forbidden"},
		{"HTTP/1.1 502 No\r\n\r\n" + strings.Repeat("x", 5000), 502, strings.Repeat("x", 1024), "the proxy answered 502 Bad Gateway"},
	}
	for _, test := range tests {
		asked := make(chan *http.Request, 1)
		proxy := serveRaw(t, func(conn net.Conn) {
			r, err := http.ReadRequest(bufio.NewReader(conn))
			if err != nil {
				return
			}
			asked <- r
			_, _ = io.WriteString(conn, test.answer)
		})
		via := mustParse(t, "http://me%40home:s%3Acret@"+proxy)
		for _, scheme := range []string{"ws", "wss"} {
			err := throughProxy(t, via, scheme+"://myserver.test/x")
			refused, ok := errors.AsType[*RefusedError](err)
			if !ok || *refused != (RefusedError{Status: test.status, Body: test.body, ByProxy: true}) || err.Error() != test.text {
				t.Errorf("%s: got %v, %+v", test.text, err, refused)
			}
			r := <-asked
			port := map[string]string{"ws": "80", "wss": "443"}[scheme]
			if got := r.Method + " " + r.RequestURI + " " + r.Host; got != "CONNECT myserver.test:"+port+" myserver.test:"+port {
				t.Errorf("the proxy was asked %q", got)
			}
			if got := fmt.Sprint(r.Header); got != "map[Proxy-Authorization:[Basic bWVAaG9tZTpzOmNyZXQ=] User-Agent:[test]]" {
				t.Errorf("the proxy was sent %s", got)
			}
		}
	}
}

// serveRaw serves each connection, and gives the address.
func serveRaw(t *testing.T, serve func(net.Conn)) string {
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
				_ = conn.SetDeadline(time.Now().Add(time.Minute))
				serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	return l.Addr().String()
}

func TestDialProxyFails(t *testing.T) {
	closed := serveRaw(t, func(net.Conn) {})
	chatty := serveRaw(t, func(conn net.Conn) {
		_, _ = http.ReadRequest(bufio.NewReader(conn))
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\nhello")
	})
	other := serveRaw(t, func(conn net.Conn) { _, _ = io.WriteString(conn, "SSH-2.0-x\r\n") })
	tests := []struct{ proxy, want string }{
		{"http://" + closed, "the proxy: unexpected EOF"},
		{"http://" + chatty, "the proxy: it sent something before the server was asked anything"},
		{"http://" + other, `the proxy: malformed HTTP response "SSH-2.0-x"`},
		{"https://" + other, "the proxy: tls: first record does not look like a TLS handshake"},
		{"socks5://" + closed, "the proxy: EOF"},
		{"ftp://" + closed, "the proxy: it is none of http, https, socks5 and socks5h, but ftp"},
	}
	for _, test := range tests {
		err := throughProxy(t, mustParse(t, test.proxy), "wss://myserver.test/x")
		broken, ok := errors.AsType[*ProxyError](err)
		reset := ok && strings.Contains(err.Error(), "reset by peer") // the proxy has gone without reading
		if !ok || broken.Error() != test.want && !reset {
			t.Errorf("%s: got %v, want %s", test.proxy, err, test.want)
		}
	}
}

// A proxy that says nothing is given up with the context, whatever it speaks.
func TestDialProxyMute(t *testing.T) {
	mute := serveRaw(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	for _, scheme := range []string{"http", "https", "socks5"} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		d := Dialer{Proxy: http.ProxyURL(mustParse(t, scheme+"://"+mute))}
		_, err := d.Dial(ctx, "wss://myserver.test/x")
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: got %v", scheme, err)
		}
	}
}

// An HTTPS proxy is verified by its own name, and by ProxyTLS.
func TestDialHTTPSProxy(t *testing.T) {
	names := make(chan string, 1)
	proxy := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
	}))
	proxy.Config.ErrorLog = log.New(io.Discard, "", 0)
	proxy.TLS = &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		names <- hello.ServerName
		return nil, nil
	}}
	proxy.StartTLS()
	defer proxy.Close()
	_, port, _ := net.SplitHostPort(proxy.Listener.Addr().String())
	d := Dialer{
		Proxy: http.ProxyURL(mustParse(t, "https://proxy.example.com:"+port)),
		Net:   net.Dialer{Resolver: nameServer(t)},
		TLS:   &tls.Config{ServerName: "server.example.com", InsecureSkipVerify: true},
	}
	_, err := d.Dial(t.Context(), "wss://myserver.test/x")
	if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); !unknown {
		t.Errorf("not trusted: got %v", err)
	}
	<-names
	roots := x509.NewCertPool()
	roots.AddCert(proxy.Certificate())
	d.ProxyTLS = &tls.Config{RootCAs: roots}
	if _, err = d.Dial(t.Context(), "wss://myserver.test/x"); err == nil || err.Error() != "the proxy answered 403 Forbidden" {
		t.Errorf("trusted: got %v", err)
	}
	if name := <-names; name != "proxy.example.com" {
		t.Errorf("the proxy was called %q", name)
	}
}
