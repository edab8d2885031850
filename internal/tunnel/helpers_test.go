package tunnel

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"nhooyr.io/websocket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// result is what Join returned.
type result struct {
	Stats
	err error
}

// wrapped hides everything of a ResponseWriter but Unwrap, as a middleware's
// wrapper does.
type wrapped struct{ http.ResponseWriter }

func (w wrapped) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// served is the server's end of one tunnel.
type served struct {
	url    string
	target net.Conn      // the target's end of the TCP connection
	ended  <-chan result // what the tunnel came to
	stop   context.CancelCauseFunc
}

// serve offers one tunnel to a TCP connection.
func serve(t testing.TB, opts Options) *served {
	t.Helper()
	near, far := tcpPair(t)
	s := serveConn(t, near, opts)
	s.target = far
	t.Cleanup(func() { _ = far.Close() })
	return s
}

// serveConn offers one tunnel to near.
func serveConn(t testing.TB, near net.Conn, opts Options) *served {
	t.Helper()
	ctx, stop := context.WithCancelCause(context.Background())
	ended := make(chan result, 1)
	var handlers sync.WaitGroup // the server does not wait for hijacked connections
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := CheckHandshake(r); err != nil {
			http.Error(w, err.Error(), err.(*HandshakeError).Status)
			return
		}
		handlers.Add(1)
		defer handlers.Done()
		ws, err := Accept(wrapped{w}, r)
		if err != nil {
			t.Errorf("Accept: %v", err)
			return
		}
		stats, err := Join(ctx, ws, near, opts)
		if _, benchmark := t.(*testing.B); !benchmark {
			t.Logf("the server's end of the tunnel: %q, error %v", stats.Reason, err)
		}
		ended <- result{stats, err}
	}))
	t.Cleanup(func() {
		stop(nil)
		_ = near.Close()
		server.Close()
		handlers.Wait()
	})
	return &served{url: server.URL, ended: ended, stop: stop}
}

// wait gives what the tunnel came to.
func (s *served) wait(t testing.TB) result {
	t.Helper()
	select {
	case r := <-s.ended:
		return r
	case <-time.After(time.Minute):
		t.Fatal("the tunnel does not end")
		return result{}
	}
}

// tcpPair gives the two ends of a TCP connection.
func tcpPair(t testing.TB) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if near, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return near, far
}

// dialLibrary is a client that is not ours.
func dialLibrary(t *testing.T, url string, subprotocols ...string) *websocket.Conn {
	t.Helper()
	ws, _, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{Subprotocols: subprotocols})
	if err != nil {
		t.Fatal(err)
	}
	ws.SetReadLimit(-1)
	t.Cleanup(func() { _ = ws.CloseNow() })
	return ws
}

const rawHandshake = "GET / HTTP/1.1\r\nHost: test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"

// raw is a client that sends what it is told to, valid or not.
type raw struct {
	net.Conn
	in *bufio.Reader
	t  testing.TB
}

// dialRaw sends the handshake with behind right after it.
func dialRaw(t testing.TB, url string, behind []byte) *raw {
	t.Helper()
	conn, err := net.Dial("tcp", url[len("http://"):])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	r := &raw{conn, bufio.NewReader(conn), t}
	r.send([]byte(rawHandshake), behind)
	resp, err := http.ReadResponse(r.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("the handshake was answered with %s", resp.Status)
	}
	return r
}

func (r *raw) send(pieces ...[]byte) {
	r.t.Helper()
	if _, err := r.Write(bytes.Join(pieces, nil)); err != nil {
		r.t.Fatal(err)
	}
}

// readFrame gives the next frame's first byte and payload, which must be short.
func (r *raw) readFrame() (first byte, payload []byte) {
	r.t.Helper()
	header := make([]byte, 2)
	if _, err := io.ReadFull(r.in, header); err != nil {
		r.t.Fatal(err)
	}
	if header[1] > 125 {
		r.t.Fatalf("a frame of length code %d", header[1])
	}
	payload = make([]byte, header[1])
	if _, err := io.ReadFull(r.in, payload); err != nil {
		r.t.Fatal(err)
	}
	return header[0], payload
}

// frameHeader is a masked frame's header with the mask 0, under which the
// payload stays as it is.
func frameHeader(first byte, length uint64) []byte {
	b := []byte{first, 0x80 | 127}
	b = binary.BigEndian.AppendUint64(b, length)
	return append(b, 0, 0, 0, 0)
}

func frame(first byte, payload string) []byte {
	b := []byte{first, 0x80 | byte(len(payload)), 0, 0, 0, 0}
	return append(b, payload...)
}

// noise gives n bytes that do not repeat.
func noise(n int) []byte {
	var seed [32]byte
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(seed).Read(b)
	return b
}

func sum(b []byte) [32]byte { return sha256.Sum256(b) }

// expect reads len(want) bytes and compares them.
func expect(t *testing.T, r io.Reader, want []byte) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(r, got); err != nil {
		t.Fatalf("after %d of %d bytes: %v", n, len(want), err)
	}
	if sum(got) != sum(want) {
		t.Fatalf("%d bytes came, but others than were sent", len(want))
	}
}

// expectEOF reads to the end, which must come at once.
func expectEOF(t *testing.T, r io.Reader) {
	t.Helper()
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
		t.Fatalf("%d more bytes and %v, want the end", len(rest), err)
	}
}

// writeAll writes in a goroutine that the test waits for.
func writeAll(t *testing.T, w io.Writer, p []byte) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		_, err := w.Write(p)
		done <- err
	}()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Errorf("writing: %v", err)
		}
	})
}

// readMessages reads what the peer sends until it closes, and how it does.
func readMessages(t *testing.T, ws *websocket.Conn) (data []byte, closed websocket.CloseError) {
	t.Helper()
	var all bytes.Buffer
	for {
		_, r, err := ws.Reader(t.Context())
		if err == nil {
			_, err = io.Copy(&all, r)
		}
		if err != nil {
			if websocket.CloseStatus(err) == -1 {
				t.Fatalf("after %d bytes: %v", all.Len(), err)
			}
			return all.Bytes(), closeErrorOf(err)
		}
	}
}

// serveMany offers tunnels to connections whose other ends do nothing.
func serveMany(t testing.TB) *served {
	t.Helper()
	ctx, stop := context.WithCancelCause(context.Background())
	var handlers sync.WaitGroup
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handlers.Add(1)
		defer handlers.Done()
		ws, err := Accept(wrapped{w}, r)
		if err != nil {
			return // cut off
		}
		near, far := tcpPair(t)
		defer far.Close()
		_, _ = Join(ctx, ws, near, Options{})
	}))
	t.Cleanup(func() {
		stop(nil)
		server.Close()
		handlers.Wait()
	})
	return &served{url: server.URL, stop: stop}
}
