package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"syscall"
	"testing"

	"httpmaster/internal/tunnel"
)

func noise(n int) []byte {
	var seed [32]byte
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(seed).Read(b)
	return b
}

// throughEcho sends bytes and compares what comes back.
func throughEcho(t *testing.T, w io.Writer, r io.Reader, sent []byte) {
	t.Helper()
	written := make(chan error, 1)
	go func() {
		_, err := w.Write(sent)
		written <- err
	}()
	got := make([]byte, len(sent))
	if n, err := io.ReadFull(r, got); err != nil {
		t.Fatalf("after %d of %d bytes: %v", n, len(got), err)
	}
	if sha256.Sum256(got) != sha256.Sum256(sent) {
		t.Fatal("other bytes came back than were sent")
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
}

func TestListening(t *testing.T) {
	server := newTunnels(t, echo)
	url := start(t, server)
	p := runProgram(t, url+"/services/echo", "0")
	local, line := p.port()
	if want := "dewebsockify: listening on " + local + ", forwarding to " + url + "/services/echo\n"; line != want || !strings.HasPrefix(local, "127.0.0.1:") {
		t.Errorf("it says %q, want %q", line, want)
	}
	first, second := p.connect(local), p.connect(local)
	throughEcho(t, first, first, noise(5<<20))
	throughEcho(t, second, second, noise(100))
	_ = first.(*net.TCPConn).CloseWrite()
	if rest, err := io.ReadAll(first); err != nil || len(rest) > 0 {
		t.Errorf("the first ends with %q, %v", rest, err)
	}
	if err := <-server.ended; err != nil {
		t.Errorf("the first tunnel: %v", err)
	}

	p.stop()
	if _, err := io.ReadAll(second); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the second ends with %v, but it was cut off", err)
	}
	if reset, ok := errors.AsType[*tunnel.ResetError](<-server.ended); !ok || reset.Reason != "the client was stopped" {
		t.Errorf("the server saw %v", reset)
	}
	if code, rest := p.exit(); code != 0 || rest != "" {
		t.Errorf("exit code %d, %q", code, rest)
	}
}

func TestListeningForOthers(t *testing.T) {
	p := runProgram(t, "ws://127.0.0.1:1/", "0.0.0.0:0")
	warning := p.line()
	local, _ := p.port()
	if want := "dewebsockify: warning: everyone who can reach " + local + " can use the tunnel\n"; warning != want {
		t.Errorf("it says %q, want %q", warning, want)
	}
	p.stop()
	if code, rest := p.exit(); code != 0 || rest != "" {
		t.Errorf("exit code %d, %q", code, rest)
	}
}

func TestListeningWithoutServer(t *testing.T) {
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := gone.Addr().String()
	_ = gone.Close()
	p := runProgram(t, "ws://"+address, "0")
	local, _ := p.port()
	for range 2 { // one failure does not end it
		conn := p.connect(local)
		if want := "dewebsockify: " + address + " cannot be reached: connection refused\n"; p.line() != want {
			t.Errorf("not %q", want)
		}
		if rest, err := io.ReadAll(conn); err != nil || len(rest) > 0 {
			t.Errorf("the connection gives %q, %v", rest, err)
		}
	}
	p.stop()
	if code, rest := p.exit(); code != 0 || rest != "" {
		t.Errorf("exit code %d, %q", code, rest)
	}
}

func TestPortTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	code, _, stderr := runOnce(t, "ws://127.0.0.1:1/", port)
	if want := "dewebsockify: cannot listen on 127.0.0.1:" + port + ": another program uses the port; choose another, or 0 for a free one\n"; code != 6 || stderr != want {
		t.Errorf("exit code %d, %q", code, stderr)
	}
}

func TestStdio(t *testing.T) {
	server := newTunnels(t, echo)
	p := runProgram(t, start(t, server), "-")
	throughEcho(t, p.stdin, p.stdout, noise(3<<20))
	_ = p.stdin.Close()
	if code, rest := p.exit(); code != 0 || rest != "" {
		t.Errorf("exit code %d, %q", code, rest)
	}
	if err := <-server.ended; err != nil {
		t.Errorf("the tunnel: %v", err)
	}
}

// What the server has sent before it ends is written to stdout, and stdin being
// open does not hold the program back.
func TestStdioServerEnds(t *testing.T) {
	sent := noise(5 << 20)
	p := runProgram(t, start(t, newTunnels(t, func(conn net.Conn) { _, _ = conn.Write(sent) })), "-")
	got, err := io.ReadAll(p.stdout)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d bytes of %d, %v", len(got), len(sent), err)
	}
	if code, rest := p.exit(); code != 0 || rest != "" {
		t.Errorf("exit code %d, %q", code, rest)
	}
}

func TestStdioBreaks(t *testing.T) {
	reset := func(conn net.Conn) {
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}
	stopping := newTunnels(t, echo)
	stopping.stop = errors.New("the server is shutting down")
	tests := []struct {
		name string
		url  string
		want string
	}{
		{"the target resets", start(t, newTunnels(t, reset)), "dewebsockify: the server closed the tunnel: the connection was reset\n"},
		{"the server stops", start(t, stopping), "dewebsockify: the server closed the tunnel: the server is shutting down\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if code, _, stderr := runOnce(t, test.url, "-"); code != 1 || stderr != test.want {
				t.Errorf("exit code %d, %q", code, stderr)
			}
		})
	}
}

func TestStdioStopped(t *testing.T) {
	server := newTunnels(t, echo)
	p := runProgram(t, start(t, server), "-")
	throughEcho(t, p.stdin, p.stdout, []byte("hello"))
	p.stop()
	if code, rest := p.exit(); code != 0 || rest != "" {
		t.Errorf("exit code %d, %q", code, rest)
	}
	if reset, ok := errors.AsType[*tunnel.ResetError](<-server.ended); !ok || reset.Reason != "the client was stopped" {
		t.Errorf("the server saw %v", reset)
	}
}
