package proxy

import (
	"errors"
	"io"
	"maps"
	"net/http"
)

// upstreamBody is the body of a response over an upstreamConn, which it gives
// back when it is closed.
type upstreamBody struct {
	k      *upstreamConn
	left   int64 // bytes that are due; or chunked or untilClose, and 0 at the end
	closes bool  // the connection cannot be used again

	chunks chunks         // of a body in chunks
	resp   *http.Response // gets the trailer of one
}

var errBodyClosed = errors.New("read of a response that is closed")

// decode makes b a body in chunks, whose trailer goes to resp. Where the first
// chunk is malformed, and is there already, the response can be refused as a
// whole.
func (b *upstreamBody) decode(resp *http.Response) error {
	b.resp = resp
	if b.chunks.lineAtHand(b.k.br) {
		return b.chunks.next(b.k.br)
	}
	return nil
}

// Read gives what is there, and waits only when that is nothing.
func (b *upstreamBody) Read(p []byte) (int, error) {
	switch {
	case b.k == nil:
		return 0, errBodyClosed
	case b.left == chunked:
		return b.readChunks(p)
	case b.left == untilClose:
		n, err := b.k.br.Read(p)
		if err == io.EOF {
			b.left = 0
		}
		return n, err
	case b.left == 0:
		return 0, io.EOF
	}
	n, err := b.k.br.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	switch {
	case b.left == 0:
		return n, io.EOF
	}
	return n, unexpected(err)
}

func (b *upstreamBody) readChunks(p []byte) (int, error) {
	br := b.k.br
	n, err := b.chunks.read(br, p)
	if err != io.EOF {
		return n, err
	}
	if n > 0 {
		ahead, _ := br.Peek(min(br.Buffered(), len("\r\n")))
		if string(ahead) != "\r\n" {
			return n, nil // it is not held back until the end is there, too
		}
	}
	if err := b.readTrailer(); err != nil {
		return n, err
	}
	b.left = 0
	return n, io.EOF
}

// readTrailer reads what is behind the last chunk (RFC 9112, 7.1.2).
func (b *upstreamBody) readTrailer() error {
	if next, _ := b.k.br.Peek(2); string(next) == "\r\n" {
		b.k.br.Discard(2)
		return nil
	}
	text, err := readLines(b.k.br, nil, maxTrailer)
	if err != nil {
		return unexpected(err)
	}
	trailer, err := parseFields(string(text))
	if err != nil {
		return err
	}
	if b.resp.Trailer == nil {
		b.resp.Trailer = trailer
		return nil
	}
	maps.Copy(b.resp.Trailer, trailer)
	return nil
}

// Close gives the connection back, or closes it where it is not known to stand
// at the begin of another response.
func (b *upstreamBody) Close() error {
	k := b.k
	if k == nil {
		return nil
	}
	b.k = nil
	s := k.call.sending
	sent := s == nil || s.whole.Load()
	if b.closes || b.left != 0 || !sent || k.br.Buffered() > 0 || k.spoilt {
		s.stop()
		k.drop()
		return nil
	}
	k.end()
	k.pool.put(k)
	return nil
}
