package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"httpmaster/internal/socket"
	"httpmaster/router"
)

// UpstreamSettings says how upstreams are connected to. Two that are equal
// can share one Upstream, so it is the key to share them by. Zero fields mean
// the default.
type UpstreamSettings struct {
	// Scheme is "" or "http", "https" (the certificate is verified),
	// "https+insecure" (it is not), "h2c" (HTTP/2 without TLS) or "unix"
	// (HTTP over a Unix socket).
	Scheme string
	// NoKeepAlive closes each connection after its request.
	NoKeepAlive bool
	// MaxConns is how many connections one address may have at a time;
	// requests wait for one to become free. 0 means no limit.
	MaxConns int
	// MaxIdle is how many idle connections are kept per address. 0 means 256.
	MaxIdle int
	// IdleTimeout is how long an idle connection is kept. 0 means 90 s.
	IdleTimeout time.Duration
	// DialTimeout bounds the connecting, name lookup included, and then once
	// more the TLS handshake. 0 means 10 s.
	DialTimeout time.Duration
	// Roots is what "https" trusts; nil means the system's roots.
	Roots *x509.CertPool
}

const (
	upstreamMaxIdle     = 256
	upstreamIdleTime    = 90 * time.Second
	upstreamDialTimeout = 10 * time.Second
)

// vanished finds out within half a minute that a peer is gone without a word.
var vanished = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}

// unacknowledged is after how long an upstream or a tunnel's target is given up
// that takes nothing of what is sent to it.
const unacknowledged = 50 * time.Second

// Upstream is the connections to every address that is reached with the same
// settings. It is safe for concurrent use.
type Upstream struct {
	settings  UpstreamSettings
	dialer    net.Dialer
	pool      *pool           // for HTTP/1.1 without TLS, or else
	transport *http.Transport // for the rest

	expectContinue time.Duration
}

// NewUpstream makes an Upstream that has no connection yet. The caller closes
// it when no handler uses it any more.
func NewUpstream(s UpstreamSettings) *Upstream {
	u := &Upstream{settings: s, expectContinue: expectContinueTimeout}
	u.dialer = net.Dialer{Timeout: orDefault(s.DialTimeout, upstreamDialTimeout), KeepAliveConfig: vanished, Control: socket.Control(unacknowledged)}
	if u.scheme() == "http" && s.Scheme != "h2c" {
		u.pool = &pool{
			dial:        u.dial,
			maxConns:    s.MaxConns,
			maxIdle:     orDefault(s.MaxIdle, upstreamMaxIdle),
			idleTimeout: orDefault(s.IdleTimeout, upstreamIdleTime),
			hosts:       make(map[string]*poolHost),
		}
		return u
	}
	u.transport = &http.Transport{
		DialContext:            u.dial,
		TLSClientConfig:        u.tlsConfig(),
		TLSHandshakeTimeout:    orDefault(s.DialTimeout, upstreamDialTimeout),
		DisableCompression:     true, // or it would ask for gzip in the client's name
		DisableKeepAlives:      s.NoKeepAlive,
		MaxConnsPerHost:        s.MaxConns,
		MaxIdleConnsPerHost:    orDefault(s.MaxIdle, upstreamMaxIdle),
		IdleConnTimeout:        orDefault(s.IdleTimeout, upstreamIdleTime),
		ExpectContinueTimeout:  expectContinueTimeout,
		MaxResponseHeaderBytes: maxResponseHead,
		Protocols:              u.protocols(),
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: vanished.Idle, PingTimeout: vanished.Idle},
	}
	return u
}

// RoundTrip sends req, which has no body, and gives the response, as
// http.RoundTripper says. A request is sent again on another connection only
// where nothing of it, or nothing that has an effect, can have reached the
// upstream.
func (u *Upstream) RoundTrip(req *http.Request) (*http.Response, error) {
	if u.pool == nil {
		return u.transport.RoundTrip(req)
	}
	if req.Body != nil {
		req.Body.Close()
		return nil, errors.New("a request with a body goes through a Proxy")
	}
	c, err := newCall(req, u.settings.NoKeepAlive)
	if err != nil {
		return nil, err
	}
	return u.pool.do(c)
}

