package tunnel

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"nhooyr.io/websocket"
)

func closeErrorOf(err error) websocket.CloseError {
	closed, _ := errors.AsType[websocket.CloseError](err)
	return closed
}

// dialOurs makes a client's end of a tunnel with Dialer and Join, and gives the
// local connection and what the tunnel comes to.
func dialOurs(t testing.TB, url string) (local net.Conn, ended <-chan result) {
	t.Helper()
	ws, err := new(Dialer).Dial(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	near, far := tcpPair(t)
	done := make(chan result, 1)
	ctx, cancel := context.WithCancel(context.Background())
	joined := make(chan struct{})
	go func() {
		defer close(joined)
		stats, err := Join(ctx, ws, near, Options{Ping: time.Second})
		if _, benchmark := t.(*testing.B); !benchmark {
			t.Logf("the client's end of the tunnel: %q, error %v", stats.Reason, err)
		}
		done <- result{stats, err}
	}()
	t.Cleanup(func() {
		cancel()
		_ = far.Close()
		<-joined
	})
	return far, done
}

func TestBothWaysAtOnce(t *testing.T) {
	s := serve(t, Options{Ping: time.Second})
	local, ended := dialOurs(t, s.url)
	up, down := noise(24<<20), noise(20<<20+7)
	writeAll(t, local, up)
	writeAll(t, s.target, down)
	both := make(chan struct{})
	go func() {
		defer close(both)
		expect(t, s.target, up)
	}()
	expect(t, local, down)
	<-both

	_ = s.target.(*net.TCPConn).CloseWrite()
	expectEOF(t, local)
	_ = local.Close()
	server, client := s.wait(t), <-ended
	if server.err != nil || server.Received != int64(len(up)) || server.Sent != int64(len(down)) {
		t.Errorf("the server's end: %+v", server)
	}
	if client.err != nil || client.Sent != int64(len(up)) || client.Received != int64(len(down)) {
		t.Errorf("the client's end: %+v", client)
	}
	if server.Reason != "the connection was closed" || client.Reason != "the WebSocket peer closed" {
		t.Errorf("the reasons are %q and %q", server.Reason, client.Reason)
	}
}

func TestManySmallWrites(t *testing.T) {
	s := serve(t, Options{})
	local, _ := dialOurs(t, s.url)
	for i := range 300 {
		message := noise(i + 1)
		writeAll(t, local, message)
		expect(t, s.target, message)
		writeAll(t, s.target, message)
		expect(t, local, message)
	}
}

func TestTargetSendsAndCloses(t *testing.T) {
	s := serve(t, Options{})
	ws := dialLibrary(t, s.url)
	sent := noise(10 << 20)
	go func() {
		_, _ = s.target.Write(sent)
		_ = s.target.Close()
	}()
	got, closed := readMessages(t, ws)
	if sum(got) != sum(sent) {
		t.Errorf("%d bytes came of %d", len(got), len(sent))
	}
	if closed.Code != websocket.StatusNormalClosure || closed.Reason != "the connection was closed" {
		t.Errorf("closed with %v", closed)
	}
	if r := s.wait(t); r.err != nil || r.Sent != int64(len(sent)) {
		t.Errorf("%+v", r)
	}
}

// closing tells when a tunnel has begun to close its connection.
type closing struct {
	*net.TCPConn
	once  sync.Once
	begun chan struct{}
}

func (c *closing) CloseWrite() error {
	defer c.once.Do(func() { close(c.begun) })
	return c.TCPConn.CloseWrite()
}

func (c *closing) Close() error {
	defer c.once.Do(func() { close(c.begun) })
	return c.TCPConn.Close()
}

// The target has talked, to a client that is gone, and reads only now: what the
// client sent must not be lost to the reset that unread bytes cause.
func TestClientSendsAndCloses(t *testing.T) {
	near, target := tcpPair(t)
	conn := &closing{TCPConn: near.(*net.TCPConn), begun: make(chan struct{})}
	s := serveConn(t, conn, Options{})
	ws := dialLibrary(t, s.url)
	sent := noise(1 << 20)
	if err := ws.Write(t.Context(), websocket.MessageBinary, sent); err != nil {
		t.Fatal(err)
	}
	if _, err := target.Write(noise(100)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ws.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	go func() { _ = ws.Close(websocket.StatusNormalClosure, "") }()
	<-conn.begun
	if _, err := target.Write(noise(100)); err != nil {
		t.Fatal(err)
	}
	expect(t, target, sent)
	expectEOF(t, target)
	_ = target.Close()
	if r := s.wait(t); r.err != nil || r.Received != int64(len(sent)) || r.Reason != "the WebSocket peer closed" {
		t.Errorf("%+v", r)
	}
}

func TestClientSendsMuchAndCloses(t *testing.T) {
	s := serve(t, Options{})
	ws := dialLibrary(t, s.url)
	sent := noise(10 << 20)
	go func() {
		_ = ws.Write(context.Background(), websocket.MessageBinary, sent)
		_ = ws.Close(websocket.StatusNormalClosure, "")
	}()
	expect(t, s.target, sent)
	expectEOF(t, s.target)
	_ = s.target.Close()
	if r := s.wait(t); r.err != nil || r.Received != int64(len(sent)) {
		t.Errorf("%+v", r)
	}
}

// deaf is a connection whose other end has said goodbye and closed: writing
// fails, and only then is the goodbye read.
type deaf struct {
	net.Conn
	tried chan struct{}
	once  sync.Once
	said  io.Reader
}

func (d *deaf) Write([]byte) (int, error) {
	d.once.Do(func() { close(d.tried) })
	return 0, syscall.EPIPE
}

func (d *deaf) Read(p []byte) (int, error) {
	<-d.tried
	return d.said.Read(p)
}

func (d *deaf) CloseWrite() error { return syscall.ENOTCONN }

func TestLastWordsOfADeafTarget(t *testing.T) {
	near, far := tcpPair(t)
	defer far.Close()
	said := noise(300_000)
	s := serveConn(t, &deaf{Conn: near, tried: make(chan struct{}), said: bytes.NewReader(said)}, Options{})
	ws := dialLibrary(t, s.url)
	if err := ws.Write(t.Context(), websocket.MessageBinary, []byte("anybody there?")); err != nil {
		t.Fatal(err)
	}
	got, closed := readMessages(t, ws)
	if sum(got) != sum(said) || closed.Code != websocket.StatusNormalClosure {
		t.Errorf("%d bytes of %d, closed with %v", len(got), len(said), closed)
	}
}

func TestEndings(t *testing.T) {
	tests := []struct {
		name   string
		opts   Options
		end    func(t *testing.T, s *served)
		code   websocket.StatusCode
		text   string // what the peer reads
		reason string // what the log reads
		err    string
	}{
		{
			name: "the connection is reset",
			end: func(t *testing.T, s *served) {
				_ = s.target.(*net.TCPConn).SetLinger(0)
				_ = s.target.Close()
			},
			code: websocket.StatusInternalError, text: "the connection was reset", reason: "the connection was reset",
			err: "the connection was reset: read tcp A->B: read: connection reset by peer",
		},
		{
			name: "somebody stops it",
			end:  func(t *testing.T, s *served) { s.stop(errors.New("the server is shutting down")) },
			code: websocket.StatusGoingAway, text: "the server is shutting down", reason: "the server is shutting down",
		},
		{
			name: "the text for the peer is cut to fit",
			end:  func(t *testing.T, s *served) { s.stop(errors.New(strings.Repeat("é", 100))) },
			code: websocket.StatusGoingAway, text: strings.Repeat("é", 61), reason: strings.Repeat("é", 100),
		},
		{
			name: "nothing goes through",
			opts: Options{IdleTimeout: 20 * time.Millisecond},
			code: websocket.StatusPolicyViolation, text: "idle for 20ms", reason: "idle for 20ms",
		},
		{
			name: "it gets too old",
			opts: Options{MaxLifetime: 10 * time.Millisecond},
			code: websocket.StatusNormalClosure, text: "open for 10ms, the longest allowed", reason: "open for 10ms, the longest allowed",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, test.opts)
			ws := dialLibrary(t, s.url)
			if test.end != nil {
				test.end(t, s)
			}
			_, closed := readMessages(t, ws)
			if closed.Code != test.code || closed.Reason != test.text {
				t.Errorf("the peer was told %v", closed)
			}
			_ = s.target.Close()
			r := s.wait(t)
			if r.Reason != test.reason {
				t.Errorf("the reason is %q", r.Reason)
			}
			if got := withoutAddresses(r.err); got != test.err {
				t.Errorf("the error is %q, want %q", got, test.err)
			}
		})
	}
}

