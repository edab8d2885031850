package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// newPool makes the pool of settings for plain HTTP/1.1.
func newPool(t testing.TB, s UpstreamSettings) *pool {
	u := NewUpstream(s)
	t.Cleanup(u.Close)
	return u.pool
}

// callTo makes the call of a GET that has idle for each step.
func callTo(ctx context.Context, address string, idle time.Duration) *call {
	c := &call{
		ctx: ctx, address: address, method: "GET", length: -1, watch: &watchdog{idle: idle},
		head: []byte("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"),
	}
	c.watch.watch()
	return c
}

// idleIn counts the idle connections, and the open ones.
func idleIn(p *pool) (idle, open int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range p.hosts {
		idle += len(h.idle)
		open += h.open
	}
	return idle, open
}

// eventually waits for what happens soon.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never came about that %s", what)
		}
	}
}

// Requests that wait for a connection get one in the order of their coming,
// be it a used one or the place of one that is gone.
func TestPoolQueue(t *testing.T) {
	for _, keeps := range []bool{true, false} {
		t.Run(fmt.Sprint(keeps), func(t *testing.T) {
			backend := rawServer(t, answering(crlf(hello), nil))
			p := newPool(t, UpstreamSettings{MaxConns: 1})
			first, err := p.get(callTo(t.Context(), backend, patience), false)
			if err != nil {
				t.Fatal(err)
			}
			first.begin(callTo(t.Context(), backend, patience))
			order := make(chan int, 5)
			var all sync.WaitGroup
			for i := range 5 {
				all.Go(func() {
					c := callTo(t.Context(), backend, patience)
					k, err := p.get(c, false)
					if err != nil {
						t.Error(err)
						return
					}
					order <- i
					k.begin(c)
					if keeps {
						k.end()
						p.put(k)
					} else {
						k.drop()
					}
				})
				h := p.hosts[backend]
				eventually(t, "the request waits", func() bool {
					p.mu.Lock()
					defer p.mu.Unlock()
					return len(h.waiting) == i+1
				})
			}
			first.drop()
			all.Wait()
			for i := range 5 {
				if got := <-order; got != i {
					t.Errorf("number %d came when it was the turn of %d", got, i)
				}
			}
			wantIdle := 0
			if keeps {
				wantIdle = 1
			}
			if idle, open := idleIn(p); idle != wantIdle || open != wantIdle {
				t.Errorf("%d idle connections of %d, want %d", idle, open, wantIdle)
			}
		})
	}
}

// Who waits in vain takes nothing away from the others.
func TestPoolQueueLeft(t *testing.T) {
	backend := rawServer(t, answering(crlf(hello), nil))
	p := newPool(t, UpstreamSettings{MaxConns: 1})
	busy, err := p.get(callTo(t.Context(), backend, patience), false)
	if err != nil {
		t.Fatal(err)
	}
	busy.begin(callTo(t.Context(), backend, patience))
	if _, err := p.get(callTo(t.Context(), backend, time.Millisecond), false); err != errNoneFree {
		t.Errorf("after its time: %v", err)
	}
	gone, leave := context.WithCancelCause(t.Context())
	why := errors.New("left")
	leave(why)
	if _, err := p.get(callTo(gone, backend, patience), false); err != why {
		t.Errorf("when the client has left: %v", err)
	}
	busy.end()
	p.put(busy)
	resp, err := p.do(callTo(t.Context(), backend, patience))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

// Idle connections: not more than so many, not longer than so long, and none
// after the end.
func TestPoolIdle(t *testing.T) {
	var conns atomic.Int64
	gone := make(chan struct{}, 10)
	backend := rawServer(t, func(conn net.Conn, br *bufio.Reader) {
		conns.Add(1)
		answering(crlf(hello), nil)(conn, br)
		gone <- struct{}{}
	})
	three := func(p *pool) {
		var open []*http.Response
		for range 3 {
			resp, err := p.do(callTo(t.Context(), backend, patience))
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, resp.Body)
			open = append(open, resp)
		}
		for _, resp := range open {
			resp.Body.Close()
		}
	}
	p := newPool(t, UpstreamSettings{MaxIdle: 2})
	three(p)
	mustReceive(t, gone)
	if idle, open := idleIn(p); idle != 2 || open != 2 {
		t.Errorf("%d of %d are idle, want 2", idle, open)
	}
	p.close()
	mustReceive(t, gone)
	mustReceive(t, gone)
	three(p) // as a request under way at a reload
	for range 3 {
		mustReceive(t, gone)
	}
	p = newPool(t, UpstreamSettings{IdleTimeout: 20 * time.Millisecond})
	three(p)
	for range 3 {
		mustReceive(t, gone)
	}
	eventually(t, "nothing is left", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.hosts) == 0 && !p.armed
	})
}

// A kept connection that the upstream closes when the next request is on it:
// sent again where that does no harm, once.
func TestKeptConnectionCloses(t *testing.T) {
	for method, want := range map[string]string{"GET": "200 hello", "DELETE": "200 hello", "POST": "502", "PATCH": "502"} {
		t.Run(method, func(t *testing.T) {
			var conns atomic.Int64
			backend := rawServer(t, func(conn net.Conn, br *bufio.Reader) {
				first := conns.Add(1) == 1
				for readHead(br) != "" {
					io.WriteString(conn, crlf(hello))
					if first {
						readHead(br)
						return
					}
				}
			})
			_, h := newProxy(t, "*", backend)
			s := (&front{handler: h}).start(t)
			if got := outcome(t, s.URL, method); got != "200 hello" {
				t.Fatalf("at first: %q", got)
			}
			if got := outcome(t, s.URL, method); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			wantConns := int64(1)
			if strings.HasPrefix(want, "200") {
				wantConns = 2
			}
			if conns.Load() != wantConns {
				t.Errorf("%d connections, want %d", conns.Load(), wantConns)
			}
		})
	}
}

// A connection that is idle holds no buffers.
func TestIdleConnectionHoldsNoBuffers(t *testing.T) {
	backend := rawServer(t, answering(crlf(hello), nil))
	p, h := newProxy(t, "*", backend)
	s := (&front{handler: h}).start(t)
	outcome(t, s.URL, "GET")
	pool := p.Upstream.pool
	eventually(t, "the connection is idle", func() bool { idle, _ := idleIn(pool); return idle == 1 })
	if k := pool.hosts[backend].idle[0]; k.br != nil || k.call != nil {
		t.Error("it holds the buffer and call of its last request")
	}
}
