package guard

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Limits bounds what one request may be and how slowly it may come.
type Limits struct {
	HeadBytes int // of a head, its request line included
	HeadLines int // header lines of a head
	URIBytes  int // of the request line's target

	// Head is how long a head may take from its first byte to its last; the
	// first one of a connection from the connection's beginning.
	Head time.Duration
	// Body is how long a client may send nothing while its body is waited
	// for, where whoever reads the body has set no deadline.
	Body time.Duration
}

// How long, and for how many bytes, a connection that got a refusal stays open
// for what the client still sends. Closing it at once would make the kernel
// reset it, and throw away the answer that is on its way.
const (
	lingerTime  = time.Second
	lingerBytes = 256 << 10
)

// Conn is a client's connection as an http.Server may have it. It is read by
// one goroutine at a time.
type Conn struct {
	net.Conn // the socket, or the TLS on it

	limits *Limits
	report func(c *Conn, r *Refusal)

	step  step
	stash stash
	ready error // of reading, for when the stash is empty

	// Between requests, and in a head.
	head    head
	begun   bool // the deadline for the whole head is set
	given   bool // the first byte of the stash has been given out already
	newline int  // bytes of an empty line in front of a head
	upgrade bool // the request before asked for one

	// In a head that has been found good, a body, or neither.
	left   int64 // bytes of the head, or of a body of known length
	chunks chunks

	mu       sync.Mutex // guards the order of deadlines
	deadline bool       // the server or its handler has set one for reading
}

type step uint8

const (
	inHead   step = iota
	inGiving      // the rest of a head, from the stash
	inFixed
	inChunked
	passing // no HTTP any more
	ended
)

// Plain is a Conn on a bare socket. Copying to it is done by the kernel where
// that is possible.
type Plain struct{ Conn }

// TLS is a Conn on a *tls.Conn.
type TLS struct {
	Conn
	state tls.ConnectionState
}

// NewPlain makes the guard of a connection without TLS. report is told why a
// request was refused, before that is answered.
func NewPlain(conn net.Conn, limits *Limits, report func(*Conn, *Refusal)) *Plain {
	p := &Plain{Conn{Conn: conn, limits: limits, report: report}}
	p.begin()
	return p
}

// NewTLS makes the guard of a connection whose TLS handshake is complete.
func NewTLS(conn *tls.Conn, limits *Limits, report func(*Conn, *Refusal)) *TLS {
	t := &TLS{Conn{Conn: conn, limits: limits, report: report}, conn.ConnectionState()}
	t.begin()
	return t
}

// ConnectionState is how net/http learns about the TLS of a request.
func (t *TLS) ConnectionState() tls.ConnectionState { return t.state }

// begin starts the time for the first head.
func (c *Conn) begin() {
	c.begun = true
	_ = c.Conn.SetReadDeadline(time.Now().Add(c.limits.Head))
}

// Read gives what has come of the request, never more than to its end.
func (c *Conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	switch c.step {
	case inHead:
		if len(p) == 1 {
			return c.glance(p)
		}
		return c.readHead(p)
	case inGiving:
		n := c.stash.take(p[:min(int64(len(p)), c.left)])
		if c.left -= int64(n); c.left == 0 {
			c.enterBody()
		}
		return n, nil
	case inFixed, inChunked:
		return c.readBody(p)
	case passing:
		if !c.stash.empty() {
			return c.stash.take(p), nil
		}
		return c.Conn.Read(p)
	}
	return 0, io.EOF
}

// glance gives a single byte, which is how net/http watches, while a handler
// runs, whether the client is still there. It goes out unchecked: the server
// asks for more only when it has answered.
func (c *Conn) glance(p []byte) (int, error) {
	for {
		if !c.stash.empty() {
			p[0] = c.stash.data[0]
		} else if n, err := c.Conn.Read(p); n == 0 {
			return 0, err
		} else {
			c.stash.add(p)
		}
		if c.skipNewline(c.stash.data[:1]) == 0 {
			c.given = true
			return 1, nil
		}
		c.stash.drop(1)
	}
}

// skipNewline counts the bytes at b's beginning that are an empty line in front
// of a request: one is to be ignored (RFC 9112, 2.2). Behind a request for an
// upgrade there may be something else than HTTP.
func (c *Conn) skipNewline(b []byte) (n int) {
	const newline = "\r\n"
	for !c.upgrade && n < len(b) && c.newline < len(newline) && b[n] == newline[c.newline] && c.head.scanned == 0 {
		c.newline++
		n++
	}
	return n
}

