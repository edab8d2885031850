package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"httpmaster/router"
)

// lookupFunc gives the addresses of a name, as net.Resolver's LookupNetIP does.
type lookupFunc func(ctx context.Context, network, name string) ([]netip.Addr, error)

// tunnelError is why a tunnel was not opened.
type tunnelError struct {
	status int
	reason string // for the client: short, and tells nothing of the network behind
	err    error  // for the log
}

func (e *tunnelError) Error() string { return e.err.Error() }
func (e *tunnelError) Unwrap() error { return e.err }

func notAllowed(format string, args ...any) error {
	return &tunnelError{http.StatusForbidden, "this target is not allowed", fmt.Errorf(format, args...)}
}

// resolve gives the addresses to try, in order, for a target that the request
// chose, or that an allow list is there for. A name is looked up once, and what
// is returned is what must be dialled: a second lookup could tell something
// else. The error is a *tunnelError.
func (d *Destinations) resolve(ctx context.Context, lookup lookupFunc, host string, port uint16) ([]netip.AddrPort, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		addr, err := d.checkAddress(addr, port, false)
		if err != nil {
			return nil, err
		}
		return []netip.AddrPort{netip.AddrPortFrom(addr, port)}, nil
	}
	name, rest, err := router.CanonicalHost(host)
	if err != nil || rest != "" || name == "" || strings.HasPrefix(name, "[") {
		return nil, notAllowed("%q is no plain host name", host)
	}
	if endsInNumber(name) {
		// net/netip does not take it, resolvers would.
		return nil, notAllowed("%q is an address in a form that is not accepted", host)
	}
	named, err := d.checkName(name, port)
	if err != nil {
		return nil, err
	}
	addrs, err := lookup(ctx, "ip", name)
	if err != nil {
		return nil, lookupError(err)
	}
	return d.checkAddresses(name, addrs, port, named)
}

// checkName tells whether an allow list names the host; it is an error if no
// address that the name may have can help it.
func (d *Destinations) checkName(name string, port uint16) (named bool, err error) {
	if d != nil {
		return d.allowsName(name, port), nil
	}
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return false, notAllowed("a request may ask for %q only if `allow` lists \"localhost:%d\"", name, port)
	}
	return false, nil
}

// checkAddresses keeps what may be dialled of a name's addresses.
func (d *Destinations) checkAddresses(name string, addrs []netip.Addr, port uint16, named bool) ([]netip.AddrPort, error) {
	var good []netip.AddrPort
	var refusal error
	for _, addr := range addrs {
		addr, err := d.checkAddress(addr, port, named)
		if err == nil {
			good = append(good, netip.AddrPortFrom(addr, port))
		} else if refusal == nil {
			refusal = err
		}
	}
	switch {
	case len(good) > 0:
		return good, nil
	case refusal != nil:
		return nil, notAllowed("%q resolves to nothing that is allowed: %w", name, refusal)
	}
	return nil, lookupError(fmt.Errorf("%q has no addresses", name))
}

// checkAddress tells whether addr may be dialled, and gives it in its plain
// form. Named means that the list has the name it came from.
func (d *Destinations) checkAddress(addr netip.Addr, port uint16, named bool) (netip.Addr, error) {
	if addr.Zone() != "" {
		return addr, notAllowed("%s has a zone", addr)
	}
	addr = addr.Unmap()
	class := forbidden(addr)
	switch {
	case class != "" && d == nil:
		return addr, notAllowed("a request may ask for %s (%s) only if `allow` lists it", addr, class)
	case class != "" && !d.lists(addr, port):
		return addr, notAllowed("`allow` does not list %s (%s) itself", netip.AddrPortFrom(addr, port), class)
	case class == "" && d != nil && !named && !d.allowsAddress(addr, port):
		return addr, notAllowed("`allow` does not list %s", netip.AddrPortFrom(addr, port))
	}
	return addr, nil
}

// lookupError says what a failed lookup means for the client.
func lookupError(err error) error {
	if isTimeout(err) {
		return &tunnelError{http.StatusGatewayTimeout, "the target's name could not be resolved in time", err}
	}
	return &tunnelError{http.StatusBadGateway, "the target's name cannot be resolved", err}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// parseTargetPort reads the port of a target.
func parseTargetPort(text string) (uint16, error) {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		return 0, &tunnelError{http.StatusBadRequest, "the target has no valid port", fmt.Errorf("%q is no port", text)}
	}
	return uint16(n), nil
}
