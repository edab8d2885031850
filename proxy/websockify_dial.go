package proxy

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"syscall"
	"time"

	"httpmaster/internal/socket"
	"httpmaster/router"
)

// defaultDialTimeout is for a Websockify without one.
const defaultDialTimeout = 10 * time.Second

// dialFunc connects, as net.Dialer's DialContext does.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// dialTarget connects to a target as the request has it, name lookup included, within
// DialTimeout. target is what the log calls it. The error is a *tunnelError, or
// wraps router.ErrCapture.
func (h *Websockify) dialTarget(ctx context.Context, m *router.Match, to *router.Target) (conn net.Conn, target string, err error) {
	timeout := h.DialTimeout
	if timeout <= 0 {
		timeout = defaultDialTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	if to.Scheme == "unix" {
		return h.dialSocket(ctx, m, to)
	}
	host, portText, err := to.Address(m)
	if err != nil {
		return nil, to.Text, err
	}
	if host == "" {
		host = "localhost"
	}
	target = net.JoinHostPort(host, portText)
	port, err := parseTargetPort(portText)
	if err != nil {
		return nil, target, err
	}
	if h.Allow == nil && !to.FromRequest() {
		conn, err = h.dialer()(ctx, "tcp", target)
	} else {
		conn, err = h.dialChecked(ctx, host, port)
	}
	return conn, target, dialError(err)
}

func (h *Websockify) dialSocket(ctx context.Context, m *router.Match, to *router.Target) (net.Conn, string, error) {
	path, err := to.Socket(m)
	if err != nil {
		return nil, to.Text, err
	}
	target := "unix:" + path
	if h.Allow != nil {
		return nil, target, notAllowed("`allow` lists no sockets")
	}
	conn, err := h.dialer()(ctx, "unix", path)
	return conn, target, dialError(err)
}

// dialChecked resolves host, and tries those of its addresses that may be
// dialled one after the other, each with its share of the time that is left.
func (h *Websockify) dialChecked(ctx context.Context, host string, port uint16) (net.Conn, error) {
	lookup := h.lookup
	if lookup == nil {
		lookup = net.DefaultResolver.LookupNetIP
	}
	addrs, err := h.Allow.resolve(ctx, lookup, host, port)
	if err != nil {
		return nil, err
	}
	var failures []error
	for i, addr := range addrs {
		conn, err := h.dialOne(ctx, addr, len(addrs)-i)
		if err == nil {
			return conn, nil
		}
		failures = append(failures, err)
	}
	return nil, errors.Join(failures...)
}

// dialOne connects to one address within an equal share of the time that ctx
// leaves for it and the others.
func (h *Websockify) dialOne(ctx context.Context, addr netip.AddrPort, shares int) (net.Conn, error) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(shares))
		defer cancel()
	}
	return h.dialer()(ctx, "tcp", addr.String())
}

func (h *Websockify) dialer() dialFunc {
	if h.dial != nil {
		return h.dial
	}
	return (&net.Dialer{KeepAliveConfig: vanished, Control: socket.Control(unacknowledged)}).DialContext
}

// dialError says what a failed connection attempt means for the client.
func dialError(err error) error {
	var known *tunnelError
	var dns *net.DNSError
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case errors.As(err, &dns):
		return lookupError(err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return &tunnelError{http.StatusBadGateway, "the target refused the connection", err}
	case isTimeout(err):
		return &tunnelError{http.StatusGatewayTimeout, "the target did not answer in time", err}
	}
	return &tunnelError{http.StatusBadGateway, "the target cannot be reached", err}
}

// clientAddress is where the client's connection comes from. The port is 0 where
// a trusted proxy told the address, for that tells no port.
func clientAddress(r *http.Request, m *router.Match) netip.AddrPort {
	if !m.Client.IsValid() {
		return netip.AddrPort{}
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err == nil && peer.Addr().Unmap().WithZone("") == m.Client.Unmap().WithZone("") {
		return netip.AddrPortFrom(m.Client.Unmap(), peer.Port())
	}
	return netip.AddrPortFrom(m.Client.Unmap(), 0)
}

// logAddress is a client's address as the log has it.
func logAddress(client netip.AddrPort) string {
	switch {
	case !client.IsValid():
		return "unix"
	case client.Port() == 0:
		return client.Addr().String()
	}
	return net.JoinHostPort(client.Addr().String(), strconv.Itoa(int(client.Port())))
}
