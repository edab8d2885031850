package tunnel

import (
	"testing"
	"time"
)

func TestDeadPeer(t *testing.T) {
	s := serve(t, Options{Ping: 10 * time.Millisecond})
	peer := dialRaw(t, s.url, nil)
	for range missedPings {
		if first, payload := peer.readFrame(); first != final|opPing || len(payload) != 0 {
			t.Fatalf("frame %#x %q, want a ping", first, payload)
		}
	}
	expectEOF(t, s.target)
	_ = s.target.Close()
	if r := s.wait(t); r.err != errDead || r.Reason != "the WebSocket peer answered none of three pings" {
		t.Errorf("%+v", r)
	}
}

// While the target does not read, neither do we, and the client's pongs wait
// behind its data. It must outlive any number of pings.
func TestSlowTargetIsNoDeadPeer(t *testing.T) {
	s := serve(t, Options{Ping: 50 * time.Millisecond})
	sent := noise(32 << 20) // more than the sockets between us hold
	peer := dialRaw(t, s.url, nil)
	writeAll(t, peer, append(frameHeader(final|opBinary, uint64(len(sent))), sent...))
	for range 3 * missedPings {
		if first, _ := peer.readFrame(); first != final|opPing {
			t.Fatalf("frame %#x, want a ping", first)
		}
	}
	expect(t, s.target, sent)
}

func TestLiveness(t *testing.T) {
	near, far := tcpPair(t)
	defer near.Close()
	defer far.Close()
	waiting := func(c *Conn) { c.waiting.Store(true) }
	tests := []struct {
		name  string
		state func(*Conn) // before each ping
		dead  bool
	}{
		{"silent", waiting, true},
		{"sends something, if not pongs", func(c *Conn) { waiting(c); c.received.Add(1) }, false},
		{"our target does not read", func(c *Conn) { c.waiting.Store(false) }, false},
		{"it does not read", func(c *Conn) { waiting(c); c.writing = true }, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := newConn(near, nil, false, "")
			var life liveness
			for range missedPings {
				test.state(c)
				if life.dead(c) != nil {
					t.Fatal("dead too early")
				}
			}
			test.state(c)
			if got := life.dead(c) != nil; got != test.dead {
				t.Errorf("dead is %v after three pings", got)
			}
		})
	}
}
