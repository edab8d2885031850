package tunnel

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
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

// closingConn gives the far end of a WebSocket over which data was written, and
// that has come to wait for its peer.
func closingConn(t *testing.T, data []byte, patient bool, linger time.Duration) (far net.Conn, closed <-chan struct{}) {
	t.Helper()
	near, far := tcpPair(t)
	t.Cleanup(func() { _ = far.Close() })
	conn := &telling{near.(*net.TCPConn), make(chan struct{})}
	c := newConn(conn, nil, false, "")
	c.lingerWait = linger
	if err := c.write(data); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.shut(patient)
	}()
	<-conn.halfClosed
	return far, done
}

// A peer that is slow to read, and pings meanwhile, gets what was sent to it: the
// kernel would throw it away if we closed while bytes of the peer are unread.
func TestSlowPeerGetsTheEnd(t *testing.T) {
	data := noise(200 << 10)
	far, closed := closingConn(t, data, true, time.Minute)
	for range 3 {
		if _, err := far.Write(make([]byte, 10_000)); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, far, data)
	expectEOF(t, far)
	_ = far.Close()
	<-closed
}

func TestSilentPeerIsNotAwaitedForever(t *testing.T) {
	_, closed := closingConn(t, noise(10), true, time.Millisecond)
	<-closed
}

// What is queued is written before the end, and nothing is behind a Close frame.
func TestEndWritesWhatIsQueued(t *testing.T) {
	near, far := tcpPair(t)
	c := newConn(near, nil, false, "")
	c.ping()
	c.sayClose(closeNormal, "bye")
	c.ping()
	c.sayClose(closeGoingAway, "")
	if err := c.write([]byte("data")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("data behind a Close frame: %v", err)
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		c.shut(false)
	}()
	expect(t, far, []byte("\x89\x00\x88\x05\x03\xe8bye"))
	expectEOF(t, far)
	_ = far.Close()
	<-closed
	if err := c.write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("data behind the end: %v", err)
	}
}

// A peer that sends pings and reads no pongs is not answered without end.
func TestFloodOfPingsWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe() // nothing is taken unless it is read
		defer far.Close()
		c := newConn(near, nil, false, "")
		payload := make([]byte, maxControl)
		taken := make(chan int, 1)
		go func() {
			n := 0
			for range 3 * maxQueued / len(payload) {
				c.queue(opPong, payload)
				if failedWrites(c) != nil {
					break
				}
				n++
			}
			taken <- n
		}()
		synctest.Wait()
		// So much is queued at most, and so much more on its way.
		c.abort(errors.New("enough"))
		if n := <-taken; n > 2*(maxQueued/len(payload)+1) {
			t.Errorf("%d pongs were taken", n)
		}
		c.flushers.Wait()
	})
}

// failedWrites is why nothing can be written any more.
func failedWrites(c *Conn) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Control frames are taken though the peer does not read, up to a bound, and come
// out between frames of data once it does.
func TestControlFramesDoNotWait(t *testing.T) {
	near, far := tcpPair(t)
	defer far.Close()
	c := newConn(near, nil, false, "")
	defer c.CloseNow()
	data := noise(16 << 20)
	sent := make(chan error, 1)
	go func() {
		for p := range chunks(data, maxPayload) {
			if err := c.write(c.appendFrame(nil, opBinary, p)); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	const pongs = 500
	for range pongs {
		c.queue(opPong, noise(100))
	}
	var got []byte
	for n := 0; len(got) < len(data) || n < pongs; {
		f, err := readWire(far, false)
		if err != nil {
			t.Fatalf("behind %d bytes and %d pongs: %v", len(got), n, err)
		}
		if f.first == final|opPong {
			n++
			continue
		}
		got = append(got, f.payload...)
	}
	if !bytes.Equal(got, data) {
		t.Error("other bytes came than were sent")
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
}

// A tunnel that waits holds no buffer, and one that gets much a large one.
func TestBuffersFollowTheLoad(t *testing.T) {
	near, far := tcpPair(t)
	defer near.Close()
	s := newSource(near, []byte("early"))
	if p, err := s.read(); string(p) != "early" || err != nil || s.buf != nil {
		t.Errorf("%q, %v", p, err)
	}
	sent := noise(8 << 20)
	writeAll(t, far, sent)
	var got []byte
	largestSeen := 0
	for len(got) < len(sent) {
		p, err := s.read()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, p...)
		largestSeen = max(largestSeen, s.buf.size)
	}
	if !bytes.Equal(got, sent) {
		t.Error("other bytes came than were sent")
	}
	if largestSeen < 2 {
		t.Errorf("the largest buffer for 8 MiB was for %d bytes", bufferSizes[largestSeen])
	}
	for range len(bufferSizes) {
		if _, err := far.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := s.read(); err != nil {
			t.Fatal(err)
		}
	}
	if s.size != 0 {
		t.Errorf("the buffer for one byte is for %d", bufferSizes[s.size])
	}
	_ = near.SetReadDeadline(time.Now().Add(time.Millisecond))
	if _, err := s.read(); err == nil || s.buf != nil {
		t.Errorf("a wait that is broken off: %v, a buffer: %v", err, s.buf != nil)
	}
	_ = near.SetReadDeadline(time.Time{})
	_ = far.Close()
	if _, err := s.read(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}
