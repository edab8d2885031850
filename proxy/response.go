package proxy

import (
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"sync"
)

const copyBufferSize = 32 << 10

var copyBuffers = sync.Pool{New: func() any { return new([copyBufferSize]byte) }}

var errStatus = errors.New("a response with a status that nobody asked for")

// respond passes an upstream's final response on to the client. The caller
// closes its body.
func (x *exchange) respond(resp *http.Response) {
	if resp.StatusCode < 200 {
		x.fail(errStatus)
		return
	}
	x.lease.settle(gatewayError(resp.StatusCode))
	h := x.w.Header()
	copyResponseHeader(h, resp.Header)
	x.stick(h)
	if _, ok := h["Content-Type"]; !ok {
		h["Content-Type"] = nil // keeps net/http from guessing one
	}
	announced := len(resp.Trailer)
	if announced > 0 {
		names := slices.DeleteFunc(slices.Sorted(maps.Keys(resp.Trailer)), func(n string) bool { return !isTrailer(n) })
		h.Set("Trailer", strings.Join(names, ", "))
	}
	x.beforeHead()
	x.client.writing()
	x.w.WriteHeader(resp.StatusCode)
	if x.r.Method == http.MethodHead || !bodyAllowed(resp.StatusCode) {
		return
	}
	x.copyBody(resp)
	if len(resp.Trailer) > 0 {
		x.copyTrailer(resp.Trailer, announced)
	}
}

// beforeHead is to be called before any final head is written. In HTTP/1 the
// connection is closed after a response when what follows on it is unknown:
// the rest of a request that is answered before it has been read to its end,
// which goes on being read beside the answer, or what a client sends behind an
// upgrade that it does not get.
func (x *exchange) beforeHead() {
	if x.client.http2 {
		return
	}
	unread := x.body.ended() != io.EOF
	if unread {
		x.client.ctl.EnableFullDuplex()
	}
	if unread || IsUpgrade(x.r) {
		x.w.Header().Set("Connection", "close")
	}
}

// copyBody passes on the body. What has no known length, or is a stream by its
// type, is flushed as it comes.
func (x *exchange) copyBody(resp *http.Response) {
	stream := resp.ContentLength < 0 || isEventStream(resp.Header)
	if stream {
		x.client.ctl.Flush()
		x.client.paused()
	}
	buf := copyBuffers.Get().(*[copyBufferSize]byte)
	defer copyBuffers.Put(buf)
	for {
		x.watch.watch()
		n, err := resp.Body.Read(buf[:])
		x.watch.rest()
		if n > 0 {
			x.client.writing()
			x.body.extend()
			if !x.write(buf[:n], stream) {
				panic(http.ErrAbortHandler) // the client is gone, or takes too long
			}
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			x.breakOff(err)
		}
		x.client.paused()
	}
}

func (x *exchange) write(p []byte, flush bool) bool {
	if _, err := x.w.Write(p); err != nil {
		return false
	}
	if !flush {
		return true
	}
	err := x.client.ctl.Flush()
	return err == nil || errors.Is(err, http.ErrNotSupported)
}

func isEventStream(h http.Header) bool {
	t, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && t == "text/event-stream"
}

// copyTrailer passes on what came behind the body, be it announced or not.
func (x *exchange) copyTrailer(trailer http.Header, announced int) {
	h := x.w.Header()
	prefix := ""
	if len(trailer) != announced {
		prefix = http.TrailerPrefix // good for both, once the head is out
	}
	for name, values := range trailer {
		if isTrailer(name) && len(values) > 0 {
			h[prefix+name] = values
		}
	}
}

// informer passes on interim responses, 103 Early Hints among them, until the
// final one. The transport calls pass on a goroutine of its own, which may
// still be at it when RoundTrip has returned.
type informer struct {
	x    *exchange
	mu   sync.Mutex
	done bool
}

func (i *informer) pass(code int, header textproto.MIMEHeader) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.done {
		i.x.inform(code, http.Header(header))
	}
	return nil
}

func (i *informer) stop() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.done = true
}

// inform sends an interim response. "100 Continue" is none of its business:
// the client gets it from net/http when its body begins to be read, which is
// when the upstream has asked for it.
func (x *exchange) inform(code int, header http.Header) {
	if code == http.StatusContinue || !x.r.ProtoAtLeast(1, 1) {
		return
	}
	h := x.w.Header()
	kept := maps.Clone(h)
	clear(h)
	copyResponseHeader(h, header)
	x.client.writing()
	x.w.WriteHeader(code)
	x.client.paused()
	clear(h)
	maps.Copy(h, kept)
}
