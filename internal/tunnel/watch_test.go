package tunnel

import (
	"bytes"
	"io"
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

// A ping due while a message is being written must not come in the middle of it.
func TestPingsBetweenMessages(t *testing.T) {
	near, far := tcpPair(t)
	defer far.Close()
	l := newLink(near, near, []byte("P"))
	defer l.abort(nil)
	l.ping()
	l.hold()
	_, _ = l.Write([]byte("[data"))
	l.ping()
	_, _ = l.Write([]byte(" more]"))
	if err := l.flush(); err != nil {
		t.Fatal(err)
	}
	l.ping()
	expect(t, far, []byte("P[data more]PP"))
}

func TestLiveness(t *testing.T) {
	near, far := tcpPair(t)
	defer near.Close()
	defer far.Close()
	waiting := func(l *link) { l.reading.Store(true) }
	tests := []struct {
		name  string
		state func(l *link) // before each ping
		dead  bool
	}{
		{"silent", waiting, true},
		{"sends something, if not pongs", func(l *link) { waiting(l); l.received.Add(1) }, false},
		{"our target does not read", func(l *link) { l.reading.Store(false) }, false},
		{"it does not read", func(l *link) { waiting(l); l.flushing = true }, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l := newLink(near, near, nil)
			var life liveness
			for range missedPings {
				test.state(l)
				if life.dead(l) {
					t.Fatal("dead too early")
				}
			}
			test.state(l)
			if got := life.dead(l); got != test.dead {
				t.Errorf("dead is %v after three pings", got)
			}
		})
	}
}

// Control frames are written though the peer does not read, as the library gives
// up on a connection where one takes 5 seconds, and everything comes out once
// it does.
func TestControlFramesDoNotWait(t *testing.T) {
	near, far := tcpPair(t)
	defer far.Close()
	l := newLink(near, near, nil)
	defer l.abort(nil)
	data := noise(16 << 20)
	sent := make(chan error, 1)
	go func() {
		for chunk := range chunks(data, frameSize) {
			l.hold()
			_, _ = l.Write(chunk)
			if err := l.flush(); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	control := bytes.Repeat([]byte{0}, 100)
	for range 1000 {
		if _, err := l.Write(control); err != nil {
			t.Fatal(err)
		}
	}
	got := make([]byte, len(data)+1000*len(control))
	if n, err := io.ReadFull(far, got); err != nil {
		t.Fatalf("after %d of %d bytes: %v", n, len(got), err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
}
