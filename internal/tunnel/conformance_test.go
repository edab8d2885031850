package tunnel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// outcome is what a peer that keeps or breaks the protocol comes to see, and
// what becomes of the tunnel.
type outcome struct {
	target []byte   // what reached the TCP connection
	frames []string // what we sent, to the first Close frame
	after  []string // and what we sent behind that, which must be nothing
	ended  string   // how Join ended: "", "protocol", "lost" or "closed"
}

// String is the form in which the table has it, such as
//
//	"Hello" pong "1" close 1000
func (o outcome) String() string {
	words := append([]string{fmt.Sprintf("%q", o.target)}, o.frames...)
	if n := len(o.frames); n == 0 || !strings.HasPrefix(o.frames[n-1], "close ") {
		words = append(words, "no close")
	}
	return strings.TrimSpace(strings.Join(words, " ") + " " + o.ended)
}

// howEnded names what Join returned.
func howEnded(t *testing.T, err error) string {
	t.Helper()
	_, closed := errors.AsType[*CloseError](err)
	switch {
	case err == nil:
		return ""
	case closed:
		return "closed"
	case errors.Is(err, errProtocol):
		return "protocol"
	case strings.HasPrefix(err.Error(), "the WebSocket connection was lost: "):
		return "lost"
	}
	t.Errorf("Join: %v", err)
	return "otherwise"
}

// play sends what the peer of a case sends and gives what comes of it.
func (c *conformanceCase) play(t *testing.T, side testedSide, write func(io.Writer, []byte)) outcome {
	t.Helper()
	e := side.start(t, Options{})
	var sent []byte
	for _, f := range c.frames {
		sent = append(sent, f.bytes(side.peerClient)...)
	}
	if !c.cut {
		sent = append(sent, closeFrame(1000, "").bytes(side.peerClient)...)
	}

	var got outcome
	var writing, reading sync.WaitGroup
	closed := make(chan struct{}) // by the first Close frame, or whatever ends instead
	writing.Go(func() {
		write(e.peer, sent)
		if !c.cut {
			<-closed
		}
		closeWrite(e.peer.Conn)
	})
	reading.Go(func() {
		var err error
		if got.target, err = io.ReadAll(e.target); err != nil {
			t.Errorf("the TCP connection: %v", err)
		}
		_ = e.target.Close()
	})
	got.frames = readFrames(t, e.peer.in, !side.peerClient)
	close(closed)
	got.after = readFrames(t, e.peer.in, !side.peerClient)
	writing.Wait()
	_ = e.peer.Close()
	reading.Wait()
	got.ended = howEnded(t, e.wait(t).err)
	return got
}

// readFrames reads what the end under test sends, up to a Close frame or the
// end of the connection.
func readFrames(t *testing.T, r io.Reader, fromClient bool) (frames []string) {
	t.Helper()
	for {
		f, err := readWire(r, fromClient)
		if err == io.EOF {
			return frames
		}
		if err != nil {
			t.Errorf("what we get: %v", err)
			return frames
		}
		switch {
		case f.first == final|opPong:
			frames = append(frames, fmt.Sprintf("pong %q", f.payload))
		case f.first == final|opClose && len(f.payload) == 0:
			return append(frames, "close empty")
		case f.first == final|opClose && len(f.payload) >= 2:
			return append(frames, fmt.Sprintf("close %d", binary.BigEndian.Uint16(f.payload)))
		default:
			t.Errorf("a frame %#x %q", f.first, f.payload)
		}
	}
}

// TestConformance plays every case of the table against both sides, sent in
// one piece and octet by octet.
func TestConformance(t *testing.T) {
	t.Parallel()
	for _, side := range testedSides {
		for _, c := range conformanceCases {
			t.Run(side.name+"/"+c.number+" "+c.name, func(t *testing.T) {
				t.Parallel()
				c.check(t, side, "in one piece", inOnePiece)
				c.check(t, side, "octet by octet", byOctets)
			})
		}
	}
}

func (c *conformanceCase) check(t *testing.T, side testedSide, how string, write func(io.Writer, []byte)) {
	t.Helper()
	want := c.expected(side.name)
	got := c.play(t, side, write)
	if got.String() != want {
		t.Errorf("%s:\ngot  %s\nwant %s", how, got, want)
	}
	if len(got.after) > 0 {
		t.Errorf("%s: behind our Close frame came %q", how, got.after)
	}
}

// The end under test may have closed before everything is sent, so errors
// mean nothing to these two.
func inOnePiece(w io.Writer, b []byte) { _, _ = w.Write(b) }

func byOctets(w io.Writer, b []byte) {
	for i := range b {
		if _, err := w.Write(b[i : i+1]); err != nil {
			return
		}
	}
}

// TestDeviationsAreDocumented holds that the page for users names each case of
// the table in which something else comes than should.
func TestDeviationsAreDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "websocket.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range conformanceCases {
		if c.server == "" && c.client == "" {
			continue
		}
		if row := fmt.Sprintf("| %s %s |", c.number, c.name); !strings.Contains(string(page), row) {
			t.Errorf("docs/websocket.md has no row %q", row)
		}
	}
}
