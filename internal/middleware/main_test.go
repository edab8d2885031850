package middleware

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"httpmaster/router"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// handle is short for a handler made of a function.
func handle(f func(w http.ResponseWriter, r *http.Request, m *router.Match)) router.Handler {
	return router.HandlerFunc(f)
}

// text answers with body.
func text(body string) router.Handler {
	return handle(func(w http.ResponseWriter, r *http.Request, m *router.Match) { io.WriteString(w, body) })
}

// refuse is the Refuse of the tests.
func refuse(w http.ResponseWriter, r *http.Request, status int, reason string) {
	http.Error(w, reason, status)
}

// serve puts h behind a real server and gives its address.
func serve(t testing.TB, h router.Handler) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.Serve(w, r, match(r))
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// match is what the server knows of r before any element runs.
func match(r *http.Request) *router.Match {
	m := &router.Match{Host: "a.com", Path: r.URL.Path, Forward: r.URL.EscapedPath(), Query: r.URL.RawQuery}
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		m.Client = peer.Addr()
	}
	return m
}

// answer is a response read to its end.
type answer struct {
	status int
	header http.Header
	body   string
	err    error // of reading the body
}

// request sends a request line and header lines as they are.
func request(t testing.TB, addr, requestLine string, header ...string) answer {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	send(t, conn, requestLine, append(header, "Connection: close")...)
	method, _, _ := strings.Cut(requestLine, " ")
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(body), err}
}

func send(t testing.TB, conn net.Conn, requestLine string, header ...string) {
	t.Helper()
	lines := append([]string{requestLine + " HTTP/1.1", "Host: a.com"}, header...)
	if _, err := io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
}

func (a answer) want(t testing.TB, status int, body string) {
	t.Helper()
	if a.status != status || a.body != body || a.err != nil {
		t.Errorf("got %d %q (%v), want %d %q", a.status, a.body, a.err, status, body)
	}
}

func (a answer) wantHeader(t testing.TB, name string, want ...string) {
	t.Helper()
	if got := a.header.Values(name); strings.Join(got, " | ") != strings.Join(want, " | ") {
		t.Errorf("%s is %q, want %q", name, got, want)
	}
}

// logBuffer holds what was logged, without the time.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (b *logBuffer) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text.Reset()
}

func newLog() (*slog.Logger, *logBuffer) {
	b := new(logBuffer)
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})), b
}

// upgrade answers an upgrade request by echoing until the client has no more,
// as the handlers of tunnels do: they return when the tunnel has ended.
func upgrade(w http.ResponseWriter, r *http.Request, m *router.Match) {
	w.Header().Set("Connection", "Upgrade")
	w.Header().Set("Upgrade", "echo")
	w.WriteHeader(http.StatusSwitchingProtocols)
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	m.BytesIn, _ = io.Copy(conn, rw)
	m.BytesOut = m.BytesIn
}

// echo opens a tunnel, sends text and gives the answer's header and what came
// back until the end.
func echo(t testing.TB, addr, text string, header ...string) answer {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	send(t, conn, "GET /tunnel", append(header, "Connection: Upgrade", "Upgrade: echo")...)
	br := bufio.NewReader(conn)
	res, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		body, err := io.ReadAll(res.Body)
		return answer{res.StatusCode, res.Header, string(body), err}
	}
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(br)
	return answer{res.StatusCode, res.Header, string(got), err}
}
