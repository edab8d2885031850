package tunnel

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"nhooyr.io/websocket"
)

func TestMask(t *testing.T) {
	key := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	word := binary.LittleEndian.Uint32(key[:])
	for length := range 100 {
		for lag := range 40 { // how far the result stands before the source
			space := noise(lag + length)
			want := bytes.Clone(space[lag:])
			unmask(key, want)
			mask(space, space[lag:], word)
			if !bytes.Equal(space[:length], want) {
				t.Fatalf("wrong for %d bytes moved by %d", length, lag)
			}
		}
	}
	space := noise(50)
	want := bytes.Clone(space[7:])
	mask(space, space[7:], 0)
	if !bytes.Equal(space[:43], want) {
		t.Error("moved without a mask, they are others")
	}
	for n := range 9 {
		got, want := noise(n+20), noise(n+20)
		unmask(key, want)
		mask(got[:n], got[:n], word)
		mask(got[n:], got[n:], turned(word, n))
		if !bytes.Equal(got, want) {
			t.Errorf("masked in two parts, the first of %d bytes, they are others", n)
		}
	}
}

// Whatever stands in a buffer goes into frames in the same buffer.
func TestFramesInPlace(t *testing.T) {
	for _, client := range []bool{false, true} {
		c := &Conn{client: client}
		for _, n := range []int{1, 125, 126, maxPayload, maxPayload + 1, 2*maxPayload + 200, batch * maxPayload} {
			payload := noise(n)
			in := bytes.NewReader(c.frame(opBinary, append(make([]byte, headRoom), payload...)))
			var got []byte
			for in.Len() > 0 {
				f, err := readWire(in, client)
				if err != nil || f.first != final|opBinary || len(f.payload) == 0 || len(f.payload) > maxPayload {
					t.Fatalf("%d bytes: a frame %#x of %d, %v", n, f.first, len(f.payload), err)
				}
				got = append(got, f.payload...)
			}
			if !bytes.Equal(got, payload) {
				t.Errorf("%d bytes come out as others", n)
			}
		}
	}
}

// parsed is what comes of a client's frames: data in brackets, control frames by
// opcode, and the error.
func parsed(b []byte, size int) (events string, data []byte, err error) {
	var text strings.Builder
	f := frames{masked: true}
	for part := range chunks(bytes.Clone(b), size) {
		f.rest = part
		for {
			p, ok, err := f.next()
			if err != nil {
				return text.String(), data, err
			}
			if !ok {
				break
			}
			if p.op < opClose {
				data = p.appendTo(append(data, make([]byte, len(p.payload))...)[:len(data)])
				if p.end {
					fmt.Fprintf(&text, "[%d to %d]", p.op, len(data))
				}
				continue
			}
			fmt.Fprintf(&text, "(%d %q)", p.op, p.payload)
			if p.op == opClose {
				return text.String(), data, io.EOF
			}
		}
	}
	return text.String(), data, nil
}

// FuzzParse takes frames apart as they come in pieces of several sizes. What
// comes of them is always the same, and it is what a reader written from the RFC
// makes of them, and the WebSocket library.
func FuzzParse(f *testing.F) {
	for _, c := range conformanceCases {
		var sent []byte
		for _, frame := range c.frames {
			sent = append(sent, frame.bytes(true)...)
		}
		f.Add(sent, uint8(3))
	}
	f.Fuzz(func(t *testing.T, sent []byte, size uint8) {
		events, data, err := parsed(sent, len(sent)+1)
		again, dataAgain, errAgain := parsed(sent, int(size)+1)
		if events != again || !bytes.Equal(data, dataAgain) || fmt.Sprint(err) != fmt.Sprint(errAgain) {
			t.Errorf("at once %s %q %v, in pieces %s %q %v", events, data, err, again, dataAgain, errAgain)
		}
		want, cutOff := dataIn(sent)
		theirs := libraryReads(t, sent)
		for who, got := range map[string][]byte{"we": data, "the library": theirs} {
			if !bytes.HasPrefix(got, want) || len(got) > len(want)+cutOff {
				t.Errorf("%s read %q, want %q", who, got, want)
			}
		}
	})
}

// libraryReads gives the data that the WebSocket library, as a server, finds in
// a client's frames.
func libraryReads(t *testing.T, sent []byte) (data []byte) {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(rawHandshake)))
	if err != nil {
		t.Fatal(err)
	}
	ws, err := websocket.Accept(&played{header: http.Header{}, in: bytes.NewReader(sent)}, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	ws.SetReadLimit(-1)
	for {
		_, message, err := ws.Reader(t.Context())
		if err == nil {
			var more []byte
			more, err = io.ReadAll(message)
			data = append(data, more...)
		}
		if err != nil {
			return data
		}
	}
}

// played is a connection on which certain bytes come, and its ResponseWriter.
type played struct {
	net.Conn
	header http.Header
	in     io.Reader
}

func (p *played) Header() http.Header         { return p.header }
func (p *played) WriteHeader(int)             {}
func (p *played) Read(b []byte) (int, error)  { return p.in.Read(b) }
func (p *played) Write(b []byte) (int, error) { return len(b), nil }
func (p *played) Close() error                { return nil }
func (p *played) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return p, bufio.NewReadWriter(bufio.NewReader(p), bufio.NewWriter(p)), nil
}
