package tunnel

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/net/proxy"
)

const (
	// maxAnswer bounds what a proxy may say before the tunnel begins.
	maxAnswer = 64 << 10
	// maxSaid bounds what is read of the body of a refusal.
	maxSaid = 1024
	// sayWait is how long a proxy that has refused may take over the body.
	sayWait = 2 * time.Second
)

// ProxyError says that the proxy on the way to the server could not be reached,
// or did not answer as a proxy does.
type ProxyError struct {
	Proxy *url.URL // nil when it is not known which
	Err   error
}

func (e *ProxyError) Error() string { return "the proxy: " + e.Err.Error() }
func (e *ProxyError) Unwrap() error { return e.Err }

// dialTCP connects to address, "host:port", through via unless it is nil.
func (d *Dialer) dialTCP(ctx context.Context, via *url.URL, address string) (net.Conn, error) {
	if via == nil {
		return d.Net.DialContext(ctx, "tcp", address)
	}
	var conn net.Conn
	var err error
	switch via.Scheme {
	case "http", "https":
		conn, err = d.dialHTTPProxy(ctx, via, address)
	case "socks5", "socks5h":
		conn, err = d.dialSOCKS(ctx, via, address)
	default:
		return nil, &ProxyError{via, fmt.Errorf("it is none of http, https, socks5 and socks5h, but %s", via.Scheme)}
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded): // it comes a moment before that of ctx, which it is
		return nil, context.DeadlineExceeded
	}
	return conn, err
}

// dialProxy connects to the proxy itself.
func (d *Dialer) dialProxy(ctx context.Context, via *url.URL) (net.Conn, error) {
	port := via.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[via.Scheme]
	}
	conn, err := d.Net.DialContext(ctx, "tcp", net.JoinHostPort(via.Hostname(), cmp.Or(port, "1080")))
	if err != nil {
		return nil, &ProxyError{via, err}
	}
	return conn, nil
}

// dialHTTPProxy has an HTTP proxy connect to address (RFC 9110, 9.3.6). That is
// for ws as well as for wss (RFC 6455, 4.1): a proxy that reads requests does
// not pass an upgrade on.
func (d *Dialer) dialHTTPProxy(ctx context.Context, via *url.URL, address string) (net.Conn, error) {
	conn, err := d.dialProxy(ctx, via)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if via.Scheme == "https" {
		config := &tls.Config{}
		if d.ProxyTLS != nil {
			config = d.ProxyTLS.Clone()
		}
		config.ServerName = via.Hostname()
		secure := tls.Client(conn, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, &ProxyError{via, err}
		}
		conn = secure
	}
	if err := d.askToConnect(conn, via, address); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// askToConnect sends a CONNECT request and reads the answer.
func (d *Dialer) askToConnect(conn net.Conn, via *url.URL, address string) error {
	request := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: http.Header{}}
	request.Header.Set("User-Agent", d.Header.Get("User-Agent"))
	if via.User != nil {
		password, _ := via.User.Password()
		basic := base64.StdEncoding.EncodeToString([]byte(via.User.Username() + ":" + password))
		request.Header.Set("Proxy-Authorization", "Basic "+basic)
	}
	if err := request.Write(conn); err != nil {
		return &ProxyError{via, err}
	}
	in := bufio.NewReader(io.LimitReader(conn, maxAnswer))
	answer, err := http.ReadResponse(in, request)
	if err != nil {
		return &ProxyError{via, err}
	}
	if answer.StatusCode/100 != 2 {
		_ = conn.SetReadDeadline(time.Now().Add(sayWait))
		said, _ := io.ReadAll(io.LimitReader(answer.Body, maxSaid))
		return &RefusedError{Status: answer.StatusCode, Body: string(said), ByProxy: true}
	}
	if in.Buffered() > 0 {
		return &ProxyError{via, errors.New("it sent something before the server was asked anything")}
	}
	return nil
}

// dialSOCKS has a SOCKS5 proxy look up and connect to address (RFC 1928 and
// 1929).
func (d *Dialer) dialSOCKS(ctx context.Context, via *url.URL, address string) (net.Conn, error) {
	var auth *proxy.Auth
	if via.User != nil {
		password, _ := via.User.Password()
		auth = &proxy.Auth{User: via.User.Username(), Password: password}
	}
	dialer, err := proxy.SOCKS5("tcp", "", auth, toProxy{d, via})
	if err != nil {
		return nil, &ProxyError{via, err}
	}
	conn, err := dialer.(proxy.ContextDialer).DialContext(ctx, "tcp", address)
	if err == nil {
		return conn, nil
	}
	if unreachable, ok := errors.AsType[*ProxyError](err); ok {
		return nil, unreachable
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err // without the addresses
	}
	if _, broken := errors.AsType[net.Error](err); broken || errors.Is(err, io.EOF) {
		return nil, &ProxyError{via, err}
	}
	return nil, &RefusedError{Body: strings.TrimPrefix(err.Error(), "unknown error "), ByProxy: true}
}

// toProxy dials the proxy, whatever address it is given.
type toProxy struct {
	dialer *Dialer
	via    *url.URL
}

func (p toProxy) Dial(network, address string) (net.Conn, error) {
	return p.DialContext(context.Background(), network, address)
}

func (p toProxy) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	return p.dialer.dialProxy(ctx, p.via)
}
