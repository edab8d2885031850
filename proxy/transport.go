package proxy

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"sync"
)

// HTTPS and HTTP/2 upstreams are asked by a transport of net/http, which works
// on goroutines of its own and reads no clock of ours.

// sendByTransport sends the request and gives the response.
func (x *exchange) sendByTransport() (*http.Response, error) {
	if x.cancel == nil { // at the first try
		x.ctx, x.cancel = context.WithCancelCause(x.ctx)
		x.watch.guard(func() { x.cancel(errUpstreamIdle) })
	}
	info := informer{x: x}
	defer info.stop()
	trace := &httptrace.ClientTrace{Got1xxResponse: info.pass}
	if x.p.Retries > 0 {
		x.try = new(attempt)
		x.try.follow(trace, &x.watch)
		x.connecting()
	}
	return x.hop.Upstream.transport.RoundTrip(x.outgoing(httptrace.WithClientTrace(x.ctx, trace)))
}

// outgoing makes the request that goes to the upstream, as net/http has it.
func (x *exchange) outgoing(ctx context.Context) *http.Request {
	out := x.r.WithContext(ctx)
	// In this form net/http sends the path byte for byte.
	out.URL = &url.URL{Scheme: x.hop.Upstream.scheme(), Host: x.address, Opaque: x.uri}
	out.Proto, out.ProtoMajor, out.ProtoMinor = "HTTP/1.1", 1, 1
	out.RequestURI = ""
	out.TransferEncoding = nil
	out.Close = false
	head := new(requestHead)
	head.collect(x.r, x.m, x.p.KeepOddHeaders)
	out.Header = head.header()
	out.Host = x.host()
	out.Body, out.Trailer = nil, nil
	if x.body == nil {
		out.ContentLength = 0
		return out
	}
	out.Body = x.body
	// On a connection that it means to keep, net/http sends the body even
	// after a refusal, and the client would be told to go on with it.
	out.Close = hasToken(out.Header["Expect"], "100-continue")
	if out.ContentLength < 0 {
		x.body.announce()
		out.Trailer = x.body.trailer
	}
	return out
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
