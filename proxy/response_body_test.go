package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// Half a chunk is on its way before the other half has come.
func TestHalfAChunkIsPassedOn(t *testing.T) {
	got := make(chan struct{})
	backend := rawServer(t, func(conn net.Conn, br *bufio.Reader) {
		readHead(br)
		io.WriteString(conn, inChunks("a\r\nhello"))
		<-got
		io.WriteString(conn, "world\r\n0\r\n")
		<-got
		io.WriteString(conn, "X-Sum: 1\r\n\r\n")
	})
	_, h := newProxy(t, "*", backend)
	conn, br := dialRaw(t, (&front{handler: h}).start(t).URL)
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
	readHead(br)
	for _, want := range []string{"5\r\nhello\r\n", "5\r\nworld\r\n"} {
		part := make([]byte, len(want))
		if _, err := io.ReadFull(br, part); err != nil || string(part) != want {
			t.Fatalf("got %q, %v, want %q", part, err, want)
		}
		got <- struct{}{}
	}
	if rest := readHead(br); rest != "0\r\nX-Sum: 1\r\n\r\n" {
		t.Errorf("the end is %q", rest)
	}
}

// A large body of known length, which the kernel moves: what ends it early,
// and whose fault that is in the log.
func TestLargeBodyEndsEarly(t *testing.T) {
	const size, first = 32 << 20, 1 << 20
	for _, tt := range []struct {
		name   string
		end    func(upstream, client *net.TCPConn)
		client bool   // takes nothing
		reason string // in the log, if the upstream is at fault
	}{
		{"upstream closes", func(upstream, _ *net.TCPConn) { upstream.Close() }, false, `reason="unexpected EOF"`},
		{"upstream resets", func(upstream, _ *net.TCPConn) { upstream.SetLinger(0); upstream.Close() }, false, "connection reset by peer"},
		{"upstream stalls", func(_, _ *net.TCPConn) {}, false, `reason="no progress within the upstream's idle time"`},
		{"client closes", func(_, client *net.TCPConn) { client.Close() }, false, ""},
		{"client takes nothing", func(upstream, _ *net.TCPConn) { io.Copy(upstream, noise(1, size-first)) }, true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			upstreams, gone := make(chan *net.TCPConn, 1), make(chan struct{})
			backend := rawServer(t, func(conn net.Conn, br *bufio.Reader) {
				readHead(br)
				fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size)
				io.Copy(conn, noise(1, first))
				upstreams <- conn.(*net.TCPConn)
				io.Copy(io.Discard, br)
				close(gone)
			})
			p, h := newProxy(t, "*", backend)
			p.ClientIdle, p.UpstreamIdle = patience, patience
			if strings.Contains(tt.reason, "idle") {
				p.UpstreamIdle = 100 * time.Millisecond
			}
			if tt.client {
				p.ClientIdle, p.UpstreamIdle = 100*time.Millisecond, 100*time.Millisecond
			}
			log := logTo(p)
			s := (&front{handler: h}).start(t)
			conn, br := dialRaw(t, s.URL)
			io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
			readHead(br)
			if !tt.client {
				io.CopyN(io.Discard, br, first)
			}
			tt.end(mustReceive(t, upstreams), conn)
			mustReceive(t, gone)
			if n, _ := io.Copy(io.Discard, br); n > size-2*first {
				t.Errorf("%d bytes more came", n)
			}
			s.Close()
			if tt.reason == "" && log.String() != "" || !strings.Contains(log.String(), tt.reason) {
				t.Errorf("log is %q, want %q in it", log, tt.reason)
			}
		})
	}
}
