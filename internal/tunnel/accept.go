package tunnel

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"nhooyr.io/websocket"
)

// The subprotocols that Accept agrees to. Both came with noVNC and websockify;
// base64 is for clients that can only send text.
const (
	protocolBinary = "binary"
	protocolBase64 = "base64"
)

// HandshakeError says why a request is no WebSocket handshake.
type HandshakeError struct {
	// Status is what to answer: 426 for a request that is no WebSocket or has
	// the wrong version, 400 for a handshake that is broken.
	Status int
	// Version is set when the client should be told that we speak version 13.
	Version bool
	// Msg is for the client.
	Msg string
}

func (e *HandshakeError) Error() string { return e.Msg }

// CheckHandshake reports whether r is a WebSocket handshake (RFC 6455, 4.2.1).
// The error is a *HandshakeError. It does not look at Origin.
func CheckHandshake(r *http.Request) error {
	switch {
	case r.ProtoMajor != 1, !hasToken(r.Header["Connection"], "upgrade"), !hasToken(r.Header["Upgrade"], "websocket"):
		return &HandshakeError{Status: http.StatusUpgradeRequired, Msg: "this address needs a WebSocket"}
	case r.ProtoMinor < 1:
		return badHandshake("a WebSocket needs HTTP/1.1")
	case r.Method != http.MethodGet:
		return badHandshake("a WebSocket is opened with GET")
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0:
		return badHandshake("a WebSocket handshake has no body")
	}
	if v := r.Header["Sec-Websocket-Version"]; len(v) != 1 || strings.TrimSpace(v[0]) != "13" {
		return &HandshakeError{Status: http.StatusUpgradeRequired, Version: true, Msg: "only WebSocket version 13 is spoken here"}
	}
	keys := r.Header["Sec-Websocket-Key"]
	if len(keys) != 1 {
		return badHandshake("a WebSocket handshake has one Sec-WebSocket-Key")
	}
	if key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(keys[0])); err != nil || len(key) != 16 {
		return badHandshake("Sec-WebSocket-Key must be 16 bytes in base64")
	}
	return nil
}

func badHandshake(msg string) error {
	return &HandshakeError{Status: http.StatusBadRequest, Msg: msg}
}

// hasToken reports whether one of the comma-separated values is token.
func hasToken(values []string, token string) bool {
	for _, v := range values {
		for t := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}

// WantsResume reports whether r, a WebSocket handshake, is for a session that is
// to go on. Such a request gets no connection of its own to the target.
func WantsResume(r *http.Request) bool {
	return hasToken(r.Header["Sec-Websocket-Protocol"], protocolResume)
}

// WantsSession reports whether what Accept makes of r, a WebSocket handshake,
// can be a session: CanResume of it.
func WantsSession(r *http.Request) bool {
	return hasToken(r.Header["Sec-Websocket-Protocol"], protocolTunnel)
}

// Accept answers a request that CheckHandshake found good with 101 and takes
// its connection over; the server's deadlines no longer apply to it. Bytes that
// the client sent right behind its request are not lost. The caller has checked
// Origin. On error the request may have been answered already.
func Accept(w http.ResponseWriter, r *http.Request) (*Conn, error) {
	h := &hijacker{ResponseWriter: w}
	ws, err := websocket.Accept(h, r, &websocket.AcceptOptions{
		Subprotocols:       []string{protocolTunnel, protocolResume, protocolBinary, protocolBase64},
		InsecureSkipVerify: true, // that is Origin
		CompressionMode:    websocket.CompressionDisabled,
	})
	if err != nil {
		if h.conn != nil {
			_ = h.conn.Close()
		}
		return nil, fmt.Errorf("WebSocket handshake: %w", err)
	}
	_ = ws.CloseNow()
	return newConn(h.conn, h.early, false, ws.Subprotocol()), nil
}

// hijacker takes the connection over when the WebSocket library, which does the
// handshake and no more, asks for it. The library looks for http.Hijacker on the
// writer itself and not through Unwrap.
type hijacker struct {
	http.ResponseWriter
	conn  net.Conn
	early []byte
}

func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	early, _ := rw.Reader.Peek(rw.Reader.Buffered())
	h.conn, h.early = conn, bytes.Clone(early)
	// net/http never looks at these again, but keeps them until the handler
	// returns, with a buffer of 4 KiB each.
	*rw.Reader, *rw.Writer = bufio.Reader{}, bufio.Writer{}
	return dead{}, bufio.NewReadWriter(bufio.NewReaderSize(dead{}, 16), bufio.NewWriterSize(dead{}, 16)), nil
}

// dead is what the WebSocket library gets for a connection.
type dead struct{ net.Conn }

func (dead) Read([]byte) (int, error)  { return 0, io.EOF }
func (dead) Write([]byte) (int, error) { return 0, net.ErrClosed }
func (dead) Close() error              { return nil }
