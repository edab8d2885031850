package proxy

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"httpmaster/internal/tunnel"
	"httpmaster/router"
)

// patience ends a test that would hang; nothing is timed by it.
const patience = 20 * time.Second

// rawServer listens on loopback and serves each connection by serve, on a
// goroutine that the test waits for. Connections are closed after serve.
func rawServer(t testing.TB, serve func(conn net.Conn, br *bufio.Reader)) (address string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serveRaw(t, ln, serve)
	return ln.Addr().String()
}

func serveRaw(t testing.TB, ln net.Listener, serve func(conn net.Conn, br *bufio.Reader)) {
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		conns []net.Conn
	)
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			wg.Go(func() {
				defer conn.Close()
				serve(conn, bufio.NewReader(conn))
			})
		}
	})
	t.Cleanup(func() {
		ln.Close()
		mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
}

// readHead reads up to and with the empty line; "" at the end of the input.
func readHead(br *bufio.Reader) string {
	var b strings.Builder
	for {
		line, err := br.ReadString('\n')
		if err != nil {
			return ""
		}
		b.WriteString(line)
		if line == "\r\n" {
			return b.String()
		}
	}
}

// answering serves each request on a connection with the same bytes and sends
// the request's head to heads, if that is not nil.
func answering(response string, heads chan<- string) func(net.Conn, *bufio.Reader) {
	return func(conn net.Conn, br *bufio.Reader) {
		for {
			head := readHead(br)
			if head == "" {
				return
			}
			if heads != nil {
				heads <- head
			}
			io.WriteString(conn, response)
		}
	}
}

// front is a server that prepares requests as the real one does.
type front struct {
	handler   router.Handler
	trusted   bool
	behindTLS bool // a trusted proxy said so
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m := &router.Match{Query: r.URL.RawQuery, Trusted: f.trusted, TLS: r.TLS != nil || f.behindTLS}
	var err error
	if m.Host, m.Port, err = router.CanonicalHost(r.Host); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if r.Method == http.MethodConnect {
		m.Path, m.Forward = "/", "/" // the real server does not let it come so far
	} else if m.Path, m.Forward, err = router.CanonicalPath(router.WirePath(r.URL), false); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		m.Client = peer.Addr()
	}
	CleanRequest(r, f.trusted)
	f.handler.Serve(w, r, m)
}

// start serves f in the clear, HTTP/1 and, without TLS, HTTP/2.
func (f *front) start(t testing.TB) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(f)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// startTLS serves f with TLS, HTTP/1 and HTTP/2.
func (f *front) startTLS(t testing.TB) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(f)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// h2cClient gives a client that speaks HTTP/2 without TLS.
func h2cClient(t testing.TB) *http.Client {
	tr := &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: patience}
}

// newProxy makes a Proxy to target, within the captures of pattern, and the
// router that has it as its only rule.
func newProxy(t testing.TB, pattern, target string) (*Proxy, router.Handler) {
	t.Helper()
	to, scope := parse(t, pattern, target)
	if err := CheckTarget(to); err != nil {
		t.Fatal(err)
	}
	up := NewUpstream(UpstreamSettings{Scheme: to.Scheme})
	t.Cleanup(up.Close)
	p := &Proxy{Target: to, Upstream: up, Tunnels: new(tunnel.Registry), Log: slog.New(slog.DiscardHandler)}
	return p, scope.mount(p)
}

type mounted struct {
	pattern *router.Pattern
}

func parse(t testing.TB, pattern, target string) (*router.Target, mounted) {
	t.Helper()
	p, err := router.ParsePattern(pattern)
	if err != nil {
		t.Fatal(err)
	}
	to, err := router.ParseTarget(target, router.Scope{}.With(p))
	if err != nil {
		t.Fatal(err)
	}
	return to, mounted{p}
}

func (m mounted) mount(h router.Handler) router.Handler {
	table := router.NewTable([]*router.Rule{{Pattern: m.pattern, Handler: h, Line: 7}}, router.Scope{})
	return table.Handler(router.HandlerFunc(func(w http.ResponseWriter, r *http.Request, _ *router.Match) {
		http.Error(w, "no rule", http.StatusNotFound)
	}))
}

// logTo makes p log to the returned buffer, one line an event, without time.
func logTo(p *Proxy) *lockedBuffer {
	b := new(lockedBuffer)
	p.Log = slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
	return b
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// dialRaw connects to a test server, for bytes by hand.
func dialRaw(t testing.TB, server string) (*net.TCPConn, *bufio.Reader) {
	t.Helper()
	address := strings.TrimPrefix(server, "http://")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { conn.Close() })
	return conn.(*net.TCPConn), bufio.NewReader(conn)
}

// dialTLS connects to a server with TLS, for HTTP/1 by hand.
func dialTLS(t testing.TB, s *httptest.Server) *tls.Conn {
	t.Helper()
	cfg := s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	cfg.NextProtos = []string{"http/1.1"}
	conn, err := tls.Dial("tcp", s.Listener.Addr().String(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { conn.Close() })
	return conn
}

// exchangeRaw sends request and gives everything that comes back until the
// server closes; so request should ask for that. Date fields are left out.
func exchangeRaw(t testing.TB, server, request string) string {
	t.Helper()
	conn, br := dialRaw(t, server)
	if _, err := io.WriteString(conn, crlf(request)); err != nil {
		t.Fatal(err)
	}
	response, err := io.ReadAll(br)
	if err != nil {
		t.Fatalf("after %q: %v", response, err)
	}
	return withoutDate(string(response))
}

func withoutDate(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		if !strings.HasPrefix(line, "Date: ") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// crlf makes text out of a literal in a test: lines end in CR LF.
func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

func mustReceive[T any](t testing.TB, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}
