package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"httpmaster/internal/tunnel"
)

// A request for any of these, in a form that a URL can carry, comes to an error,
// and nothing is connected to.
func TestWebsockifyDialsNoForbiddenSpelling(t *testing.T) {
	h, mounted, _ := newWebsockify(t, "/ssh/*/*", "[1]:[2]")
	h.dial = func(_ context.Context, _, address string) (net.Conn, error) {
		t.Errorf("connected to %s", address)
		return nil, errors.New("not in a test")
	}
	s := (&front{handler: mounted}).start(t)
	for _, host := range spellings {
		_, err := openTunnel(t, s.URL+"/ssh/"+url.PathEscape(host)+"/22", nil)
		var refused *tunnel.RefusedError
		if !errors.As(err, &refused) {
			t.Errorf("%q: %v", host, err)
			continue
		}
		// 404 is for what is no segment of its own, such as ".".
		if refused.Status != 403 && refused.Status != 400 && refused.Status != 404 {
			t.Errorf("%q: %v", host, err)
		}
	}
}

// What is checked is what is connected to, and the next address is tried when
// one does not work.
func TestWebsockifyDialsWhatItChecked(t *testing.T) {
	h, mounted, _ := newWebsockify(t, "/ssh/*/*", "[1]:[2]")
	echo := echoServer(t)
	lookups := 0
	h.lookup = func(ctx context.Context, network, name string) ([]netip.Addr, error) {
		lookups++
		if lookups > 1 {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		}
		return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("203.0.113.2")}, nil
	}
	var dialled []string
	h.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		dialled = append(dialled, address)
		if len(dialled) == 1 {
			return nil, syscall.ECONNREFUSED
		}
		return new(net.Dialer).DialContext(ctx, network, echo)
	}
	s := (&front{handler: mounted}).start(t)
	if _, err := openTunnel(t, s.URL+"/ssh/rebind.example/22", nil); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(dialled, " "); got != "203.0.113.1:22 203.0.113.2:22" || lookups != 1 {
		t.Errorf("connected to %s after %d lookups", got, lookups)
	}
}

// What a URL may have in the place of a host besides, as it is on the wire. The
// number of the answer tells who caught it.
func TestWebsockifyDialsNoForbiddenURL(t *testing.T) {
	h, mounted, _ := newWebsockify(t, "/ssh/*/*", "[1]:[2]")
	h.dial = func(_ context.Context, _, address string) (net.Conn, error) {
		t.Errorf("connected to %s", address)
		return nil, errors.New("not in a test")
	}
	s := (&front{handler: mounted}).start(t)
	for path, want := range map[string]int{
		"/ssh/127.0.0.1/22":                         403,
		"/ssh/%31%32%37.0.0.1/22":                   403,
		"/ssh/127%2e0%2e0%2e1/22":                   403,
		"/ssh/%6c%6f%63%61%6c%68%6f%73%74/22":       403,
		"/ssh/localhost%2e/22":                      403,
		"/ssh/::1/22":                               403,
		"/ssh/%3a%3a1/22":                           403,
		"/ssh/[::1]/22":                             403,
		"/ssh/%5b::1%5d/22":                         403,
		"/ssh/fe80::1%25eth0/22":                    400,
		"/ssh/::ffff:169.254.169.254/80":            403,
		"/ssh/%EF%BC%91%EF%BC%92%EF%BC%97.1/22":     400, // fullwidth 127.1
		"/ssh/127%E3%80%820%E3%80%820%E3%80%821/22": 400, // ideographic full stops
		"/ssh/127.0.0.1%2523/22":                    400,
		"/ssh/127.0.0.1%2500/22":                    400,
		"/ssh/127.0.0.1%00/22":                      400,
		"/ssh/127.0.0.1%0a/22":                      400,
		"/ssh/127.0.0.1%0d%0aX/22":                  400,
		"/ssh/127.0.0.1%20/22":                      400,
		"/ssh/%20127.0.0.1/22":                      400,
		"/ssh/127.0.0.1%2f/22":                      400,
		"/ssh/127.0.0.1%5c/22":                      400,
		"/ssh/x%40127.0.0.1/22":                     400,
		"/ssh/x@127.0.0.1/22":                       400,
		"/ssh/127.0.0.1:80/22":                      400,
		"/ssh/127.0.0.1/0":                          400,
		"/ssh/db.lan/65536":                         400,
		"/ssh/db.lan/+22":                           400,
		"/ssh/db.lan/22@127.0.0.1":                  400,
		"/ssh/db.lan/22%20":                         400,
		"/ssh/db.lan/%EF%BC%92":                     400, // fullwidth 2
		"/x/../ssh/127.0.0.1/22":                    403,
		"//ssh//127.0.0.1//22":                      403,
		"/ssh/db.lan/../127.0.0.1/22":               403,
		"/ssh/db.lan/%2e%2e/127.0.0.1/22":           400,
	} {
		conn, br := dialRaw(t, s.URL)
		_, _ = io.WriteString(conn, crlf(strings.Replace(handshake("Host: a.example"), "/x", path, 1)))
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if resp.StatusCode != want {
			t.Errorf("%s: %s, want %d", path, resp.Status, want)
		}
		_ = conn.Close()
	}
}

// A name that was good a moment ago is not good for ever: each tunnel asks
// anew, once, and goes by that answer alone.
func TestWebsockifyRebindingNames(t *testing.T) {
	echo := echoServer(t)
	for _, bad := range []string{"127.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "0.0.0.0", "fd00:ec2::254"} {
		t.Run(bad, func(t *testing.T) {
			h, mounted, _ := newWebsockify(t, "/ssh/*/*", "[1]:[2]")
			lookups := 0
			h.lookup = func(context.Context, string, string) ([]netip.Addr, error) {
				lookups++
				if lookups%2 == 1 {
					return []netip.Addr{netip.MustParseAddr("203.0.113.1")}, nil
				}
				return []netip.Addr{netip.MustParseAddr(bad)}, nil
			}
			h.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				if address != "203.0.113.1:22" {
					t.Errorf("connected to %s", address)
				}
				return new(net.Dialer).DialContext(ctx, network, echo)
			}
			s := (&front{handler: mounted}).start(t)
			for i := range 4 {
				_, err := openTunnel(t, s.URL+"/ssh/rebind.example/22", nil)
				refused, ok := errors.AsType[*tunnel.RefusedError](err)
				if i%2 == 0 && err != nil || i%2 == 1 && (!ok || refused.Status != 403) {
					t.Errorf("time %d: %v", i+1, err)
				}
			}
			if lookups != 4 {
				t.Errorf("%d lookups for 4 tunnels", lookups)
			}
		})
	}
}
