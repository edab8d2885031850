package tunnel

import (
	"crypto/rand"
	"encoding/binary"
	"net"
	"time"
)

// maxQueued bounds the control frames that wait for a peer that does not read.
const maxQueued = 64 << 10

// ping sends a ping, unless the peer does not read.
func (c *Conn) ping() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queued) < maxQueued {
		c.pinged = time.Now()
		c.enqueue(opPing, nil)
	}
}

// ponged is called when the peer has answered a ping. Only the latest one need
// be answered (RFC 6455, 5.5.3), and a pong can come without any.
func (c *Conn) ponged() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.pinged.IsZero() {
		c.meter.RoundTrip.Store(int64(time.Since(c.pinged)))
		c.pinged = time.Time{}
	}
}

// queue sends a control frame. It waits only for a peer that sends pings without
// end and reads none of the answers.
func (c *Conn) queue(op byte, payload []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for op == opPong && len(c.queued) >= maxQueued && c.err == nil {
		c.changed.Wait()
	}
	c.enqueue(op, payload)
}

// enqueue is queue without a bound. c.mu is held.
func (c *Conn) enqueue(op byte, payload []byte) {
	if c.closed || c.err != nil {
		return
	}
	c.queued = c.appendFrame(c.queued, op, payload)
	c.closed = op == opClose
	if !c.writing {
		c.writing = true
		c.flushers.Go(func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.flush()
		})
	}
}

// write sends whole frames of data and returns when the kernel has them.
func (c *Conn) write(frames []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.writing {
		c.changed.Wait()
	}
	if c.err != nil {
		return c.err
	}
	if c.closed {
		return net.ErrClosed
	}
	c.writing = true
	c.give(frames)
	c.flush()
	return c.err
}

// flush writes what is queued and ends writing, which is the caller's. c.mu is
// held, but not while writing.
func (c *Conn) flush() {
	for len(c.queued) > 0 && c.err == nil {
		p := c.queued
		c.queued = nil
		c.changed.Broadcast()
		c.give(p)
	}
	c.writing = false
	c.changed.Broadcast()
}

// give writes p to conn. c.mu is held, but not while writing.
func (c *Conn) give(p []byte) {
	c.mu.Unlock()
	_, err := c.conn.Write(p)
	c.mu.Lock()
	if err != nil && c.err == nil {
		c.err = err
	}
}

// blocked says whether the peer's lack of reading keeps something from being
// written.
func (c *Conn) blocked() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writing
}

// newKey gives what to mask a frame with: nothing for a server, and what nobody
// can foresee for a client (RFC 6455, 5.3 and 10.3).
func (c *Conn) newKey() (key uint32) {
	for c.client && key == 0 {
		var b [4]byte
		_, _ = rand.Read(b[:]) // never fails
		key = binary.LittleEndian.Uint32(b[:])
	}
	return key
}

// appendFrame adds a frame with a copy of payload.
func (c *Conn) appendFrame(b []byte, op byte, payload []byte) []byte {
	key := c.newKey()
	b = appendHeader(b, op, len(payload), key)
	n := len(b)
	b = append(b, payload...)
	mask(b[n:], b[n:], key)
	return b
}

// frame makes frames of what stands in b behind headRoom, at most batch times
// maxPayload bytes. They stand in the same array.
func (c *Conn) frame(op byte, b []byte) []byte {
	payload := b[headRoom:]
	headers := 0
	for left := len(payload); left > 0; left -= maxPayload {
		headers += headerLength(min(left, maxPayload), c.client)
	}
	out := b[headRoom-headers : headRoom-headers]
	for len(payload) > 0 {
		n := min(len(payload), maxPayload)
		key := c.newKey()
		out = appendHeader(out, op, n, key)
		out = piece{payload: payload[:n], key: key}.appendTo(out)
		payload = payload[n:]
	}
	return out
}
