package proxy

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// errHandlerDone is what the transport reads when it still wants a request's
// body after the request has been answered.
var errHandlerDone = errors.New("the request has been answered already")

// lingerTime bounds the reading of what is left of a body nobody wants, so
// that the client gets to see the response before the connection goes.
const lingerTime = time.Second

// requestBody is a client's body on its way upstream. It is read on a goroutine
// of its own, which may outlive RoundTrip; finish ends that.
type requestBody struct {
	r       *http.Request
	client  *clientSide
	watch   *watchdog
	trailer http.Header // of the outgoing request; filled at the end of the body, nil when it can have none
	limit   int64       // of bytes; 0 for none

	sending sync.WaitGroup // of who reads; not of a transport of net/http

	reading sync.Mutex // held during Read
	begun   bool       // to read; guarded by reading, as is read
	read    int64      // bytes so far
	closed  atomic.Bool

	mu  sync.Mutex // guards err and, while err is nil, the read deadline
	err error      // how the body ended; io.EOF at its proper end
}

// newRequestBody gives nil when r has no body. It starts the client's time.
func newRequestBody(r *http.Request, client *clientSide, watch *watchdog, limit int64) *requestBody {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return nil
	}
	b := &requestBody{r: r, client: client, watch: watch, limit: limit}
	b.extend()
	return b
}

// Read is called by who sends the body. While it waits for the client nothing is
// expected of the upstream.
func (b *requestBody) Read(p []byte) (int, error) {
	b.reading.Lock()
	defer b.reading.Unlock()
	if err := b.ended(); err != nil {
		return 0, err
	}
	b.watch.rest()
	b.extend()
	if b.closed.Load() { // or finish's deadline would be undone by ours
		return 0, errHandlerDone
	}
	b.begun = true
	n, err := b.r.Body.Read(p)
	b.watch.watch()
	if b.limit > 0 && int64(n) > b.limit-b.read {
		n, err = int(b.limit-b.read), &http.MaxBytesError{Limit: b.limit}
	}
	b.read += int64(n)
	if err != nil {
		b.end(err)
	}
	return n, err
}

// Close does nothing: net/http closes what the client sends, and finish stops
// the reading.
func (b *requestBody) Close() error { return nil }

func (b *requestBody) end(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
	if err != io.EOF {
		return
	}
	b.client.doneReading()
	for name, values := range b.r.Trailer {
		if b.trailer != nil && isTrailer(name) {
			b.trailer[name] = values
		}
	}
}

// announce gives the names of the trailer fields that come behind the body
// when it is sent in chunks, and has the trailer collected.
func (b *requestBody) announce() (names []string) {
	b.trailer = make(http.Header)
	for name := range b.r.Trailer {
		if isTrailer(name) {
			b.trailer[name] = nil
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// extend gives the client another idle time to send more.
func (b *requestBody) extend() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil && !b.closed.Load() {
		b.client.reading()
	}
}

// ended is how the body ended, or nil while there may be more of it.
func (b *requestBody) ended() error {
	if b == nil {
		return io.EOF
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil && b.closed.Load() {
		return errHandlerDone
	}
	return b.err
}

// failed is the error that kept the body from being read to its end, or nil.
func (b *requestBody) failed() error {
	if err := b.ended(); err != io.EOF && err != errHandlerDone {
		return err
	}
	return nil
}

// settle waits for a Read that is under way to be over. net/http cancels the
// request's context within a Read that fails, before it says why.
func (b *requestBody) settle() {
	if b == nil {
		return
	}
	b.reading.Lock()
	defer b.reading.Unlock()
}

// takeBack takes the body away from the transport, for another request to have
// it. It is false, and nothing done, when reading has begun.
func (b *requestBody) takeBack() bool {
	if !b.reading.TryLock() {
		return false
	}
	if b.begun {
		b.reading.Unlock()
		return false
	}
	b.closed.Store(true)
	b.reading.Unlock()
	b.sending.Wait()
	return true
}

// finish takes the body away from the transport. No Read touches the request
// after it has returned.
func (b *requestBody) finish() {
	if b == nil {
		return
	}
	b.closed.Store(true)
	defer b.sending.Wait()
	if !b.reading.TryLock() {
		b.client.ctl.SetReadDeadline(time.Unix(1, 0)) // wakes the Read that waits
		b.reading.Lock()
	}
	defer b.reading.Unlock()
	if b.ended() != io.EOF {
		b.client.ctl.SetReadDeadline(time.Now().Add(lingerTime))
	}
}
