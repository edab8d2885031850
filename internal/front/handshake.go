package front

import (
	"crypto/tls"
	"errors"
	"io"
	"time"

	"httpmaster/internal/guard"
)

// plainOnTLS answers who speaks HTTP where TLS is spoken.
const plainOnTLS = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n" +
	"400 Bad Request: this port speaks TLS, use https:// instead of http://\n"

// handshake makes a TLS connection of c and gives it to the server: HTTP/2 as
// the *tls.Conn that net/http knows it by, HTTP/1 with a guard.
func (l *Listener) handshake(c *conn, s *Settings) {
	conn := tls.Server(c, s.TLS)
	_ = c.SetDeadline(time.Now().Add(s.Handshake))
	if err := conn.Handshake(); err != nil {
		l.handshakeFailed(c, err)
		return
	}
	_ = c.SetDeadline(time.Time{})
	switch conn.ConnectionState().NegotiatedProtocol {
	case "h2":
		l.serve(c, conn)
	case "", "http/1.1":
		l.serve(c, guard.NewTLS(conn, &s.Guard, l.refused))
	default: // a certificate authority that has seen what it wanted (RFC 8737)
		_ = conn.Close()
	}
}

func (l *Listener) handshakeFailed(c *conn, err error) {
	defer c.Close()
	l.counts.FailedHandshakes.Add(1)
	var record tls.RecordHeaderError
	if errors.As(err, &record) && record.Conn != nil && looksLikeHTTP(record.RecordHeader) {
		_, _ = io.WriteString(c, plainOnTLS)
		_ = c.CloseWrite()
		_, _ = io.CopyN(io.Discard, c, 64<<10) // or a reset might take the answer away
		err = errors.New("HTTP without TLS")
	}
	l.log.Debug("a TLS handshake failed", "port", l.name, "client", c.RemoteAddr(), "reason", err)
}

func looksLikeHTTP(b [5]byte) bool {
	switch string(b[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "DELET", "PATCH":
		return true
	}
	return false
}
