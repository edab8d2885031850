package tunnel

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"

	"nhooyr.io/websocket"
)

// Dialer opens WebSockets as a client. The zero value verifies certificates
// against the system's roots and uses no proxy.
type Dialer struct {
	Header http.Header // sent with every handshake; a Host in it is the request's host
	TLS    *tls.Config // for wss and https; nil means the defaults
	// Proxy gives the proxy for a request, as in http.Transport; nil means none.
	// Its URL may have a user and password, and is one of http, https, socks5 and
	// socks5h; the last two are the same, for the proxy looks up the server's name.
	Proxy func(*http.Request) (*url.URL, error)
	// ProxyTLS is for proxies that are spoken to over TLS; nil means the defaults.
	ProxyTLS *tls.Config
	// Net makes the TCP connections, to the server or to the proxy. It tries
	// IPv4 soon after IPv6 (RFC 8305).
	Net net.Dialer
}

// RefusedError is an HTTP answer that is not a WebSocket.
type RefusedError struct {
	Status   int    // such as 403; 0 of a SOCKS proxy, which has a text for Body instead
	Location string // of a redirect, made absolute; redirects are not followed
	Body     string // the first bytes of the body, at most 1024, as the server sent them
	// ByProxy is set when it was not the server but the proxy on the way that
	// refused.
	ByProxy bool
}

func (e *RefusedError) Error() string {
	who := "server"
	if e.ByProxy {
		who = "proxy"
	}
	if e.Status == 0 {
		return "the " + who + " refused: " + e.Body
	}
	return fmt.Sprintf("the %s answered %d %s", who, e.Status, http.StatusText(e.Status))
}

// Dial opens a WebSocket to a ws, wss, http or https URL; a user and password in
// it are sent as HTTP Basic credentials. ctx bounds the handshake only. The
// error is a *RefusedError where the server answered with something else.
func (d *Dialer) Dial(ctx context.Context, address string) (*Conn, error) {
	return d.dial(ctx, address, protocolBinary)
}

// DialSession is Dial for Forward: it opens a tunnel that can be resumed, where
// the server can do that, and a plain one elsewhere.
func (d *Dialer) DialSession(ctx context.Context, address string) (*Conn, error) {
	return d.dial(ctx, address, protocolTunnel, protocolBinary)
}

// DialResume is Dial for a session that is to go on. The error is ErrNoSessions
// where the server has none.
func (d *Dialer) DialResume(ctx context.Context, address string) (*Conn, error) {
	ws, err := d.dial(ctx, address, protocolResume)
	if err == nil && !ws.CanResume() {
		ws.CloseNow()
		return nil, ErrNoSessions
	}
	return ws, err
}

// ErrNoSessions says that a server does not know the protocol that a session
// is resumed with.
var ErrNoSessions = errors.New("the server does not resume sessions")

func (d *Dialer) dial(ctx context.Context, address string, protocols ...string) (*Conn, error) {
	u := &upgrader{dialer: d}
	u.transport.TLSClientConfig = d.TLS
	u.transport.DisableKeepAlives = true // a connection is taken over or of no more use
	u.transport.MaxResponseHeaderBytes = 64 << 10
	u.transport.Protocols = new(http.Protocols) // an HTTP/2 connection cannot be taken over
	u.transport.Protocols.SetHTTP1(true)
	ws, resp, err := websocket.Dial(ctx, address, &websocket.DialOptions{
		HTTPClient: &http.Client{
			Transport:     u,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		HTTPHeader:   d.Header,
		Host:         d.Header.Get("Host"),
		Subprotocols: protocols,
	})
	if err != nil {
		if u.conn != nil {
			_ = u.conn.Close()
		}
		return nil, dialError(resp, err)
	}
	_ = ws.CloseNow()
	return newConn(u.conn, u.early, true, ws.Subprotocol()), nil
}

// dialError says what a failed handshake came to.
func dialError(resp *http.Response, err error) error {
	if resp == nil || resp.StatusCode == http.StatusSwitchingProtocols {
		if u, ok := errors.AsType[*url.Error](err); ok {
			return u.Err // without the URL, which the caller knows
		}
		return err
	}
	refused := &RefusedError{Status: resp.StatusCode}
	if location, err := resp.Location(); err == nil {
		refused.Location = location.String()
	}
	if resp.Body != nil {
		body, _ := io.ReadAll(resp.Body) // from memory
		refused.Body = string(body)
	}
	return refused
}

// upgrader does one handshake for the WebSocket library and keeps the connection
// that comes of it.
type upgrader struct {
	dialer    *Dialer
	transport http.Transport
	conn      net.Conn // nil until a server has switched protocols
	early     []byte   // what was read behind its answer
}

func (u *upgrader) RoundTrip(r *http.Request) (*http.Response, error) {
	var via *url.URL
	if u.dialer.Proxy != nil {
		var err error
		if via, err = u.dialer.Proxy(r); err != nil {
			return nil, &ProxyError{Err: err}
		}
	}
	u.transport.DialContext = func(_ context.Context, _, address string) (net.Conn, error) {
		return u.dialer.dialTCP(r.Context(), via, address) // the other context does not end with the request
	}
	var conn net.Conn
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { conn = info.Conn }}
	resp, err := u.transport.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
	if err == nil && resp.StatusCode == http.StatusSwitchingProtocols {
		u.conn, u.early = conn, readBehind(conn, resp.Body)
		resp.Body = dead{}
	}
	return resp, err
}

// readBehind gives what the transport has read behind an answer that switches
// protocols, and so what body gives without waiting for conn.
func readBehind(conn net.Conn, body io.Reader) []byte {
	if conn.SetReadDeadline(time.Unix(1, 0)) != nil {
		return nil
	}
	early, _ := io.ReadAll(body)
	_ = conn.SetReadDeadline(time.Time{})
	return early
}
