package middleware

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// Recorder is the ResponseWriter that sees what passes through it: the status,
// the bytes of the body, when the answer began. 1xx responses pass unrecorded.
// Flush, Hijack, ReadFrom and what http.ResponseController finds by Unwrap
// reach the writer below, so that a file or an upstream's body still goes by
// sendfile or splice.
//
// It comes from NewRecorder and goes back by Release. It is for one request and
// one goroutine.
type Recorder struct {
	http.ResponseWriter

	Status   int       // 0 until the header is written; 101 once hijacked
	Bytes    int64     // of the body, after the header; what a hijacked connection carries is not seen
	Began    time.Time // when the header was written or the connection hijacked
	Hijacked bool

	// BeforeHeader, if set, is called once, just before the header is
	// written or the connection is hijacked (status 101). It may change the
	// header.
	BeforeHeader func(h http.Header, status int)
	// AfterHijack, if set, is called once the connection is hijacked.
	AfterHijack func()

	// Progress, if not 0, is how long the client may take nothing of what is
	// written. It is for HTTP/2, where no deadline but that of the stream ends
	// the wait for a client's window.
	Progress time.Duration
	own      bool // the handler has set a write deadline, and goes on to
	bounded  bool // there is a write deadline
}

var recorders = sync.Pool{New: func() any { return new(Recorder) }}

// NewRecorder makes a Recorder in front of w.
func NewRecorder(w http.ResponseWriter) *Recorder {
	r := recorders.Get().(*Recorder)
	r.ResponseWriter = w
	return r
}

// Release gives r back; nobody may use it any more. It may be left out, as when
// a handler panics.
func (r *Recorder) Release() {
	*r = Recorder{}
	recorders.Put(r)
}

// WriteHeader records a final status and passes every one on.
func (r *Recorder) WriteHeader(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols {
		r.begin(status)
	}
	r.ResponseWriter.WriteHeader(status)
}

// begin records that the header goes out now, unless it already has.
func (r *Recorder) begin(status int) {
	if r.Status != 0 {
		return
	}
	r.Status = status
	r.Began = time.Now()
	if before := r.BeforeHeader; before != nil {
		r.BeforeHeader = nil
		before(r.ResponseWriter.Header(), status)
	}
}

// SetWriteDeadline is for http.ResponseController. From here on the deadline is
// the handler's business.
func (r *Recorder) SetWriteDeadline(t time.Time) error {
	r.own = true
	return r.setWriteDeadline(t)
}

func (r *Recorder) setWriteDeadline(t time.Time) error {
	r.bounded = !t.IsZero()
	return http.NewResponseController(r.ResponseWriter).SetWriteDeadline(t)
}

// writing gives the client Progress from now. A writer that knows no deadlines
// goes without.
func (r *Recorder) writing() {
	if r.Progress > 0 && !r.own {
		_ = r.setWriteDeadline(time.Now().Add(r.Progress))
	}
}

// paused lifts the deadline, which would end the stream in a silence as well.
func (r *Recorder) paused() {
	if r.Progress > 0 && !r.own {
		_ = r.setWriteDeadline(time.Time{})
	}
}

// Finish is to be called when the handler has returned. It gives the client
// Progress for what is still buffered of a body, unless there is a deadline
// already. Headers need no window.
func (r *Recorder) Finish() {
	if r.Progress > 0 && !r.bounded && r.Bytes > 0 {
		_ = r.setWriteDeadline(time.Now().Add(r.Progress))
	}
}

// Write passes on a part of the body.
func (r *Recorder) Write(p []byte) (int, error) {
	r.begin(http.StatusOK)
	r.writing()
	n, err := r.ResponseWriter.Write(p)
	r.Bytes += int64(n)
	return n, err
}

// WriteString is Write without a copy of the text.
func (r *Recorder) WriteString(s string) (int, error) {
	r.begin(http.StatusOK)
	r.writing()
	n, err := io.WriteString(r.ResponseWriter, s)
	r.Bytes += int64(n)
	return n, err
}

// ReadFrom passes on a body as a whole, by the kernel where the writer below
// can.
func (r *Recorder) ReadFrom(src io.Reader) (int64, error) {
	r.begin(http.StatusOK)
	if r.Progress > 0 { // each part has a deadline of its own
		return readFrom(struct{ io.Writer }{r}, src)
	}
	n, err := readFrom(r.ResponseWriter, src)
	r.Bytes += n
	return n, err
}

// Flush is FlushError for those who do not ask for the error.
func (r *Recorder) Flush() { _ = r.FlushError() }

// FlushError sends what is buffered, the header included.
func (r *Recorder) FlushError() error {
	r.begin(http.StatusOK)
	r.writing()
	defer r.paused()
	return http.NewResponseController(r.ResponseWriter).Flush()
}

// Hijack hands over the connection. Where that is not possible, as with HTTP/2,
// the request can still be answered.
func (r *Recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	fresh := r.Status == 0
	r.begin(http.StatusSwitchingProtocols)
	conn, rw, err := http.NewResponseController(r.ResponseWriter).Hijack()
	if err != nil {
		if fresh {
			r.Status = 0
		}
		return nil, nil, err
	}
	r.Hijacked = true
	if r.AfterHijack != nil {
		r.AfterHijack()
	}
	return conn, rw, nil
}

// Unwrap is for http.ResponseController.
func (r *Recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// finish makes explicit what net/http does when a handler returns without
// having written anything: an empty 200. A handler that panics has not
// answered.
func (r *Recorder) finish() {
	if r.Status == 0 {
		r.WriteHeader(http.StatusOK)
	}
}

const copyBufferSize = 32 << 10

var copyBuffers = sync.Pool{New: func() any { return new([copyBufferSize]byte) }}

// readFrom copies src to w as w does it best. Unlike io.Copy it does not ask
// src, and it needs no new buffer.
func readFrom(w io.Writer, src io.Reader) (int64, error) {
	if rf, ok := w.(io.ReaderFrom); ok {
		return rf.ReadFrom(src)
	}
	buf := copyBuffers.Get().(*[copyBufferSize]byte)
	defer copyBuffers.Put(buf)
	return io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{src}, buf[:])
}
