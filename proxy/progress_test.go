package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"httpmaster/router"
)

// deadlineWriter stands for a client's connection, as far as its deadlines
// are concerned.
type deadlineWriter struct {
	*httptest.ResponseRecorder
	expire func() // called when the read deadline is set into the past

	mu          sync.Mutex
	read        []time.Time
	writeLifted chan struct{} // gets a value when the write deadline is lifted
}

func (w *deadlineWriter) SetReadDeadline(at time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.read = append(w.read, at)
	if !at.IsZero() && at.Before(time.Now()) {
		w.expire()
	}
	return nil
}

func (w *deadlineWriter) SetWriteDeadline(at time.Time) error {
	if at.IsZero() {
		w.writeLifted <- struct{}{}
	}
	return nil
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// While a client takes its time over its body, the upstream's does not run;
// and when the body is read, no deadline of the client's is left to end the
// wait for the response.
func TestBodyReadTiming(t *testing.T) {
	watch := &watchdog{idle: patience}
	watch.watch()
	r := newRequest("PUT", "/")
	r.ContentLength = 4
	running := false
	r.Body = io.NopCloser(readerFunc(func(p []byte) (int, error) {
		running = watch.since.Load() != 0
		return copy(p, "body"), io.EOF
	}))
	w := &deadlineWriter{ResponseRecorder: httptest.NewRecorder()}
	body := newRequestBody(r, &clientSide{ctl: http.NewResponseController(w), idle: patience}, watch, 0)
	if _, err := body.Read(make([]byte, 10)); err != io.EOF {
		t.Error(err)
	}
	if running {
		t.Error("the upstream was being watched while the client was being waited for")
	}
	if watch.since.Load() == 0 {
		t.Error("the upstream was not watched any more when it was its turn")
	}
	body.finish()
	if n := len(w.read); n != 3 || w.read[0].IsZero() || w.read[1].IsZero() || !w.read[2].IsZero() {
		t.Errorf("read deadlines are %v, want two and then none", w.read)
	}
}

// A client that has nothing to send for a while keeps its request as long as
// the response goes on.
func TestResponseKeepsRequestAlive(t *testing.T) {
	reading := make(chan struct{})
	backend := rawServer(t, func(conn net.Conn, br *bufio.Reader) {
		readHead(br)
		<-reading
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
	})
	p, _ := newProxy(t, "*", backend)
	expired := make(chan struct{})
	r := newRequest("PUT", "/")
	r.ContentLength = -1
	r.Body = io.NopCloser(readerFunc(func(p []byte) (int, error) {
		close(reading)
		<-expired
		return 0, io.ErrUnexpectedEOF
	}))
	w := &deadlineWriter{ResponseRecorder: httptest.NewRecorder(), expire: func() { close(expired) }}
	p.Serve(w, r, &router.Match{Path: "/", Forward: "/"})
	// At the start, at the first Read, with the response, to wake the Read,
	// and for what is left of the body.
	if len(w.read) != 5 || !w.read[2].After(w.read[1]) || !w.read[3].Before(w.read[2]) {
		t.Errorf("read deadlines are %v", w.read)
	}
}

// In HTTP/2 a write deadline ends the stream even when nothing is written, so
// there is none while the upstream is silent.
func TestNoWriteDeadlineInSilence(t *testing.T) {
	w := &deadlineWriter{ResponseRecorder: httptest.NewRecorder(), writeLifted: make(chan struct{})}
	backend := rawServer(t, func(conn net.Conn, br *bufio.Reader) {
		readHead(br)
		for _, part := range []string{"HTTP/1.1 200 OK\r\n\r\n", "hi"} {
			io.WriteString(conn, part)
			select {
			case <-w.writeLifted:
			case <-time.After(patience):
				t.Error("the deadline stayed")
				return
			}
		}
	})
	p, _ := newProxy(t, "*", backend)
	r := newRequest("GET", "/")
	r.ProtoMajor, r.ProtoMinor = 2, 0
	p.Serve(w, r, &router.Match{Path: "/", Forward: "/"})
	if got := w.Body.String(); got != "hi" {
		t.Errorf("body is %q", got)
	}
}

// An interim response that comes too late touches nothing.
func TestLateInterimResponse(t *testing.T) {
	for _, late := range []bool{false, true} {
		w := httptest.NewRecorder()
		info := informer{x: &exchange{w: w, r: newRequest("GET", "/"), client: clientSide{ctl: http.NewResponseController(w)}}}
		if late {
			info.stop()
		}
		info.pass(http.StatusEarlyHints, nil)
		if passed := w.Code == http.StatusEarlyHints; passed == late {
			t.Errorf("late: %v, passed: %v", late, passed)
		}
	}
}