// Close drops the idle connections. Requests under way end undisturbed; their
// connections are dropped then, or, over a transport of net/http, once they
// have been idle for IdleTimeout.
func (u *Upstream) Close() {
	if u.pool != nil {
		u.pool.close()
		return
	}
	u.transport.CloseIdleConnections()
}

// CheckTarget tells at load whether t is something that can be proxied to.
func CheckTarget(t *router.Target) error {
	schemes := []string{"", "http", "https", "https+insecure", "h2c", "unix"}
	switch {
	case !slices.Contains(schemes, t.Scheme):
		return fmt.Errorf("%q cannot be proxied to, use one of %s", t.Scheme, strings.Join(schemes[1:], ", "))
	case t.Scheme != "unix" && t.Host == nil && t.Port == nil:
		return errors.New("it names no upstream, write its host or port first")
	case t.Fragment != nil:
		return errors.New("what follows # is never sent to an upstream, remove it")
	}
	return nil
}

func (u *Upstream) tls() bool {
	return u.settings.Scheme == "https" || u.settings.Scheme == "https+insecure"
}

func (u *Upstream) tlsConfig() *tls.Config {
	return &tls.Config{
		RootCAs:            u.settings.Roots,
		InsecureSkipVerify: u.settings.Scheme == "https+insecure", // asked for by name, for this hop alone
		ClientSessionCache: tls.NewLRUClientSessionCache(0),
	}
}

func (u *Upstream) protocols() *http.Protocols {
	p := new(http.Protocols)
	switch {
	case u.settings.Scheme == "h2c":
		p.SetUnencryptedHTTP2(true)
	case u.tls():
		p.SetHTTP1(true)
		p.SetHTTP2(true)
	default:
		p.SetHTTP1(true)
	}
	return p
}

// scheme is what the upstream's URLs begin with.
func (u *Upstream) scheme() string {
	if u.tls() {
		return "https"
	}
	return "http"
}

// address is the host:port of an upstream's URLs, where host and port may be
// left out. A Unix socket has its path, which no URL can hold as a host, in
// hexadecimal there.
func (u *Upstream) address(host, port string) string {
	if host == "" {
		host = "127.0.0.1"
	}
	if port == "" {
		port = "80"
		if u.tls() {
			port = "443"
		}
	}
	return net.JoinHostPort(host, port)
}

func socketAddress(path string) string {
	return hex.EncodeToString([]byte(path)) + ":80"
}

// dial connects to an address that address or socketAddress made.
func (u *Upstream) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if u.settings.Scheme != "unix" {
		return u.dialer.DialContext(ctx, network, address)
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	path, err := hex.DecodeString(host)
	if err != nil {
		return nil, err
	}
	return u.dialer.DialContext(ctx, "unix", string(path))
}

// dialHTTP1 makes a connection of its own, outside of the pool, for a request
// that may leave HTTP. The caller closes it.
func (u *Upstream) dialHTTP1(ctx context.Context, address string) (net.Conn, error) {
	conn, err := u.dial(ctx, "tcp", address)
	if err != nil || !u.tls() {
		return conn, err
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		conn.Close()
		return nil, err
	}
	cfg := u.tlsConfig()
	cfg.ServerName = host
	cfg.NextProtos = []string{"http/1.1"}
	ctx, cancel := context.WithTimeout(ctx, u.dialer.Timeout)
	defer cancel()
	tlsConn := tls.Client(conn, cfg)
	if err := tlsConn.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return tlsConn, nil
}

// orDefault gives v, or def where v is not set.
func orDefault[T int | time.Duration](v, def T) T {
	if v == 0 {
		return def
	}
	return v
}
