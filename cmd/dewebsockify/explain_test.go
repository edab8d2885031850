package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"syscall"
	"testing"
	"time"

	"httpmaster/internal/tunnel"
)

func TestExplain(t *testing.T) {
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	proxy := &url.URL{Scheme: "http", User: url.UserPassword("me", "secret"), Host: "proxy.lan:3128"}
	tests := []struct {
		name string
		err  error
		code int
		want string
	}{
		{"no such name", dial(&net.DNSError{Err: "no such host", Name: "a.example", IsNotFound: true}), 3, `there is no host "a.example"`},
		{"no DNS", dial(&net.DNSError{Err: "server misbehaving", Name: "a.example", IsTemporary: true}), 3, `the name "a.example" cannot be looked up: server misbehaving`},
		{"refused", dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)), 3, "a.example:8443 cannot be reached: connection refused"},
		{"no route", dial(os.NewSyscallError("connect", syscall.EHOSTUNREACH)), 3, "a.example:8443 cannot be reached: connect: no route to host"},
		{"no answer", fmt.Errorf("handshake: %w", context.DeadlineExceeded), 3, "a.example:8443 did not answer within 30s"},
		{"proxy", &tunnel.ProxyError{Proxy: proxy, Err: dial(syscall.ECONNREFUSED)}, 3, "the proxy proxy.lan:3128 cannot be reached: connection refused"},
		{"no such proxy", &tunnel.ProxyError{Proxy: proxy, Err: dial(&net.DNSError{Err: "no such host", Name: "proxy.lan", IsNotFound: true})}, 3, `there is no proxy "proxy.lan": no such host`},
		{"no proxy", &tunnel.ProxyError{Proxy: proxy, Err: io.ErrUnexpectedEOF}, 3, "the proxy proxy.lan:3128 does not answer as an http proxy does: unexpected EOF"},
		{"proxy unclear", &tunnel.ProxyError{Err: errors.New("invalid proxy address")}, 3, "HTTPS_PROXY, HTTP_PROXY or ALL_PROXY cannot be used: invalid proxy address"},
		{"proxy wants a password", &tunnel.RefusedError{Status: 407, ByProxy: true}, 4, "the proxy wants a user and password, or others than these: put them in --proxy or HTTPS_PROXY, as http://user:password@proxy:port"},
		{"proxy refuses", &tunnel.RefusedError{Status: 403, ByProxy: true, Body: "403 Forbidden\nnot at work\n"}, 4, "the proxy refused to connect to a.example:8443: 403 Forbidden: not at work"},
		{"SOCKS proxy refuses", &tunnel.RefusedError{ByProxy: true, Body: "connection refused"}, 4, "the proxy refused to connect to a.example:8443: connection refused"},
		{"TLS alert", &net.OpError{Op: "remote error", Err: tls.AlertError(40)}, 5, "TLS: a.example:8443 ended the handshake: tls: handshake failure"},
		{"not HTTP", errors.New("malformed HTTP response \"SSH-2.0-\x1b\""), 3, `a.example:8443 does not answer as a WebSocket does: malformed HTTP response "SSH-2.0- "`},
	}
	u, err := url.Parse("wss://user:secret@a.example:8443/x")
	if err != nil {
		t.Fatal(err)
	}
	c := &client{forward: &forward{url: u}}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := c.explain(test.err); got.code != test.code || got.text != test.want {
				t.Errorf("%d %q\nwant %d %q", got.code, got.text, test.code, test.want)
			}
		})
	}
}

func TestExplainEnd(t *testing.T) {
	tests := []struct {
		err  error
		want string
	}{
		{&tunnel.CloseError{Code: 1008, Reason: "idle for 1h\x1b"}, "the server closed the tunnel: idle for 1h"},
		{&tunnel.CloseError{Code: 4000}, "the server closed the tunnel with code 4000"},
		{&tunnel.ResetError{Reason: "idle for 1h\x1b"}, "the server closed the tunnel: idle for 1h"},
		{&tunnel.NotResumedError{Err: errors.New("the server does not know it")}, "the session cannot be resumed: the server does not know it"},
		{&tunnel.NotResumedError{Err: &tunnel.AwayError{Waited: time.Minute, Err: &tunnel.RefusedError{Status: 502}}}, "the session cannot be resumed: there was no connection for 1m0s: the server refused the tunnel: 502 Bad Gateway"},
		{errors.New("the WebSocket connection was lost: x\ny"), "the WebSocket connection was lost: x y"},
	}
	for _, test := range tests {
		c := &client{forward: &forward{url: &url.URL{Scheme: "wss", Host: "a.example"}}}
		if got := c.explainEnd(test.err); got.code != 1 || got.text != test.want {
			t.Errorf("%d %q, want %q", got.code, got.text, test.want)
		}
	}
}
