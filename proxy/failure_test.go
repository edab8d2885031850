package proxy

import (
	"bufio"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// closedPort gives an address where nobody listens.
func closedPort(t testing.TB) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// Each way an upstream can fail: what the client is told, and what the log
// says, once.
func TestUpstreamFails(t *testing.T) {
	silent := func(conn net.Conn, br *bufio.Reader) { io.Copy(io.Discard, br) }
	saying := func(text string) func(net.Conn, *bufio.Reader) { return answering(crlf(text), nil) }
	tests := []struct {
		name    string
		serve   func(net.Conn, *bufio.Reader) // nil: nobody listens
		status  int
		text    string
		reason  string // in the log; {backend} is its address
		upgrade bool   // the same answer to an upgrade
	}{
		{
			name: "refused", status: 502, text: "The upstream server refused the connection.",
			reason: "dial tcp {backend}: connect: connection refused", upgrade: true,
		},
		{
			name: "too slow", serve: silent, status: 504, text: "The upstream server took too long to answer.",
			reason: "no progress within the upstream's idle time", upgrade: true,
		},
		{
			name: "hangs up", serve: func(conn net.Conn, br *bufio.Reader) { readHead(br) }, status: 502,
			text: "The upstream server sent no valid response.", reason: "EOF",
		},
		{
			name: "no HTTP", serve: saying("SSH-2.0-x\n\n"), status: 502,
			text: "The upstream server sent no valid response.", reason: `malformed HTTP response "SSH-2.0-x"`,
		},
		{
			name: "a head without end", status: 502, text: "The upstream server sent no valid response.",
			serve:  saying("HTTP/1.1 200 OK\nX-A: " + strings.Repeat("a", 300<<10) + "\n\n"),
			reason: "the response has a head of more than 262144 bytes",
		},
		{
			name: "switches unasked", serve: saying("HTTP/1.1 101 Switching Protocols\nConnection: Upgrade\nUpgrade: h2c\n\n"), status: 502,
			text: "The upstream server sent no valid response.", reason: "a response with a status that nobody asked for",
		},
		{
			name: "a status that is none", serve: saying("HTTP/1.1 000 x\nContent-Length: 0\n\n"), status: 502,
			text: "The upstream server sent no valid response.", reason: "a response with a status that nobody asked for",
		},
	}
	for _, tt := range tests {
		for _, kind := range []string{"", "Upgrade: x\n"} {
			if kind != "" && !tt.upgrade {
				continue
			}
			t.Run(tt.name+" "+strings.TrimSpace(kind), func(t *testing.T) {
				backend := closedPort(t)
				if tt.serve != nil {
					backend = rawServer(t, tt.serve)
				}
				p, h := newProxy(t, "*", backend)
				if tt.status == 504 {
					p.UpstreamIdle = 50 * time.Millisecond
				}
				log := logTo(p)
				s := (&front{handler: h}).start(t)
				request := "GET / HTTP/1.1\nHost: a.test\nConnection: close\n\n"
				if kind != "" {
					request = "GET / HTTP/1.1\nHost: a.test\nConnection: close, Upgrade\n" + kind + "\n"
				}
				got := exchangeRaw(t, s.URL, request)
				want := fmt.Sprintf("\r\n\r\n%d %s\n%s\n", tt.status, http.StatusText(tt.status), tt.text)
				if !strings.HasPrefix(got, fmt.Sprintf("HTTP/1.1 %d ", tt.status)) || !strings.HasSuffix(got, want) {
					t.Errorf("got\n%s\nwant\n%s", got, want)
				}
				reason := strings.ReplaceAll(tt.reason, "{backend}", backend)
				if strings.ContainsAny(reason, " ") {
					reason = fmt.Sprintf("%q", reason)
				}
				line := fmt.Sprintf("level=WARN msg=\"cannot forward a request\" upstream=%s reason=%s rule=\"line 7 *\" status=%d\n", backend, reason, tt.status)
				if log.String() != line {
					t.Errorf("log is\n%s\nwant\n%s", log, line)
				}
			})
		}
	}
}

// What cannot be brought about on loopback.
func TestExplain(t *testing.T) {
	tests := []struct {
		err    error
		status int
		text   string
	}{
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EHOSTUNREACH)}, 502, "The upstream server cannot be reached."},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ETIMEDOUT)}, 504, "The upstream server took too long to answer."},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", IsNotFound: true}}, 502, "The upstream server's name cannot be resolved."},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Err: "i/o timeout", IsTimeout: true}}, 504, "The upstream server took too long to answer."},
		{&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, 502, "The upstream server sent no valid response."},
		{errNoneFree, 504, "The upstream server took too long to answer."},
		{errors.New("anything"), 502, "The upstream server sent no valid response."},
	}
	for _, tt := range tests {
		if status, text := explain(tt.err); status != tt.status || text != tt.text {
			t.Errorf("%v: got %d %q, want %d %q", tt.err, status, text, tt.status, tt.text)
		}
	}
}

