package front

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"time"
)

const (
	// sshVersion is how a client of SSH 2 begins (RFC 4253, 4.2).
	sshVersion = "SSH-2.0-"
	// sshSilence is how long a client of TLS or HTTP never waits before it
	// says something; one of SSH may wait for the server to begin.
	sshSilence = 2 * time.Second
)

// SSH takes over a connection that speaks SSH, of which early has been read
// already, and closes it.
type SSH func(ctx context.Context, conn net.Conn, early []byte)

// sniff finds out what a connection speaks by its first bytes, and brings it on
// its way.
func (l *Listener) sniff(c *conn, s *Settings) {
	ssh, err := c.looksLikeSSH(s.Sniff)
	_ = c.SetReadDeadline(time.Time{})
	switch {
	case err != nil:
		l.log.Debug("a connection ended with its first bytes", "port", l.name, "client", c.RemoteAddr(), "reason", err)
		_ = c.Close()
	case ssh:
		c.served.Store(true)
		early := c.early
		c.early = nil
		s.SSH(l.context, c, early)
	default:
		l.proceed(c, s)
	}
}

// looksLikeSSH reads until it is clear; what it reads is kept in c.early.
func (c *conn) looksLikeSSH(patience time.Duration) (bool, error) {
	var buf [len(sshVersion)]byte
	n := 0
	_ = c.Conn.SetReadDeadline(time.Now().Add(min(sshSilence, patience)))
	end := time.Now().Add(patience)
	for {
		m, err := c.Conn.Read(buf[n:])
		n += m
		switch {
		case n == 0 && errors.Is(err, os.ErrDeadlineExceeded):
			return true, nil
		case m == 0 && err != nil:
			return false, err
		}
		c.early = buf[:n]
		switch {
		case !strings.HasPrefix(sshVersion, string(c.early)):
			return false, nil
		case n == len(sshVersion):
			return true, nil
		}
		_ = c.Conn.SetReadDeadline(end)
	}
}

// Read gives what sniffing has read first.
func (c *conn) Read(p []byte) (int, error) {
	if len(c.early) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.early)
	c.early = c.early[n:]
	return n, nil
}
