package tunnel

import (
	"encoding/binary"
	"fmt"
	"io"
	"testing"
	"time"
)

// TestMessagesOfEverySize sends messages whose lengths take each of the three
// forms, whole and in parts (cases 1.1.3 to 1.2.8 and 9.1 to 9.4 of the
// Autobahn suite), and has them back from an echo.
func TestMessagesOfEverySize(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ message, part int }{
		{125, 125}, {126, 126}, {127, 127}, {128, 128}, {65535, 65535}, {65536, 65536}, {65536, 997},
		{1 << 20, 1 << 20}, {1 << 20, 64}, {1 << 20, 65536}, {16 << 20, 16 << 20},
	} {
		for _, side := range testedSides {
			t.Run(fmt.Sprintf("%s/%d in parts of %d", side.name, test.message, test.part), func(t *testing.T) {
				t.Parallel()
				e := side.start(t, Options{})
				go func() { _, _ = io.Copy(e.target, e.target) }() // until e.target is closed
				sent := noise(test.message)
				writeAll(t, e.peer, inParts(sent, test.part, side.peerClient))
				if got := e.readData(t, len(sent), !side.peerClient); sum(got) != sum(sent) {
					t.Errorf("%d bytes came, but others than were sent", len(got))
				}
			})
		}
	}
}

// inParts gives a binary message as frames of n bytes each.
func inParts(message []byte, n int, client bool) (frames []byte) {
	first := byte(opBinary)
	for p := range chunks(message, n) {
		frames = append(frames, part(first, string(p)).bytes(client)...)
		first = opContinuation
	}
	return append(frames, single(first, "").bytes(client)...)
}

// readData reads binary frames until n bytes have come.
func (e *tested) readData(t *testing.T, n int, fromClient bool) (data []byte) {
	t.Helper()
	for len(data) < n {
		f, err := readWire(e.peer.in, fromClient)
		if err != nil {
			t.Fatalf("behind %d of %d bytes: %v", len(data), n, err)
		}
		if f.first != final|opBinary {
			t.Fatalf("a frame %#x, want whole binary messages", f.first)
		}
		data = append(data, f.payload...)
	}
	return data
}

// What we send has the form that senders must keep to, which readWire checks,
// and a client's mask is another one for each frame (RFC 6455, 5.3).
func TestWhatWeSend(t *testing.T) {
	t.Parallel()
	for _, side := range testedSides {
		t.Run(side.name, func(t *testing.T) {
			t.Parallel()
			e := side.start(t, Options{})
			keys := make(map[[4]byte]bool)
			lengths := []int{1, 125, 126, 127, 4096, 65535}
			for _, n := range lengths {
				e.target.Write(noise(n))
				for n > 0 {
					f, err := readWire(e.peer.in, !side.peerClient)
					if err != nil {
						t.Fatal(err)
					}
					if f.first != final|opBinary || len(f.payload) == 0 || len(f.payload) > frameSize {
						t.Errorf("a frame %#x of %d bytes", f.first, len(f.payload))
					}
					n -= len(f.payload)
					keys[f.key] = true
				}
			}
			if !side.peerClient && len(keys) < len(lengths) {
				t.Errorf("%d masks for at least %d frames", len(keys), len(lengths))
			}
		})
	}
}

func TestOurPings(t *testing.T) {
	t.Parallel()
	for _, side := range testedSides {
		t.Run(side.name, func(t *testing.T) {
			t.Parallel()
			e := side.start(t, Options{Ping: 10 * time.Millisecond})
			for range 5 { // more than may go unanswered
				f, err := readWire(e.peer.in, !side.peerClient)
				if err != nil {
					t.Fatal(err)
				}
				if f.first != final|opPing {
					t.Fatalf("a frame %#x, want a ping", f.first)
				}
				e.peer.send(single(opPong, string(f.payload)).bytes(side.peerClient))
			}
		})
	}
}

// The TCP connection ends, so we are the first to say Close; the peer's answer
// ends the WebSocket, whatever it says and whatever stands before it.
func TestWeClose(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		answer []wire
		late   string // data in the answer
	}{
		{"the same code", []wire{closeFrame(1000, "")}, ""},
		{"another code", []wire{closeFrame(1001, "bye")}, ""},
		{"no code", []wire{single(opClose, "")}, ""},
		{"data first", []wire{single(opBinary, "late"), part(opBinary, "later"), closeFrame(1000, "")}, "latelater"},
		{"a ping first", []wire{single(opPing, "?"), closeFrame(1000, "")}, ""},
		{"a pong first", []wire{single(opPong, "!"), closeFrame(1000, "")}, ""},
		{"a breach", []wire{single(opText|rsv1, "")}, ""},
		{"no answer, but the end", nil, ""},
		{"half an answer", []wire{{first: final | opClose, payload: "\x03\xe8", cut: 3}}, ""},
	}
	for _, test := range tests {
		for _, side := range testedSides {
			t.Run(side.name+"/"+test.name, func(t *testing.T) {
				t.Parallel()
				e := side.start(t, Options{})
				if _, err := e.target.Write([]byte("last words")); err != nil {
					t.Fatal(err)
				}
				closeWrite(e.target)
				e.readData(t, len("last words"), !side.peerClient)
				f, err := readWire(e.peer.in, !side.peerClient)
				if err != nil || f.first != final|opClose || len(f.payload) < 2 || binary.BigEndian.Uint16(f.payload) != 1000 {
					t.Fatalf("frame %#x %q, error %v; want Close 1000", f.first, f.payload, err)
				}
				for _, f := range test.answer {
					e.peer.send(f.bytes(side.peerClient))
				}
				closeWrite(e.peer.Conn)
				if more := readFrames(t, e.peer.in, !side.peerClient); len(more) > 0 {
					t.Errorf("behind our Close frame came %q", more)
				}
				_ = e.peer.Close()
				// RFC 6455, 5.5.1: who has sent Close need not process what comes
				// then, but it may be of use.
				if rest, err := io.ReadAll(e.target); err != nil || string(rest) != test.late {
					t.Errorf("the TCP connection got %q, %v", rest, err)
				}
				_ = e.target.Close()
				if r := e.wait(t); r.err != nil || r.Sent != int64(len("last words")) {
					t.Errorf("Join: %+v, %v", r.Stats, r.err)
				}
			})
		}
	}
}

// Both say Close at the same time.
func TestClosesCross(t *testing.T) {
	t.Parallel()
	for _, side := range testedSides {
		t.Run(side.name, func(t *testing.T) {
			t.Parallel()
			e := side.start(t, Options{})
			closeWrite(e.target)
			e.peer.send(closeFrame(1000, "").bytes(side.peerClient))
			closes := readFrames(t, e.peer.in, !side.peerClient)
			closes = append(closes, readFrames(t, e.peer.in, !side.peerClient)...)
			if len(closes) != 1 || closes[0] != "close 1000" {
				t.Errorf("we sent %q, want one Close frame", closes)
			}
			_ = e.peer.Close()
			_ = e.target.Close()
			if r := e.wait(t); r.err != nil {
				t.Errorf("Join: %v", r.err)
			}
		})
	}
}
