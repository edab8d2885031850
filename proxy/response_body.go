package proxy

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

const copyBufferSize = 32 << 10

var copyBuffers = sync.Pool{New: func() any { return new([copyBufferSize]byte) }}

// copyBody passes on the body. What has no known length, or is a stream by its
// type, is flushed whenever the next part is to be waited for.
func (x *exchange) copyBody(resp *http.Response) {
	stream := resp.ContentLength < 0 || isEventStream(resp.Header)
	body, own := resp.Body.(*upstreamBody)
	switch {
	case own && stream:
		body.k.beforeWait = x.flush
		x.copyLoop(body, func() {})
	case own:
		x.passBuffered(body)
		if body.left >= spliceMin && x.splices() {
			x.splice(body)
		}
		if body.left > 0 {
			x.copyLoop(body, x.client.paused)
		}
	case stream:
		x.flush()
		x.copyLoop(resp.Body, x.flush)
	default:
		x.copyLoop(resp.Body, x.client.paused)
	}
}

// copyLoop passes on body part by part, and calls between behind each.
func (x *exchange) copyLoop(body io.Reader, between func()) {
	buf := copyBuffers.Get().(*[copyBufferSize]byte)
	defer copyBuffers.Put(buf)
	for {
		x.watch.watch()
		n, err := body.Read(buf[:])
		x.watch.rest()
		if n > 0 {
			x.client.writing()
			x.write(buf[:n])
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			x.breakOff(err)
		}
		between()
	}
}

// write sends a part of the body. The client is given up when it is gone or
// takes too long.
func (x *exchange) write(p []byte) {
	x.body.extend()
	if _, err := x.w.Write(p); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// flush sends what was written so far.
func (x *exchange) flush() {
	if err := x.client.ctl.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		panic(http.ErrAbortHandler)
	}
	x.client.paused()
}

func isEventStream(h http.Header) bool {
	t, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(t), "text/event-stream")
}

// passBuffered passes on what of the body has come with the head.
func (x *exchange) passBuffered(b *upstreamBody) {
	br := b.k.br
	p, _ := br.Peek(int(min(b.left, int64(br.Buffered()))))
	if len(p) == 0 {
		return
	}
	x.write(p)
	br.Discard(len(p))
	b.left -= int64(len(p))
}

const (
	// spliceMin is from where on it pays to have the kernel move a body.
	spliceMin = 64 << 10
	// bodyStep is how much of a body is moved with one deadline. A client
	// that takes less in ClientIdle is given up.
	bodyStep = 256 << 10
)

// splices tells whether the client's connection is a socket that net/http
// writes a body of known length to as it is.
func (x *exchange) splices() bool {
	_, ok := x.w.(io.ReaderFrom)
	return ok && x.r.TLS == nil && !x.client.http2
}

// splice moves what is left of the body from socket to socket, where the
// kernel can, in steps that have their own deadlines: a client's ends later
// than the upstream's, so that it is known who was late.
func (x *exchange) splice(b *upstreamBody) {
	k, dst := b.k, x.w.(io.ReaderFrom)
	release := k.whenDone()
	defer release()
	src := &io.LimitedReader{R: k.Conn}
	for b.left > 0 {
		step := min(b.left, bodyStep)
		src.N = step
		now := time.Now()
		clientLate := now.Add(x.watch.idle + x.client.idle)
		x.client.ctl.SetWriteDeadline(clientLate)
		k.SetReadDeadline(now.Add(x.watch.idle))
		x.body.extend()
		if err := k.failed.Load(); err != nil {
			x.breakOff(*err)
		}
		_, err := dst.ReadFrom(src)
		moved := step - src.N
		b.left -= moved
		switch {
		case err == nil && moved < step:
			x.breakOff(io.ErrUnexpectedEOF)
		case err == nil:
		case k.failed.Load() != nil:
			x.breakOff(*k.failed.Load())
		case errors.Is(err, os.ErrDeadlineExceeded) && time.Now().Before(clientLate):
			if moved == 0 {
				x.breakOff(errUpstreamIdle)
			}
		case errors.Is(err, os.ErrDeadlineExceeded), k.peeker.open():
			panic(http.ErrAbortHandler) // it is the client's
		default:
			x.breakOff(err)
		}
	}
}
