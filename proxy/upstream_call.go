package proxy

import (
	"context"
	"errors"
	"net/http"
	"net/textproto"
	"time"
)

// maxInterim is how many 1xx responses may come before the final one.
const maxInterim = 10

// call is one request to an upstream in HTTP/1.1.
type call struct {
	ctx     context.Context
	address string // as in a pool
	method  string
	head    []byte // of the request
	length  int64  // of body; -1 for chunks
	body    *requestBody
	expects time.Duration // when above 0 the body is sent when the upstream asks for it, or after that
	closes  bool          // the connection is not to be used again
	upgrade bool          // 101 is an answer

	watch   *watchdog
	interim func(status int, header http.Header) // gets the 1xx; nil: nobody wants them
	attempt attempt                              // what has happened
	sending *sending                             // of body; nil until that begins
}

// do gets a response for c on a connection of p. One that was kept may have
// been closed by the upstream in the meantime, and c is then sent again.
func (p *pool) do(c *call) (*http.Response, error) {
	fresh := c.closes
	for {
		k, err := p.get(c, fresh)
		if err != nil {
			return nil, err
		}
		resp, err := k.ask(c)
		if err == nil {
			return resp, nil
		}
		stale := k.kept && !fresh && c.sending == nil && !errors.Is(err, errUpstreamIdle) && c.attempt.repeatable(c.method)
		k.drop()
		c.sending.stop()
		if !stale || c.ctx.Err() != nil {
			return nil, err
		}
		fresh = true
		c.watch.watch()
	}
}

// ask sends the request of c and reads the head of the response. When there is
// an error the caller drops k. The response's body gives k back when it is
// closed; it is always to be closed.
func (k *upstreamConn) ask(c *call) (*http.Response, error) {
	k.begin(c)
	if err := k.sendHead(); err != nil {
		return nil, err
	}
	if c.body != nil {
		k.startSending(c)
	}
	scratch := requestHeads.Get().(*requestHead)
	defer scratch.release()
	for range maxInterim + 1 {
		var err error
		if scratch.bytes, err = readLines(k.br, scratch.bytes, maxResponseHead); err != nil {
			c.attempt.answered.Store(c.attempt.answered.Load() || len(scratch.bytes) > 0)
			return nil, err
		}
		c.attempt.answered.Store(true)
		h, err := parseHead(string(scratch.bytes))
		if err != nil {
			return nil, err
		}
		if h.status < 200 && !(h.status == http.StatusSwitchingProtocols && c.upgrade) {
			if err := c.inform(&h); err != nil {
				return nil, err
			}
			continue
		}
		return k.response(c, &h)
	}
	return nil, errors.New("too many interim responses")
}

// sendHead writes the head. The deadline is that of the first Read as well.
func (k *upstreamConn) sendHead() error {
	c := k.call
	wait := c.watch.left()
	if len(c.head) <= smallHead {
		wait = min(wait, briefly)
		k.armed = true
	}
	k.SetDeadline(time.Now().Add(wait))
	n, err := k.Conn.Write(c.head)
	if n > 0 {
		c.attempt.sent.Store(true)
	}
	return err
}

// smallHead is what fits into any socket's buffer, as long as nothing else is
// there, so that writing it cannot take any time.
const smallHead = 2 << 10

// inform deals with an interim response (RFC 9110, 15.2).
func (c *call) inform(h *responseHead) error {
	length, coded := h.header["Content-Length"], h.header["Transfer-Encoding"]
	switch {
	case h.status == http.StatusSwitchingProtocols:
		return errStatus
	case len(length) > 0 || len(coded) > 0:
		return errors.New("an interim response with a body")
	case h.status == http.StatusContinue:
		c.sending.proceed()
	case c.interim != nil:
		c.interim(h.status, h.header)
	}
	c.watch.watch()
	return nil
}

// response makes the final response.
func (k *upstreamConn) response(c *call, h *responseHead) (*http.Response, error) {
	length, err := h.bodyLength(c.method)
	if err != nil {
		return nil, err
	}
	b := &upstreamBody{k: k, left: length, closes: c.closes || length == untilClose || !h.keeps()}
	resp := &http.Response{
		Status:        h.text,
		StatusCode:    h.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        h.header,
		Body:          b,
		ContentLength: max(length, -1),
	}
	if length == chunked {
		for name := range tokens(h.header["Trailer"]) {
			if resp.Trailer == nil {
				resp.Trailer = make(http.Header)
			}
			resp.Trailer[textproto.CanonicalMIMEHeaderKey(name)] = nil
		}
		if err := b.decode(resp); err != nil {
			return nil, err
		}
	}
	return resp, nil
}

// newCall makes the call for a request of net/http's that has no body.
func newCall(req *http.Request, closes bool) (*call, error) {
	h := new(requestHead)
	for name, values := range req.Header {
		h.fields = append(h.fields, field{name, values})
	}
	host := req.Host
	if host == "" {
		host = req.URL.Host
	}
	err := h.encode(&startLine{method: req.Method, uri: req.URL.RequestURI(), host: host, close: closes, length: -1})
	return &call{
		ctx: req.Context(), address: req.URL.Host, method: req.Method, head: h.bytes,
		closes: closes, watch: new(watchdog),
	}, err
}