// A stream that goes silent for longer than UpstreamIdle ends, visibly.
func TestUpstreamGoesSilent(t *testing.T) {
	backend := rawServer(t, func(conn net.Conn, br *bufio.Reader) {
		readHead(br)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n")
		io.Copy(io.Discard, br)
	})
	p, h := newProxy(t, "*", backend)
	p.UpstreamIdle = 50 * time.Millisecond
	log := logTo(p)
	s := (&front{handler: h}).start(t)
	conn, br := dialRaw(t, s.URL)
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
	got, _ := io.ReadAll(br)
	want := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n"
	if withoutDate(string(got)) != want {
		t.Errorf("got %q, want %q", got, want)
	}
	line := `level=WARN msg="the upstream broke off its response" upstream=` + backend + ` reason="no progress within the upstream's idle time" rule="line 7 *"` + "\n"
	if log.String() != line {
		t.Errorf("log is %q, want %q", log, line)
	}
}

func TestNotForwarded(t *testing.T) {
	backend := rawServer(t, func(conn net.Conn, br *bufio.Reader) { t.Errorf("upstream got %q", readHead(br)) })
	tests := []struct{ name, target, request, want string }{
		{"TRACE", backend, "TRACE / HTTP/1.1\nHost: a.test\nConnection: close\n\n", "405 Method Not Allowed\nTRACE is not forwarded.\n"},
		{"CONNECT", backend, "CONNECT a.test:80 HTTP/1.1\nHost: a.test:80\nConnection: close\n\n", "405 Method Not Allowed\nCONNECT is not forwarded.\n"},
		{"a capture that is no port", "127.0.0.1:[2]", "GET /x HTTP/1.1\nHost: a.test\nConnection: close\n\n", "400 Bad Request\nThis address cannot be turned into one of an upstream.\n"},
		{"a capture that is no host", "[2]:80", "GET /a@b HTTP/1.1\nHost: a.test\nConnection: close\n\n", "400 Bad Request\nThis address cannot be turned into one of an upstream.\n"},
		{"a host that is not there", "[1]:80", "GET /x HTTP/1.0\n\n", "400 Bad Request\nThis address cannot be turned into one of an upstream.\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, h := newProxy(t, "*/*", tt.target)
			s := (&front{handler: h}).start(t)
			if got := exchangeRaw(t, s.URL, tt.request); !strings.HasSuffix(got, "\r\n\r\n"+tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCheckTarget(t *testing.T) {
	tests := []struct{ target, want string }{
		{"8080", ""},
		{"10.0.0.5:8080/x?y", ""},
		{"https://a.test", ""},
		{"https+insecure://a.test", ""},
		{"h2c://a.test:81", ""},
		{"unix:/run/app.sock", ""},
		{"ftp://a.test", `"ftp" cannot be proxied to, use one of http, https, https+insecure, h2c, unix`},
		{"/x", "it names no upstream, write its host or port first"},
		{"http://a.test/#x", "what follows # is never sent to an upstream, remove it"},
	}
	for _, tt := range tests {
		to, _ := parse(t, "*", tt.target)
		got := ""
		if err := CheckTarget(to); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.target, got, tt.want)
		}
	}
}

// https:// verifies, https+insecure:// does not; both for requests and for
// upgrades.
func TestUpstreamTLS(t *testing.T) {
	backend := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !IsUpgrade(r) {
			io.WriteString(w, r.Proto)
			return
		}
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "x")
		w.WriteHeader(http.StatusSwitchingProtocols)
		conn, _, _ := http.NewResponseController(w).Hijack()
		io.WriteString(conn, "tunnel")
		conn.Close()
	}))
	backend.Config.ErrorLog = log.New(io.Discard, "", 0)
	backend.EnableHTTP2 = true
	backend.StartTLS()
	t.Cleanup(backend.Close)
	address := strings.TrimPrefix(backend.URL, "https://")
	roots := x509.NewCertPool()
	roots.AddCert(backend.Certificate())
	const unverified = "502 Bad Gateway\nThe upstream server's certificate cannot be verified.\n"
	tests := []struct {
		name, target string
		roots        *x509.CertPool
		plain, up    string
	}{
		{"verified", "https://" + address, roots, "HTTP/2.0", "tunnel"},
		{"unknown authority", "https://" + address, x509.NewCertPool(), unverified, unverified},
		{"insecure", "https+insecure://" + address, x509.NewCertPool(), "HTTP/2.0", "tunnel"},
		{"wrong name", "https://localhost:" + address[strings.LastIndex(address, ":")+1:], roots, unverified, unverified},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, h := newProxy(t, "*", tt.target)
			p.Upstream = NewUpstream(UpstreamSettings{Scheme: p.Target.Scheme, Roots: tt.roots})
			t.Cleanup(p.Upstream.Close)
			s := (&front{handler: h}).start(t)
			got := exchangeRaw(t, s.URL, "GET / HTTP/1.1\nHost: a.test\nConnection: close\n\n")
			if !strings.HasSuffix(got, "\r\n\r\n"+tt.plain) {
				t.Errorf("got %q, want %q", got, tt.plain)
			}
			got = exchangeRaw(t, s.URL, "GET / HTTP/1.1\nHost: a.test\nConnection: Upgrade, close\nUpgrade: x\n\n")
			if !strings.HasSuffix(got, "\r\n\r\n"+tt.up) {
				t.Errorf("upgrade: got %q, want %q", got, tt.up)
			}
		})
	}
}

// An upstream behind a Unix socket, whose path a capture may be part of.
func TestUnixSocket(t *testing.T) {
	dir := t.TempDir()
	ln, err := net.Listen("unix", dir+"/app.sock")
	if err != nil {
		t.Fatal(err)
	}
	heads := make(chan string, 1)
	serveRaw(t, ln, answering("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", heads))
	lnPlain, err := net.Listen("unix", dir+"/plain.sock")
	if err != nil {
		t.Fatal(err)
	}
	serveRaw(t, lnPlain, answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", heads))

	_, h := newProxy(t, "*.test", "unix:"+dir+"/[1].sock")
	s := (&front{handler: h}).start(t)
	got := exchangeRaw(t, s.URL, "GET /x?y HTTP/1.1\nHost: plain.test\nConnection: close\n\n")
	if want := crlf("HTTP/1.1 200 OK\nContent-Length: 0\nConnection: close\n\n"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if head := mustReceive(t, heads); !strings.HasPrefix(head, "GET /x?y HTTP/1.1\r\nHost: plain.test\r\n") {
		t.Errorf("upstream got %q", head)
	}
	conn, br := dialRaw(t, s.URL)
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
	if got := withoutDate(readHead(br)); got != crlf("HTTP/1.1 101 Switching Protocols\nConnection: Upgrade\nUpgrade: x\n\n") {
		t.Errorf("upgrade: got %q", got)
	}
	mustReceive(t, heads)
	conn.Close()

	// Without a Host there is no address either that could stand in for it.
	_, h = newProxy(t, "*", "unix:"+dir+"/plain.sock")
	s = (&front{handler: h}).start(t)
	exchangeRaw(t, s.URL, "GET / HTTP/1.0\n\n")
	if head := mustReceive(t, heads); !strings.HasPrefix(head, "GET / HTTP/1.1\r\nHost: localhost\r\n") {
		t.Errorf("upstream got %q", head)
	}
}
