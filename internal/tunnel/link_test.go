package tunnel

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"nhooyr.io/websocket"
)

// telling tells when its other half has been said to be over.
type telling struct {
	*net.TCPConn
	halfClosed chan struct{}
}

func (c *telling) CloseWrite() error {
	defer close(c.halfClosed)
	return c.TCPConn.CloseWrite()
}

// closingLink gives a link that has written data, is being closed, and has come
// to wait for its peer.
func closingLink(t *testing.T, data []byte, patient bool, linger time.Duration) (far net.Conn, closed <-chan error) {
	t.Helper()
	near, far := tcpPair(t)
	t.Cleanup(func() { _ = far.Close() })
	conn := &telling{near.(*net.TCPConn), make(chan struct{})}
	l := newLink(conn, conn, nil)
	l.lingerWait = linger
	l.hold()
	if _, err := l.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := l.flush(); err != nil {
		t.Fatal(err)
	}
	l.expectClose(patient)
	done := make(chan error, 1)
	go func() { done <- l.Close() }()
	<-conn.halfClosed
	return far, done
}

// A peer that is slow to read, and pings meanwhile, gets what was sent to it: the
// kernel would throw it away if we closed while bytes of the peer are unread.
func TestSlowPeerGetsTheEnd(t *testing.T) {
	data := noise(200 << 10)
	far, closed := closingLink(t, data, true, time.Minute)
	for range 3 {
		if _, err := far.Write(make([]byte, 10_000)); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, far, data)
	expectEOF(t, far)
	_ = far.Close()
	if err := <-closed; err != nil {
		t.Errorf("Close: %v", err)
	}
}

func TestSilentPeerIsNotAwaitedForever(t *testing.T) {
	_, closed := closingLink(t, noise(10), true, time.Millisecond)
	if err := <-closed; err != nil {
		t.Errorf("Close: %v", err)
	}
}

// Close writes what is pending first, also when a message is in the middle.
func TestCloseWritesWhatIsPending(t *testing.T) {
	near, far := tcpPair(t)
	l := newLink(near, near, nil)
	l.hold()
	if _, err := l.Write([]byte("the last frame")); err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	go func() { closed <- l.Close() }()
	expect(t, far, []byte("the last frame"))
	expectEOF(t, far)
	_ = far.Close()
	if err := <-closed; err != nil {
		t.Errorf("Close: %v", err)
	}
	if _, err := l.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Write after Close: %v", err)
	}
}

// A peer that sends pings and reads no pongs is not answered without end.
func TestFloodOfControlFramesWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe() // nothing is taken unless it is read
		defer far.Close()
		l := newLink(near, near, nil)
		pong := make([]byte, 127)
		taken := make(chan int, 1)
		go func() {
			n := 0
			for range 3 * maxPending / len(pong) {
				if _, err := l.Write(pong); err != nil {
					break
				}
				n++
			}
			taken <- n
		}()
		synctest.Wait()
		// So much is pending at most, and so much more on its way.
		l.abort(errors.New("enough"))
		if n := <-taken; n > 2*maxPending/len(pong) {
			t.Errorf("%d pongs were taken", n)
		}
		l.flushers.Wait()
	})
}

// Everything that either side writes goes through its link.
func TestLibraryWritesToTheLink(t *testing.T) {
	check := func(who string, ws *Conn) {
		ws.link.hold()
		if err := ws.ws.Write(t.Context(), websocket.MessageBinary, []byte("x")); err != nil {
			t.Errorf("%s: %v", who, err)
		}
		ws.link.mu.Lock()
		if len(ws.link.pending) == 0 {
			t.Errorf("what the %s wrote went another way", who)
		}
		ws.link.mu.Unlock()
		ws.CloseNow()
	}
	checked := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(checked)
		ws, err := Accept(w, r)
		if err != nil {
			t.Error(err)
			return
		}
		check("server", ws)
	}))
	defer server.Close()
	ws, err := new(Dialer).Dial(t.Context(), server.URL)
	if err != nil {
		t.Fatal(err)
	}
	check("client", ws)
	<-checked
}

func TestLostKeepsTheFirstError(t *testing.T) {
	near, far := tcpPair(t)
	_ = far.Close()
	l := newLink(near, near, nil)
	buf := make([]byte, 1)
	if _, err := l.Read(buf); err != io.EOF {
		t.Fatalf("Read: %v", err)
	}
	l.abort(net.ErrClosed)
	_, _ = l.Read(buf)
	if err := *l.lost.Load(); err != io.EOF {
		t.Errorf("lost is %v", err)
	}
}

func TestBuffersThatHaveGrownAreNotKept(t *testing.T) {
	p := bufferPool{size: 10}
	p.put(make([]byte, 0, 20))
	if b := p.get(); cap(b) != 10 {
		t.Errorf("a buffer of %d", cap(b))
	}
	p.put(bytes.Repeat([]byte{1}, 10))
	if b := p.get(); len(b) != 10 || cap(b) != 10 {
		t.Errorf("a buffer of %d and %d", len(b), cap(b))
	}
}
