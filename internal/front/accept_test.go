package front

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"httpmaster/internal/guard"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// failing is a listener whose Accept can be made to fail.
type failing struct {
	net.Listener
	errs  chan error
	tries atomic.Int64
}

func (f *failing) Accept() (net.Conn, error) {
	f.tries.Add(1)
	select {
	case err := <-f.errs:
		return nil, err
	default:
	}
	conn, err := f.Listener.Accept()
	select {
	case err := <-f.errs: // came while it waited
		if conn != nil {
			conn.Close()
		}
		return nil, err
	default:
		return conn, err
	}
}

// serve runs a server behind a Listener on l until the test ends.
func serve(t *testing.T, l net.Listener) *Listener {
	t.Helper()
	s := &Settings{MaxConns: 100, MaxPerAddress: 100, Handshake: time.Minute, Guard: guard.Limits{
		HeadBytes: 4096, HeadLines: 20, URIBytes: 1024, Head: time.Minute, Body: time.Minute,
	}}
	front := New(l, "80", func() *Settings { return s }, slog.New(slog.DiscardHandler), new(Counts))
	srv := &http.Server{ConnState: front.State, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "ok")
	})}
	feed := front.Feed()
	ended := make(chan struct{}, 2)
	go func() {
		srv.Serve(feed)
		ended <- struct{}{}
	}()
	go func() {
		front.Run()
		ended <- struct{}{}
	}()
	t.Cleanup(func() {
		front.Close()
		srv.Close()
		<-ended
		<-ended
	})
	return front
}

func listen(t *testing.T) *failing {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return &failing{Listener: ln, errs: make(chan error, 10)}
}

// visit asks for something on a new connection, which it gives.
func visit(t *testing.T, addr net.Addr) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(resp.Body); string(body) != "ok" {
		t.Fatal(string(body), err)
	}
	return conn
}

// TestAcceptErrorsAreNotTheEnd holds that serving goes on after any error.
func TestAcceptErrorsAreNotTheEnd(t *testing.T) {
	for _, err := range []error{
		&net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.ECONNABORTED)},
		&net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.ENOBUFS)},
		errors.New("something that nobody has thought of"),
	} {
		ln := listen(t)
		for range 3 {
			ln.errs <- err
		}
		serve(t, ln)
		visit(t, ln.Addr())
	}
}

// TestDescriptorsRunOut holds that connections that wait make room then, those
// first that wait longest, and that nothing spins meanwhile.
func TestDescriptorsRunOut(t *testing.T) {
	ln := listen(t)
	front := serve(t, ln)
	first := visit(t, ln.Addr())
	waitIdle(t, front, 1)
	second := visit(t, ln.Addr())
	waitIdle(t, front, 2)

	tries := ln.tries.Load()
	for range 2 {
		ln.errs <- &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	begun := time.Now()
	visitRefused(t, ln.Addr()) // wakes Accept, to fail
	if _, err := first.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the connection that has waited longest: %v, want its end", err)
	}
	if _, err := second.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the next one: %v, want its end", err)
	}
	visit(t, ln.Addr())
	if n := ln.tries.Load() - tries; float64(n) > 5+200*time.Since(begun).Seconds() {
		t.Errorf("%d calls of Accept, which is spinning", n)
	}
}

// visitRefused makes a connection that the listener drops.
func visitRefused(t *testing.T, addr net.Addr) {
	t.Helper()
	conn, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

// waitIdle waits until n connections wait for their next request.
func waitIdle(t *testing.T, l *Listener, n int) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		idle := 0
		l.mu.Lock()
		for c := range l.open {
			if c.idle.Load() != 0 {
				idle++
			}
		}
		l.mu.Unlock()
		if idle == n {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d connections are idle, want %d", idle, n)
		}
	}
}
