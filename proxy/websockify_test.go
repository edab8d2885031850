package proxy

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"httpmaster/internal/tunnel"
	"httpmaster/router"
)

// newWebsockify makes a Websockify to target, within the captures of pattern,
// and the router that has it as its only rule. It logs to the returned buffer,
// one line an event, without times and durations.
func newWebsockify(t *testing.T, pattern, target string) (*Websockify, router.Handler, *lockedBuffer) {
	t.Helper()
	to, scope := parse(t, pattern, target)
	log := new(lockedBuffer)
	h := &Websockify{
		Target: to, Tunnels: new(tunnel.Registry), Counts: new(tunnel.Counts), Route: pattern, lookup: testNames.lookup,
		Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{
			ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey || a.Key == "duration" {
					return slog.Attr{}
				}
				return a
			},
		})),
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := h.Tunnels.CloseAll(ctx, "the test is over"); err != nil {
			t.Errorf("tunnels do not end: %v", err)
		}
	})
	return h, scope.mount(h), log
}

// echoServer sends back what it gets.
func echoServer(t *testing.T) (address string) {
	return rawServer(t, func(conn net.Conn, br *bufio.Reader) { _, _ = io.Copy(conn, br) })
}

// openTunnel opens a tunnel as dewebsockify does, and gives its local end. It
// ends with the test, if not before.
func openTunnel(t *testing.T, address string, header http.Header) (*net.TCPConn, error) {
	t.Helper()
	d := tunnel.Dialer{Header: header}
	ws, err := d.Dial(t.Context(), address)
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	local, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(ended)
		_, _ = tunnel.Join(ctx, ws, far, tunnel.Options{})
	}()
	t.Cleanup(func() {
		_ = local.Close()
		cancel()
		<-ended
	})
	_ = local.SetDeadline(time.Now().Add(patience))
	return local.(*net.TCPConn), nil
}

func TestWebsockifyCarriesBytes(t *testing.T) {
	echo := echoServer(t)
	h, mounted, log := newWebsockify(t, "/services/echo", echo)
	served := make(chan struct{}, 1)
	s := (&front{handler: router.HandlerFunc(func(w http.ResponseWriter, r *http.Request, m *router.Match) {
		mounted.Serve(w, r, m)
		served <- struct{}{}
	})}).start(t)
	local, err := openTunnel(t, s.URL+"/services/echo", nil)
	if err != nil {
		t.Fatal(err)
	}
	if live := h.Tunnels.Live(); len(live) != 1 || live[0].Rule != "line 7 /services/echo" || live[0].Target != echo {
		t.Errorf("the registry has %+v", live)
	}
	sent := make([]byte, 10<<20)
	var seed [32]byte
	_, _ = rand.NewChaCha8(seed).Read(sent)
	go func() { _, _ = local.Write(sent) }()
	got := make([]byte, len(sent))
	if n, err := io.ReadFull(local, got); err != nil {
		t.Fatalf("after %d bytes: %v", n, err)
	}
	if sha256.Sum256(got) != sha256.Sum256(sent) {
		t.Error("other bytes came back than were sent")
	}
	_ = local.Close()
	mustReceive(t, served)
	client := clientIn(log.String())
	want := `level=INFO msg="tunnel open" rule="line 7 /services/echo" client=` + client + ` target=` + echo + ` address=` + echo + "\n" +
		`level=INFO msg="tunnel closed" rule="line 7 /services/echo" client=` + client + ` target=` + echo + ` in=10485760 out=10485760 reason="the WebSocket peer closed"` + "\n"
	if log.String() != want {
		t.Errorf("the log has\n%s\nwant\n%s", log, want)
	}
}

// await waits until no tunnel is open.
func await(t *testing.T, h *Websockify) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := h.Tunnels.CloseAll(ctx, "the test is over"); err != nil {
		t.Fatal(err)
	}
}

// clientIn is the first client that a log names.
func clientIn(log string) string {
	_, rest, _ := strings.Cut(log, "client=")
	client, _, _ := strings.Cut(rest, " ")
	return client
}

