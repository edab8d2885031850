package tunnel

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// More first bytes of frames.
const (
	rsv1 = 0x40
	rsv2 = 0x20
	rsv3 = 0x10
)

// wire is a frame as a peer may send it, right or wrong.
type wire struct {
	first       byte // FIN, the reserved bits and the opcode
	payload     string
	lengthBytes int    // of the length behind the second byte: 0 for as few as do, 2 or 8
	claim       uint64 // the length that the header gives, when it is not the payload's
	wrongMask   bool   // masked by a server, or not masked by a client
	cut         int    // so many bytes of the frame are sent and no more; 0 is all
}

// single is a frame that is a message of its own.
func single(opcode byte, payload string) wire { return wire{first: final | opcode, payload: payload} }

// part is a frame that another is to follow.
func part(opcode byte, payload string) wire { return wire{first: opcode, payload: payload} }

// closeFrame is a Close frame.
func closeFrame(code uint16, reason string) wire {
	return single(opClose, string(binary.BigEndian.AppendUint16(nil, code))+reason)
}

// bytes gives the frame as it is sent by a client, which masks, or a server.
func (f wire) bytes(client bool) []byte {
	length := uint64(len(f.payload))
	if f.claim != 0 {
		length = f.claim
	}
	size := f.lengthBytes
	if size == 0 {
		size = minimal(length)
	}
	b := []byte{f.first}
	switch size {
	case 0:
		b = append(b, byte(length))
	case 2:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(length))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), length)
	}
	payload := []byte(f.payload)
	if client != f.wrongMask {
		key := [4]byte{0x37, 0xfa, 0x21, 0x3d}
		b[1] |= 0x80
		b = append(b, key[:]...)
		unmask(key, payload)
	}
	b = append(b, payload...)
	if f.cut > 0 {
		b = b[:f.cut]
	}
	return b
}

// minimal is how many bytes a length takes behind a frame's second byte (RFC
// 6455, 5.2).
func minimal(length uint64) int {
	switch {
	case length <= 125:
		return 0
	case length <= 0xffff:
		return 2
	default:
		return 8
	}
}

func unmask(key [4]byte, p []byte) {
	for i := range p {
		p[i] ^= key[i%4]
	}
}

// received is a frame that came from the end under test.
type received struct {
	first   byte
	key     [4]byte // of a client's frame
	payload []byte
}

// readWire reads one frame and refuses one that breaks a rule for senders:
// reserved bits, a length in more bytes than it needs, a control frame that is
// long or in parts, and a mask where there must be none or none where there
// must be one. The error is io.EOF between two frames only.
func readWire(r io.Reader, fromClient bool) (f received, err error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return f, err
	}
	length, size := uint64(head[1]&0x7f), 0
	switch length {
	case 126:
		size = 2
	case 127:
		size = 8
	}
	if size > 0 {
		var extended [8]byte
		if _, err := io.ReadFull(r, extended[8-size:]); err != nil {
			return f, cutOff(err)
		}
		length = binary.BigEndian.Uint64(extended[:])
	}
	f.first = head[0]
	masked, control := head[1]&0x80 != 0, f.first&0x08 != 0
	switch {
	case f.first&(rsv1|rsv2|rsv3) != 0:
		return f, fmt.Errorf("a frame has reserved bits set: %#x", f.first)
	case minimal(length) != size:
		return f, fmt.Errorf("a frame gives its length %d in %d bytes", length, size)
	case control && (length > 125 || f.first&final == 0):
		return f, fmt.Errorf("a control frame %#x of %d bytes", f.first, length)
	case masked != fromClient:
		return f, fmt.Errorf("a frame is masked: %v", masked)
	}
	if masked {
		if _, err := io.ReadFull(r, f.key[:]); err != nil {
			return f, cutOff(err)
		}
	}
	f.payload = make([]byte, length)
	if _, err := io.ReadFull(r, f.payload); err != nil {
		return f, cutOff(err)
	}
	unmask(f.key, f.payload)
	return f, nil
}

// cutOff is the error of an end in the middle of a frame.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// tested is a tunnel's end under test between a peer that we play and the TCP
// connection that it serves.
type tested struct {
	peer   *raw
	target net.Conn
	wait   func(testing.TB) result
}

// testedSide is one of the two ends.
type testedSide struct {
	name       string
	peerClient bool // our part: the peer is the client, and masks
	start      func(*testing.T, Options) *tested
}

var testedSides = []testedSide{
	{"server", true, startTestedServer},
	{"client", false, startTestedClient},
}

func startTestedServer(t *testing.T, opts Options) *tested {
	t.Helper()
	s := serve(t, opts)
	e := &tested{dialRaw(t, s.url, nil), s.target, s.wait}
	e.limit(t)
	return e
}

// startTestedClient makes a tunnel with Dial, to a server that we play.
func startTestedClient(t *testing.T, opts Options) *tested {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, far := tcpPair(t)
	ended := make(chan result, 1)
	go func() {
		defer close(ended)
		ws, err := new(Dialer).Dial(t.Context(), "ws://"+l.Addr().String())
		if err != nil {
			_ = near.Close()
			t.Errorf("Dial: %v", err)
			return
		}
		stats, err := Join(t.Context(), ws, near, opts)
		ended <- result{stats, err}
	}()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = conn.Close(), far.Close()
		for range ended {
		}
	})
	e := &tested{
		peer:   &raw{conn, bufio.NewReader(conn), t},
		target: far,
		wait:   (&served{ended: ended}).wait,
	}
	e.limit(t)
	e.peer.answerHandshake()
	return e
}

// answerHandshake is the server's part of RFC 6455, 4.2.2.
func (r *raw) answerHandshake() {
	r.t.Helper()
	request, err := http.ReadRequest(r.in)
	if err != nil {
		r.t.Fatal(err)
	}
	r.send([]byte(answer(request)))
}

// answer is what a server says to switch protocols.
func answer(request *http.Request) string {
	const magic = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	sum := sha1.Sum([]byte(request.Header.Get("Sec-WebSocket-Key") + magic))
	return strings.Join([]string{
		"HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
		"Sec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(sum[:]), "", "",
	}, "\r\n")
}

// limit makes a test that would hang fail.
func (e *tested) limit(t *testing.T) {
	t.Helper()
	for _, conn := range []net.Conn{e.peer, e.target} {
		if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
}
