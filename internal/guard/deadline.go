package guard

import "time"

// SetReadDeadline sets the deadline for reading. While the server or a handler
// has set none, Limits.Body holds for a body.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = !t.IsZero()
	return c.Conn.SetReadDeadline(t)
}

// SetDeadline sets the deadlines for reading and writing.
func (c *Conn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = !t.IsZero()
	return c.Conn.SetDeadline(t)
}

// awaitBody gives the client time to send more of a body, unless it is bounded
// already. The server lifts deadlines when it goes on to something else.
func (c *Conn) awaitBody() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.deadline {
		_ = c.Conn.SetReadDeadline(time.Now().Add(c.limits.Body))
	}
}