// readHead waits for a complete head and gives the beginning of the request.
func (c *Conn) readHead(p []byte) (int, error) {
	if !c.stash.empty() {
		return c.gatherHead(p)
	}
	if c.ready != nil {
		return 0, c.ready
	}
	n, err := c.Conn.Read(p)
	if n == 0 {
		return 0, c.waitEnded(err)
	}
	if skipped := c.skipNewline(p[:n]); skipped > 0 {
		n = copy(p, p[skipped:n])
	}
	c.ready = err
	if n == 0 {
		return c.readHead(p)
	}
	done, refused := c.readLines(p[:n])
	switch {
	case refused != nil:
		return 0, c.refuse(refused)
	case !done:
		c.stash.add(p[:n])
		return c.gatherHead(p)
	}
	size := c.head.at
	c.enterBody()
	if c.step != inHead {
		used, err := c.follow(p[size:n])
		if err != nil {
			c.ready, n = err, size+used
		}
		size += used
	}
	c.stash.add(p[size:n])
	return size, nil
}

// readLines looks at what there is of a head.
func (c *Conn) readLines(b []byte) (done bool, refused *Refusal) {
	if c.newline == 1 {
		return false, bareCR
	}
	return c.head.read(b, c.limits)
}

// gatherHead completes, in the stash, a head of which there is a part.
func (c *Conn) gatherHead(p []byte) (int, error) {
	if !c.given {
		c.stash.drop(c.skipNewline(c.stash.data))
		if c.stash.empty() {
			return c.readHead(p)
		}
	}
	for {
		done, refused := c.readLines(c.stash.data)
		if refused != nil {
			return 0, c.refuse(refused)
		}
		if done {
			break
		}
		if c.ready == nil {
			c.headBegun()
			c.ready = c.stash.fill(c.Conn)
		}
		if c.ready != nil && c.head.scanned == len(c.stash.data) {
			return 0, c.waitEnded(c.ready)
		}
	}
	c.step, c.left = inGiving, int64(c.head.at)
	if c.given {
		c.stash.drop(1)
		c.left--
	}
	return c.Read(p)
}

// headBegun starts the time for a head of which there is a part.
func (c *Conn) headBegun() {
	if !c.begun {
		c.begun = true
		c.SetReadDeadline(time.Now().Add(c.limits.Head))
	}
}

// waitEnded gives the error with which waiting for a head has ended. There is
// an answer to what has begun, none to silence.
func (c *Conn) waitEnded(err error) error {
	switch {
	case c.head.scanned == 0:
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return c.refuse(tooSlow)
	case err == io.EOF:
		return c.refuse(cutShort)
	}
	return err
}

// enterBody goes on to what follows the head that has been read.
func (c *Conn) enterBody() {
	h := &c.head
	c.left, c.step = h.length, inFixed
	switch {
	case h.chunked:
		c.step = inChunked
	case h.length <= 0:
		c.step = inHead
	}
	c.upgrade = h.upgrade
	c.head = head{}
	c.begun, c.given, c.newline = false, false, 0
}

// readBody gives a part of a body, as it was sent.
func (c *Conn) readBody(p []byte) (int, error) {
	if c.stash.empty() {
		return c.receiveBody(p)
	}
	used, err := c.follow(c.stash.data[:min(len(p), len(c.stash.data))])
	n := c.stash.take(p[:used])
	if err != nil {
		c.stash.drop(len(c.stash.data))
		c.ready = err
		if n == 0 {
			return 0, err
		}
	}
	return n, nil
}

func (c *Conn) receiveBody(p []byte) (int, error) {
	if c.ready != nil {
		return 0, c.ready
	}
	if c.step == inFixed && int64(len(p)) > c.left {
		p = p[:c.left]
	}
	c.awaitBody()
	n, err := c.Conn.Read(p)
	used, bad := c.follow(p[:n])
	if bad != nil {
		c.ready = bad
		if used == 0 {
			return 0, bad
		}
		return used, nil
	}
	c.stash.add(p[used:n])
	if n > 0 {
		c.ready = err
		return used, nil
	}
	return 0, err
}

// follow tells how many bytes of b belong to the body.
func (c *Conn) follow(b []byte) (used int, err error) {
	if c.step == inFixed {
		used = int(min(int64(len(b)), c.left))
		if c.left -= int64(used); c.left == 0 {
			c.step = inHead
		}
		return used, nil
	}
	used, done, err := c.chunks.scan(b)
	if done {
		c.step = inHead
	}
	return used, err
}

// refuse answers instead of the server, and ends the connection.
func (c *Conn) refuse(r *Refusal) error {
	c.step = ended
	c.stash.drop(len(c.stash.data))
	c.report(c, r)
	_ = c.Conn.SetDeadline(time.Now().Add(lingerTime))
	if _, err := c.Conn.Write(r.answer()); err != nil {
		return io.EOF
	}
	if c.CloseWrite() == nil {
		_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
	}
	return io.EOF
}