// withoutAddresses is the text of err with a TCP connection's changing ends
// replaced.
func withoutAddresses(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	if op, ok := errors.AsType[*net.OpError](err); ok {
		text = strings.NewReplacer(op.Source.String(), "A", op.Addr.String(), "B").Replace(text)
	}
	return text
}

func TestPeersEndings(t *testing.T) {
	tests := []struct {
		name   string
		frames []byte
		reason string
		err    string
		answer string // what comes back, frames of a close code and text
	}{
		{
			name:   "a normal close",
			frames: frame(final|opClose, "\x03\xe8"),
			reason: "the WebSocket peer closed", answer: "\x03\xe8",
		},
		{
			name:   "a close without a code",
			frames: frame(final|opClose, ""),
			reason: "the WebSocket peer closed", answer: "",
		},
		{
			name:   "a close with another code",
			frames: frame(final|opClose, "\x03\xe9bye\x07"),
			reason: `the WebSocket peer closed with code 1001: "bye\a"`,
			err:    `the WebSocket peer closed with code 1001: "bye\a"`, answer: "\x03\xe9bye\x07",
		},
		{
			name:   "a frame without a mask",
			frames: []byte{final | opBinary, 1, 'x'},
			reason: "protocol error",
			err:    "the WebSocket peer broke the protocol: a frame from a client is not masked", answer: "\x03\xeaprotocol error",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, Options{})
			peer := dialRaw(t, s.url, frame(final|opBinary, "before"))
			peer.send(test.frames)
			if first, payload := peer.readFrame(); first != final|opClose || string(payload) != test.answer {
				t.Errorf("answered with frame %#x %q", first, payload)
			}
			_ = peer.Close()
			expect(t, s.target, []byte("before"))
			expectEOF(t, s.target)
			_ = s.target.Close()
			r := s.wait(t)
			text := ""
			if r.err != nil {
				text = r.err.Error()
			}
			if r.Reason != test.reason || text != test.err {
				t.Errorf("reason %q, error %q", r.Reason, text)
			}
		})
	}
}

