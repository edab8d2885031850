package tunnel

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"nhooyr.io/websocket"
)

// What a client sends without waiting for the answer to its handshake is in
// net/http's buffer by then.
func TestBytesBehindTheHandshake(t *testing.T) {
	s := serve(t, Options{})
	early := bytes.Join([][]byte{frame(final|opBinary, "early "), frame(final|opText, "bird")}, nil)
	peer := dialRaw(t, s.url, early)
	expect(t, s.target, []byte("early bird"))
	peer.send(frame(final|opBinary, " late"))
	expect(t, s.target, []byte(" late"))
}

// More of them than net/http's buffer holds.
func TestManyBytesBehindTheHandshake(t *testing.T) {
	s := serve(t, Options{})
	sent := noise(100_000)
	dialRaw(t, s.url, append(frameHeader(final|opBinary, uint64(len(sent))), sent...))
	expect(t, s.target, sent)
}

// What a server sends right behind its answer, in the same segment or record, is
// in net/http's buffer by then.
func TestBytesBehindTheAnswer(t *testing.T) {
	for _, scheme := range []string{"ws", "wss"} {
		arrived := make(chan struct{})
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			behind := append(single(opBinary, "early ").bytes(false), single(opText, "bird").bytes(false)...)
			_, _ = conn.Write(append([]byte(answer(r)), behind...))
			<-arrived
		}))
		d := new(Dialer)
		if scheme == "wss" {
			server.StartTLS()
			d.TLS = server.Client().Transport.(*http.Transport).TLSClientConfig
		} else {
			server.Start()
		}
		ws, err := d.Dial(t.Context(), scheme+"://"+server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		near, far := tcpPair(t)
		joined := make(chan struct{})
		go func() {
			defer close(joined)
			_, _ = Join(t.Context(), ws, near, Options{})
		}()
		expect(t, far, []byte("early bird"))
		close(arrived)
		_ = far.Close()
		<-joined
		server.Close()
	}
}

func TestFramesTakenAsBytes(t *testing.T) {
	tests := []struct {
		name   string
		frames [][]byte
		want   string
	}{
		{"text", [][]byte{frame(final|opText, "zażółć")}, "zażółć"},
		{"text that is no UTF-8", [][]byte{frame(final|opText, "\xff\x00\xfe")}, "\xff\x00\xfe"},
		{"text and binary mixed", [][]byte{frame(final|opText, "a"), frame(final|opBinary, "b"), frame(final|opText, "c")}, "abc"},
		{"fragments", [][]byte{frame(opBinary, "one "), frame(0, "two "), frame(final, "three")}, "one two three"},
		{"a ping between fragments", [][]byte{frame(opText, "one "), frame(final|opPing, "?"), frame(final, "two")}, "one two"},
		{"empty messages and fragments", [][]byte{frame(final|opBinary, ""), frame(opBinary, ""), frame(0, "x"), frame(final, ""), frame(final|opBinary, "y")}, "xy"},
		{"pongs that nobody asked for", [][]byte{frame(final|opPong, ""), frame(final|opBinary, "x"), frame(final|opPong, "1")}, "x"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, Options{})
			peer := dialRaw(t, s.url, nil)
			peer.send(test.frames...)
			expect(t, s.target, []byte(test.want))
		})
	}
}

// A message is passed on while it comes: one frame of an exabyte works as long
// as it lasts.
func TestEndlessFrame(t *testing.T) {
	s := serve(t, Options{})
	peer := dialRaw(t, s.url, frameHeader(final|opBinary, 1<<60))
	sent := noise(8 << 20)
	writeAll(t, peer, sent)
	expect(t, s.target, sent)
}

func TestPingIsAnswered(t *testing.T) {
	s := serve(t, Options{})
	peer := dialRaw(t, s.url, frame(final|opPing, "marco"))
	if first, payload := peer.readFrame(); first != final|opPong || string(payload) != "marco" {
		t.Errorf("frame %#x %q", first, payload)
	}
}

func TestSubprotocols(t *testing.T) {
	tests := []struct {
		name  string
		offer []string
		want  string
	}{
		{"none", nil, ""},
		{"binary", []string{"binary"}, "binary"},
		{"base64", []string{"base64"}, "base64"},
		{"both", []string{"base64", "binary"}, "binary"},
		{"another", []string{"chat"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, Options{})
			if got := dialLibrary(t, s.url, test.offer...).Subprotocol(); got != test.want {
				t.Errorf("agreed on %q, want %q", got, test.want)
			}
		})
	}
}

func TestBase64(t *testing.T) {
	s := serve(t, Options{})
	ws := dialLibrary(t, s.url, "base64")

	up := noise(3<<20 + 1)
	go func() {
		for chunk := range chunks(up, 100_001) {
			text := base64.StdEncoding.EncodeToString(chunk)
			_ = ws.Write(t.Context(), websocket.MessageText, []byte(text))
		}
	}()
	expect(t, s.target, up)

	down := noise(3<<20 + 2)
	go func() {
		_, _ = s.target.Write(down)
		_ = s.target.Close()
	}()
	var got []byte
	for {
		kind, message, err := ws.Read(t.Context())
		if err != nil {
			break
		}
		if kind != websocket.MessageText {
			t.Fatalf("a message of type %v", kind)
		}
		bytes, err := base64.StdEncoding.DecodeString(string(message))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, bytes...)
	}
	if sum(got) != sum(down) {
		t.Errorf("%d bytes came of %d", len(got), len(down))
	}
	if r := s.wait(t); r.Sent != int64(len(down)) || r.Received != int64(len(up)) {
		t.Errorf("counted %+v", r.Stats)
	}
}

// chunks yields b in pieces of n bytes.
func chunks(b []byte, n int) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(b) > 0 {
			m := min(n, len(b))
			if !yield(b[:m]) {
				return
			}
			b = b[m:]
		}
	}
}

func TestBase64Refused(t *testing.T) {
	tests := []struct {
		name    string
		kind    websocket.MessageType
		message string
		code    websocket.StatusCode
		text    string
	}{
		{"a binary frame", websocket.MessageBinary, "AAAA", websocket.StatusUnsupportedData, "the base64 subprotocol carries text only"},
		{"another alphabet", websocket.MessageText, "AA_-", websocket.StatusInvalidFramePayloadData, "a message is not base64"},
		{"cut short", websocket.MessageText, "AAA", websocket.StatusInvalidFramePayloadData, "a message is not base64"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, Options{})
			ws := dialLibrary(t, s.url, "base64")
			if err := ws.Write(t.Context(), websocket.MessageText, []byte("b2s=")); err != nil {
				t.Fatal(err)
			}
			if err := ws.Write(t.Context(), test.kind, []byte(test.message)); err != nil {
				t.Fatal(err)
			}
			_, closed := readMessages(t, ws)
			if closed.Code != test.code || closed.Reason != test.text {
				t.Errorf("closed with %v", closed)
			}
			if got, err := io.ReadAll(s.target); err != nil || string(got[:2]) != "ok" {
				t.Errorf("the target got %q, %v", got, err)
			}
			_ = s.target.Close()
			if r := s.wait(t); r.err != errText {
				t.Errorf("Join: %v", r.err)
			}
		})
	}
}
