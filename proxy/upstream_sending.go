package proxy

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
)

// sending is a request's body on its way to an upstream, on a goroutine of its
// own: the upstream may answer before it has the whole, and a client may wait
// for that answer before it sends the rest. The goroutine ends with the body,
// with the connection, or at the latest with requestBody.finish, which waits
// for it.
type sending struct {
	asked chan struct{} // closed when the upstream wants the body; nil: it is sent at once
	over  chan struct{} // closed when nobody wants it any more; nil like asked
	whole atomic.Bool   // all of it was sent
}

// expectContinueTimeout is how long an upstream that was sent "Expect:
// 100-continue" may say nothing; then it gets the body.
const expectContinueTimeout = time.Second

var errBodyLength = errors.New("the request's body is not as long as was announced")

// startSending sends the body of c.
func (k *upstreamConn) startSending(c *call) {
	k.SetWriteDeadline(time.Time{}) // the watchdog of the call bounds it
	s := new(sending)
	c.sending = s
	if c.expects == 0 {
		c.body.sending.Go(func() { s.send(k, c) })
		return
	}
	s.asked, s.over = make(chan struct{}), make(chan struct{})
	asked, over := s.asked, s.over
	c.body.sending.Go(func() {
		timer := time.NewTimer(c.expects)
		defer timer.Stop()
		select {
		case <-asked:
		case <-timer.C:
		case <-over:
			return
		}
		s.send(k, c)
	})
}

// proceed says that the upstream wants the body.
func (s *sending) proceed() {
	if s != nil && s.asked != nil {
		close(s.asked)
		s.asked = nil
	}
}

// stop says that nobody wants the body. What has begun ends with the
// connection.
func (s *sending) stop() {
	if s != nil && s.over != nil {
		close(s.over)
		s.over = nil
	}
}

// send sends the body. When the client is at fault there is nothing to wait
// for any more; when the upstream does not take it, it may have answered.
func (s *sending) send(k *upstreamConn, c *call) {
	buf := copyBuffers.Get().(*[copyBufferSize]byte)
	defer copyBuffers.Put(buf)
	var err error
	if c.length < 0 {
		err = sendChunks(k.Conn, c.body, buf)
	} else {
		err = sendLength(k.Conn, c.body, c.length, buf)
	}
	if err == nil {
		s.whole.Store(true)
	} else if failed := c.body.failed(); failed != nil {
		k.abort(failed)
	}
}

// sendLength copies exactly length bytes.
func sendLength(w io.Writer, body io.Reader, length int64, buf *[copyBufferSize]byte) error {
	for {
		n, err := body.Read(buf[:])
		if int64(n) > length {
			return errBodyLength
		}
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
			length -= int64(n)
		}
		switch {
		case err == io.EOF && length == 0:
			return nil
		case err == io.EOF:
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		}
	}
}

// sendChunks copies the body in chunks, each as large as what is there to
// send, and its trailer behind them (RFC 9112, 7.1).
func sendChunks(w io.Writer, body *requestBody, buf *[copyBufferSize]byte) error {
	const before, after = len("ffff\r\n"), len("\r\n")
	for {
		n, err := body.Read(buf[before : copyBufferSize-after])
		if n > 0 {
			var digits [8]byte
			size := append(strconv.AppendInt(digits[:0], int64(n), 16), "\r\n"...)
			begin := before - copy(buf[before-len(size):], size)
			end := before + n + copy(buf[before+n:], "\r\n")
			if _, err := w.Write(buf[begin:end]); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF:
			return sendTrailer(w, body.trailer)
		case err != nil:
			return err
		}
	}
}

func sendTrailer(w io.Writer, trailer http.Header) error {
	b, lines := []byte("0\r\n"), 2
	for _, name := range slices.Sorted(maps.Keys(trailer)) {
		for _, value := range trailer[name] {
			b = appendField(b, name, value)
			lines++
		}
	}
	b = append(b, "\r\n"...)
	if err := checkLines(b, lines); err != nil {
		return err
	}
	_, err := w.Write(b)
	return err
}
