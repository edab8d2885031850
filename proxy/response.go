package proxy

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
)

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

// copyTrailer passes on what came behind the body, be it announced or not.
func (x *exchange) copyTrailer(trailer http.Header, announced int) {
	h := x.w.Header()
	prefix := ""
	if len(trailer) != announced {
		prefix = http.TrailerPrefix // good for both, once the head is out
		x.flush()
	}
	for name, values := range trailer {
		if isTrailer(name) && len(values) > 0 {
			h[prefix+name] = values
		}
	}
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
