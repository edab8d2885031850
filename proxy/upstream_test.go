package proxy

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
)

const getOnce = "GET / HTTP/1.1\nHost: a.test\nConnection: close\n\n"

// Connections are kept and used again, unless the settings say otherwise; and
// Close drops them.
func TestUpstreamKeepsConnections(t *testing.T) {
	for _, keep := range []bool{true, false} {
		var conns atomic.Int32
		gone := make(chan struct{}, 2)
		backend := rawServer(t, func(conn net.Conn, br *bufio.Reader) {
			conns.Add(1)
			for head := readHead(br); head != ""; head = readHead(br) {
				if closes := strings.Contains(head, "\r\nConnection: close\r\n"); closes == keep {
					t.Errorf("keep is %v, upstream got %q", keep, head)
				}
				io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
			}
			gone <- struct{}{}
		})
		p, h := newProxy(t, "*", backend)
		p.Upstream = NewUpstream(UpstreamSettings{NoKeepAlive: !keep})
		s := (&front{handler: h}).start(t)
		for range 2 {
			exchangeRaw(t, s.URL, getOnce)
		}
		p.Upstream.Close()
		want := int32(1)
		if !keep {
			want = 2
		}
		for range want {
			mustReceive(t, gone)
		}
		if got := conns.Load(); got != want {
			t.Errorf("keep is %v: %d connections, want %d", keep, got, want)
		}
	}
}

// With MaxConns reached, a request waits for a connection to become free.
func TestUpstreamMaxConns(t *testing.T) {
	var open, most atomic.Int32
	arrived, answer := make(chan struct{}, 2), make(chan struct{})
	backend := rawServer(t, func(conn net.Conn, br *bufio.Reader) {
		if n := open.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer open.Add(-1)
		for readHead(br) != "" {
			arrived <- struct{}{}
			<-answer
			io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
		}
	})
	p, h := newProxy(t, "*", backend)
	p.Upstream = NewUpstream(UpstreamSettings{MaxConns: 1})
	t.Cleanup(p.Upstream.Close)
	s := (&front{handler: h}).start(t)
	first, firstReader := dialRaw(t, s.URL)
	second, secondReader := dialRaw(t, s.URL)
	io.WriteString(first, crlf(getOnce))
	mustReceive(t, arrived)
	io.WriteString(second, crlf(getOnce))
	answer <- struct{}{}
	readHead(firstReader)
	mustReceive(t, arrived)
	answer <- struct{}{}
	if got := readHead(secondReader); !strings.HasPrefix(got, "HTTP/1.1 204 ") {
		t.Errorf("got %q", got)
	}
	if most.Load() != 1 {
		t.Errorf("%d connections at a time", most.Load())
	}
}