func TestWebsockifyDialFailures(t *testing.T) {
	timeout := func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: ctx.Err()}
	}
	fail := func(err error) dialFunc {
		return func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
		}
	}
	tests := []struct {
		name    string
		pattern string
		target  string
		path    string
		dial    dialFunc
		status  int
		body    string
		log     string // target, status and reason
	}{
		{"refused", "/x", "db.lan:22", "/x", fail(syscall.ECONNREFUSED), 502, "502 Bad Gateway\nthe target refused the connection\n",
			`target=db.lan:22 status=502 reason="dial tcp: connection refused"`},
		{"no route", "/x", "db.lan:22", "/x", fail(syscall.EHOSTUNREACH), 502, "502 Bad Gateway\nthe target cannot be reached\n",
			`target=db.lan:22 status=502 reason="dial tcp: no route to host"`},
		{"no answer", "/x", "db.lan:22", "/x", timeout, 504, "504 Gateway Timeout\nthe target did not answer in time\n",
			`target=db.lan:22 status=504 reason="dial tcp: context deadline exceeded"`},
		{"no answer from any address", "/ssh/*/*", "[1]:[2]", "/ssh/public.example/22", timeout, 504, "504 Gateway Timeout\nthe target did not answer in time\n",
			`target=public.example:22 status=504 reason="dial tcp: context deadline exceeded\ndial tcp: context deadline exceeded"`},
		{"static name that does not exist", "/x", "db.lan:22", "/x", fail(&net.DNSError{Err: "no such host", Name: "db.lan"}), 502, "502 Bad Gateway\nthe target's name cannot be resolved\n",
			`target=db.lan:22 status=502 reason="dial tcp: lookup db.lan: no such host"`},
		{"name that does not exist", "/ssh/*/*", "[1]:[2]", "/ssh/nobody.lan/22", nil, 502, "502 Bad Gateway\nthe target's name cannot be resolved\n",
			`target=nobody.lan:22 status=502 reason="lookup nobody.lan: no such host"`},
		{"not allowed", "/ssh/*/*", "[1]:[2]", "/ssh/127.0.0.1/22", nil, 403, "403 Forbidden\nthis target is not allowed\n",
			"target=127.0.0.1:22 status=403 reason=\"a request may ask for 127.0.0.1 (loopback) only if `allow` lists it\""},
		{"no port", "/ssh/*/*", "[1]:[2]", "/ssh/db.lan/ssh", nil, 400, "400 Bad Request\nthe address is not one that can lead anywhere\n",
			`target=[1]:[2] status=400 reason="a part of the request does not fit its place in the target: \"ssh\" is not a port from 1 to 65535"`},
		{"no host", "/ssh/*/*", "[1]:[2]", "/ssh/a@b/22", nil, 400, "400 Bad Request\nthe address is not one that can lead anywhere\n", ""},
		{"no socket", "/x", "unix:/nowhere/there.sock", "/x", nil, 502, "502 Bad Gateway\nthe target cannot be reached\n",
			`target=unix:/nowhere/there.sock status=502 reason="dial unix /nowhere/there.sock: connect: no such file or directory"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h, mounted, log := newWebsockify(t, test.pattern, test.target)
			h.DialTimeout = 50 * time.Millisecond
			h.dial = test.dial
			s := (&front{handler: mounted}).start(t)
			_, err := openTunnel(t, s.URL+test.path, nil)
			var refused *tunnel.RefusedError
			if !errors.As(err, &refused) {
				t.Fatalf("got %v, want a refusal", err)
			}
			if refused.Status != test.status || refused.Body != test.body {
				t.Errorf("the client got %d %q", refused.Status, refused.Body)
			}
			if !strings.HasPrefix(log.String(), `level=WARN msg="tunnel refused" rule=`) || !strings.Contains(log.String(), test.log) {
				t.Errorf("the log has %s\nwant %s", log, test.log)
			}
		})
	}
}

func TestWebsockifyAllowList(t *testing.T) {
	echo := echoServer(t)
	_, port, _ := net.SplitHostPort(echo)
	h, mounted, _ := newWebsockify(t, "/ssh/*/*", "[1]:[2]")
	var err error
	if h.Allow, err = ParseDestinations([]string{"localhost:" + port}); err != nil {
		t.Fatal(err)
	}
	s := (&front{handler: mounted}).start(t)
	for _, path := range []string{"/ssh/localhost/" + port, "/ssh/127.0.0.1/" + port, "/ssh/::ffff:127.0.0.1/" + port} {
		if _, err := openTunnel(t, s.URL+path, nil); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, path := range []string{"/ssh/localhost/1", "/ssh/db.lan/" + port, "/ssh/127.1/" + port} {
		if _, err := openTunnel(t, s.URL+path, nil); err == nil || err.Error() != "the server answered 403 Forbidden" {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestWebsockifyLimitsTunnels(t *testing.T) {
	h, mounted, log := newWebsockify(t, "/x", echoServer(t))
	h.MaxTunnels.Route = 2
	s := (&front{handler: mounted}).start(t)
	for range 2 {
		if _, err := openTunnel(t, s.URL+"/x", nil); err != nil {
			t.Fatal(err)
		}
	}
	_, err := openTunnel(t, s.URL+"/x", nil)
	var refused *tunnel.RefusedError
	if !errors.As(err, &refused) || refused.Status != 503 || refused.Body != "503 Service Unavailable\ntoo many tunnels are open\n" {
		t.Errorf("the third got %v", err)
	}
	if !strings.Contains(log.String(), `status=503 reason="all 2 tunnels that maxTunnels allows are open"`) {
		t.Errorf("the log has %s", log)
	}
}

func TestWebsockifyMakesRoomAgain(t *testing.T) {
	h, mounted, _ := newWebsockify(t, "/x", "127.0.0.1:1")
	h.MaxTunnels.Route = 1
	h.dial = func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED }
	s := (&front{handler: mounted}).start(t)
	for range 3 {
		if _, err := openTunnel(t, s.URL+"/x", nil); err == nil || err.Error() != "the server answered 502 Bad Gateway" {
			t.Errorf("got %v", err)
		}
	}
}

func TestWebsockifyEndsWithTheServer(t *testing.T) {
	h, mounted, log := newWebsockify(t, "/x", echoServer(t))
	s := (&front{handler: mounted}).start(t)
	conn, br := dialRaw(t, s.URL)
	_, _ = io.WriteString(conn, crlf(handshake("Host: a.example")))
	if resp, err := http.ReadResponse(br, nil); err != nil || resp.StatusCode != 101 {
		t.Fatal(resp, err)
	}
	for _, e := range h.Tunnels.Live() {
		e.Close("the server is shutting down")
	}
	frame := make([]byte, 2+2+len("the server is shutting down"))
	if _, err := io.ReadFull(br, frame); err != nil || string(frame) != "\x88\x1d\x03\xe9the server is shutting down" {
		t.Errorf("got %q, %v", frame, err)
	}
	_ = conn.Close()
	await(t, h)
	if !strings.Contains(log.String(), `reason="the server is shutting down"`) {
		t.Errorf("the log has %s", log)
	}
}

// handshake is a WebSocket's with more header lines.
func handshake(lines ...string) string {
	return "GET /x HTTP/1.1\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\n" +
		strings.Join(lines, "\n") + "\n\n"
}

func TestWebsockifyUnix(t *testing.T) {
	path := t.TempDir() + "/s"
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	serveRaw(t, ln, func(conn net.Conn, br *bufio.Reader) { _, _ = io.WriteString(conn, "hello") })
	_, mounted, _ := newWebsockify(t, "/x", "unix:"+path)
	s := (&front{handler: mounted}).start(t)
	local, err := openTunnel(t, s.URL+"/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(local); err != nil || string(got) != "hello" {
		t.Errorf("got %q, %v", got, err)
	}
}