func TestPeerVanishes(t *testing.T) {
	s := serve(t, Options{})
	peer := dialRaw(t, s.url, frame(final|opBinary, "before"))
	expect(t, s.target, []byte("before"))
	_ = peer.Close()
	expectEOF(t, s.target)
	_ = s.target.Close()
	const want = "the WebSocket connection was lost: it ended without a close frame"
	if r := s.wait(t); r.err == nil || r.err.Error() != want || r.Reason != want {
		t.Errorf("%+v", r)
	}
}

func TestDialerToldToStop(t *testing.T) {
	s := serve(t, Options{})
	ws, err := new(Dialer).Dial(t.Context(), s.url)
	if err != nil {
		t.Fatal(err)
	}
	near, far := tcpPair(t)
	ctx, stop := context.WithCancelCause(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := Join(ctx, ws, near, Options{})
		done <- err
	}()
	stop(errors.New("the client was stopped"))
	expectEOF(t, far)
	_ = far.Close()
	expectEOF(t, s.target)
	_ = s.target.Close()
	if err := <-done; err != nil {
		t.Errorf("Join: %v", err)
	}
	closed, ok := errors.AsType[*CloseError](s.wait(t).err)
	if !ok || *closed != (CloseError{1001, "the client was stopped"}) {
		t.Errorf("the server saw %v", closed)
	}
}
