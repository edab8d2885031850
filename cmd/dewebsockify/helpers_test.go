package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"httpmaster/internal/tunnel"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience ends a test that would hang; nothing is timed by it.
const patience = 30 * time.Second

// tunnelServer answers every WebSocket with a tunnel to a TCP connection whose other
// end is served by serve.
type tunnelServer struct {
	sessions *tunnel.Sessions
	serve    func(conn net.Conn)
	ended    chan error // what each tunnel's Join gave
	stop     error      // makes every tunnel end at once, as of a server that stops
	wg       sync.WaitGroup
}

func (s *tunnelServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.wg.Add(1)
	defer s.wg.Done()
	ws, err := tunnel.Accept(w, r)
	if err != nil {
		return
	}
	near, far, err := tcpPair()
	if err != nil {
		ws.CloseNow()
		return
	}
	s.wg.Go(func() {
		defer far.Close()
		s.serve(far)
	})
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	if s.stop != nil {
		cancel(s.stop)
	}
	if ws.CanResume() {
		_, err = s.sessions.Open(ctx, ws, near, &tunnel.Opening{Log: slog.New(slog.DiscardHandler)})
	} else {
		_, err = tunnel.Join(ctx, ws, near, tunnel.Options{})
	}
	s.ended <- err
}

func tcpPair() (near, far net.Conn, err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer ln.Close()
	if near, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		return nil, nil, err
	}
	if far, err = ln.Accept(); err != nil {
		_ = near.Close()
	}
	return near, far, err
}

// newTunnels gives a handler, and waits at the end of the test for what it has
// started.
func newTunnels(t *testing.T, serve func(conn net.Conn)) *tunnelServer {
	s := &tunnelServer{serve: serve, sessions: tunnel.NewSessions(), ended: make(chan error, 100)}
	t.Cleanup(s.wg.Wait)
	return s
}

func echo(conn net.Conn) { _, _ = io.Copy(conn, conn) }

// start serves h and gives the address as a ws URL.
func start(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return "ws" + strings.TrimPrefix(s.URL, "http")
}

// startTLS serves h with a certificate for example.com and 127.0.0.1, and gives
// a file with that certificate.
func startTLS(t *testing.T, h http.Handler, certs ...tls.Certificate) (url, ca string) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = nil
	s.Config.ErrorLog = quiet()
	if len(certs) > 0 {
		s.TLS = &tls.Config{Certificates: certs}
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	ca = filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return "wss" + strings.TrimPrefix(s.URL, "https"), ca
}

// program is a run of dewebsockify.
type program struct {
	t      *testing.T
	stdin  *io.PipeWriter
	stdout *bufio.Reader
	stderr *bufio.Reader
	stop   context.CancelFunc
	status chan os.Signal
	code   chan int
}

// runProgram starts dewebsockify. Its streams must be read for it to go on.
func runProgram(t *testing.T, args ...string) *program {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	inReader, inWriter := io.Pipe()
	outReader, outWriter := io.Pipe()
	errReader, errWriter := io.Pipe()
	p := &program{t, inWriter, bufio.NewReader(outReader), bufio.NewReader(errReader), stop, make(chan os.Signal), make(chan int, 1)}
	go func() {
		code := run(ctx, args, environment{inReader, outWriter, errWriter, p.status})
		_ = outWriter.Close()
		_ = errWriter.Close()
		p.code <- code
	}()
	t.Cleanup(func() {
		stop()
		_ = inWriter.Close()
		_ = outReader.Close()
		_ = errReader.Close()
	})
	return p
}

// exit waits for the end and gives the exit code and what else was written to
// stderr.
func (p *program) exit() (code int, stderr string) {
	p.t.Helper()
	rest, _ := io.ReadAll(p.stderr)
	select {
	case code = <-p.code:
	case <-time.After(patience):
		p.t.Fatal("the program does not end")
	}
	return code, string(rest)
}

// line gives the next line on stderr.
func (p *program) line() string {
	p.t.Helper()
	line, err := p.stderr.ReadString('\n')
	if err != nil {
		p.t.Fatalf("no more lines on stderr after %q: %v", line, err)
	}
	return line
}

// port reads the line about listening and connects to where it says.
func (p *program) port() (local string, line string) {
	p.t.Helper()
	line = p.line()
	_, rest, found := strings.Cut(line, "listening on ")
	local, _, comma := strings.Cut(rest, ", ")
	if !found || !comma {
		p.t.Fatalf("instead of where it listens: %q", line)
	}
	return local, line
}

func (p *program) connect(local string) net.Conn {
	p.t.Helper()
	conn, err := net.Dial("tcp", local)
	if err != nil {
		p.t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	p.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// runOnce runs dewebsockify until it ends by itself, with nothing on stdin.
func runOnce(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stdin, hold := io.Pipe()
	defer hold.Close()
	var out, err strings.Builder
	code = run(ctx, args, environment{stdin, &out, &err, nil})
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Error("the program does not end")
	}
	return code, out.String(), err.String()
}

// writeFile makes a file that is for this user alone.
func writeFile(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// writeCertificate makes a file of a certificate without its key.
func writeCertificate(t *testing.T, cert tls.Certificate) string {
	t.Helper()
	return writeFile(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})))
}

// writeKey makes a file of a certificate's key.
func writeKey(t *testing.T, cert tls.Certificate) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return writeFile(t, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
}
