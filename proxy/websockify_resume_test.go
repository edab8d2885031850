package proxy

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"httpmaster/internal/tunnel"
	"httpmaster/router"
)

// resumable is one rule under one config, and how a request comes to it.
type resumable struct {
	pattern, target string
	tokens          string // content of a token file, in place of target
	allow           []string
	host, path      string
	user            string
	tls             bool
	origin          string
}

// mount gives the rule. Its target says that it is addr, wherever it leads.
func (c resumable) mount(t *testing.T, sessions *tunnel.Sessions, echo, addr string) router.Handler {
	t.Helper()
	var h *Websockify
	var handler router.Handler
	if c.tokens != "" {
		h, handler, _, _ = byToken(t, c.pattern, "", c.tokens)
	} else {
		h, handler, _ = newWebsockify(t, c.pattern, c.target)
	}
	h.Sessions, h.Resume, h.Log = sessions, time.Hour, slog.New(slog.DiscardHandler)
	h.lookup = func(context.Context, string, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddrPort(addr).Addr()}, nil
	}
	h.dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", echo)
		if err != nil {
			return nil, err
		}
		return &claimsToBe{conn.(*net.TCPConn), net.TCPAddrFromAddrPort(netip.MustParseAddrPort(addr))}, nil
	}
	if c.allow != nil {
		var err error
		if h.Allow, err = ParseDestinations(c.allow); err != nil {
			t.Fatal(err)
		}
	}
	return router.HandlerFunc(func(w http.ResponseWriter, r *http.Request, m *router.Match) {
		m.User, m.TLS = c.user, c.tls
		handler.Serve(w, r, m)
	})
}

// claimsToBe is a connection that says that it leads elsewhere.
type claimsToBe struct {
	*net.TCPConn
	addr net.Addr
}

func (c *claimsToBe) RemoteAddr() net.Addr { return c.addr }

// shake makes a WebSocket with a subprotocol, or gives the status it is refused
// with.
func (c resumable) shake(t *testing.T, server, protocol string) (net.Conn, *bufio.Reader, int) {
	t.Helper()
	conn, br := dialRaw(t, server)
	lines := []string{"Host: " + c.host, "Sec-WebSocket-Protocol: " + protocol}
	if c.origin != "" {
		lines = append(lines, "Origin: "+c.origin)
	}
	_, _ = io.WriteString(conn, crlf(strings.Replace(handshake(lines...), "/x", c.path, 1)))
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	return conn, br, resp.StatusCode
}

// readMessage reads a short frame of the server.
func readMessage(t *testing.T, br *bufio.Reader) []byte {
	t.Helper()
	head := make([]byte, 2)
	if _, err := io.ReadFull(br, head); err != nil {
		t.Fatal(err)
	}
	if head[1] > 125 {
		t.Fatalf("a message of length %d", head[1])
	}
	body := make([]byte, head[1])
	if _, err := io.ReadFull(br, body); err != nil {
		t.Fatal(err)
	}
	return body
}

// resume asks to go on with the session of a WELCOME, and gives "resumed", the
// reason of a RESET, or the status that the handshake is refused with.
func (c resumable) resume(t *testing.T, server string, welcome []byte, attempt uint32) string {
	t.Helper()
	conn, br, status := c.shake(t, server, "v1.resume.http-master")
	defer conn.Close()
	if status != http.StatusSwitchingProtocols {
		return http.StatusText(status)
	}
	message := append([]byte{2}, welcome[1:1+16+32]...)
	message = binary.BigEndian.AppendUint64(message, 0)
	message = binary.BigEndian.AppendUint32(message, attempt)
	frame := append([]byte{0x82, 0x80 | byte(len(message)), 0, 0, 0, 0}, message...)
	if _, err := conn.Write(frame); err != nil {
		t.Fatal(err)
	}
	switch answer := readMessage(t, br); answer[0] {
	case 1:
		copy(welcome, answer) // with the next token
		return "resumed"
	case 6:
		return string(answer[2:])
	default:
		t.Fatalf("answered %q", answer)
	}
	return ""
}

// Why a session is not resumed.
const (
	unknown = "the server does not know it; it was restarted, or has waited too long"
	barred  = "its target is no longer allowed"
)

// resumeCase is a tunnel that is opened by one rule and asked for by another.
type resumeCase struct {
	name          string
	before, after resumable
	addr          string // where the target's connection leads
	want          string
}

func resumeCases() []resumeCase {
	fixed := resumable{pattern: "/x", target: "10.1.2.3:22", host: "a.example", path: "/x", user: "ann"}
	chosen := resumable{pattern: "/to/*/*", target: "[1]:[2]", host: "a.example", path: "/to/db.lan/22", user: "ann"}
	listed := chosen
	listed.allow = []string{"*.lan:22"}
	token := resumable{pattern: "/x", tokens: "t: 10.1.2.3:22\n", host: "a.example", path: "/x?token=t", user: "ann"}
	loop := chosen
	loop.allow, loop.path = []string{"localhost:22"}, "/to/localhost/22"

	change := func(c resumable, how func(*resumable)) resumable { how(&c); return c }
	return []resumeCase{
		{"the same", fixed, fixed, "10.1.2.3:22", "resumed"},
		{"another user", fixed, change(fixed, func(c *resumable) { c.user = "bob" }), "10.1.2.3:22", unknown},
		{"nobody", fixed, change(fixed, func(c *resumable) { c.user = "" }), "10.1.2.3:22", unknown},
		{"another host", fixed, change(fixed, func(c *resumable) { c.host = "b.example" }), "10.1.2.3:22", unknown},
		{"no TLS any more", change(fixed, func(c *resumable) { c.tls = true }), fixed, "10.1.2.3:22", unknown},
		{"another rule", fixed, change(fixed, func(c *resumable) { c.pattern = "/x/*" }), "10.1.2.3:22", unknown},
		{"another target", fixed, change(fixed, func(c *resumable) { c.target = "10.1.2.4:22" }), "10.1.2.3:22", unknown},
		{"a list that has it", fixed, change(fixed, func(c *resumable) { c.allow = []string{"10.0.0.0/8:22"} }), "10.1.2.3:22", "resumed"},
		{"a list without it", fixed, change(fixed, func(c *resumable) { c.allow = []string{"10.0.0.0/8:80"} }), "10.1.2.3:22", barred},
		{"an origin", fixed, change(fixed, func(c *resumable) { c.origin = "http://evil.example" }), "10.1.2.3:22", "Forbidden"},

		{"chosen, the same", chosen, chosen, "10.1.2.3:22", "resumed"},
		{"chosen, another", chosen, change(chosen, func(c *resumable) { c.path = "/to/db2.lan/22" }), "10.1.2.3:22", unknown},
		{"chosen, another port", chosen, change(chosen, func(c *resumable) { c.path = "/to/db.lan/23" }), "10.1.2.3:22", unknown},
		{"by name in the list", listed, listed, "10.1.2.3:22", "resumed"},
		{"name out of the list", listed, change(listed, func(c *resumable) { c.allow = []string{"*.example:22"} }), "10.1.2.3:22", barred},
		{"port out of the list", listed, change(listed, func(c *resumable) { c.allow = []string{"*.lan:80"} }), "10.1.2.3:22", barred},
		{"list emptied", listed, change(listed, func(c *resumable) { c.allow = []string{} }), "10.1.2.3:22", barred},
		{"list gone", listed, change(listed, func(c *resumable) { c.allow = nil }), "10.1.2.3:22", "resumed"},
		{"loopback, the same", loop, loop, "127.0.0.1:22", "resumed"},
		{"loopback, list gone", loop, change(loop, func(c *resumable) { c.allow = nil }), "127.0.0.1:22", barred},
		{"loopback, a wide list", loop, change(loop, func(c *resumable) { c.allow = []string{"*:22"} }), "127.0.0.1:22", barred},

		{"token, the same", token, token, "10.1.2.3:22", "resumed"},
		{"token that leads elsewhere", token, change(token, func(c *resumable) { c.tokens = "t: 10.1.2.4:22\n" }), "10.1.2.3:22", unknown},
		{"token removed", token, change(token, func(c *resumable) { c.tokens = "u: 10.1.2.3:22\n" }), "10.1.2.3:22", "Not Found"},
		{"another token", token, change(token, func(c *resumable) { c.tokens, c.path = "t: 10.1.2.4:22\nu: 10.1.2.3:22\n", "/x?token=u" }), "10.1.2.3:22", "resumed"},
	}
}

func TestResumeIsCheckedAgain(t *testing.T) {
	for _, test := range resumeCases() {
		t.Run(test.name, func(t *testing.T) {
			ended := make(chan struct{})
			echo := rawServer(t, func(conn net.Conn, br *bufio.Reader) {
				_, _ = io.Copy(io.Discard, br)
				close(ended)
			})
			sessions := tunnel.NewSessions()
			before := (&front{handler: test.before.mount(t, sessions, echo, test.addr)}).start(t)
			after := (&front{handler: test.after.mount(t, sessions, echo, test.addr)}).start(t)
			conn, br, status := test.before.shake(t, before.URL, "v1.tunnel.http-master, binary")
			if status != http.StatusSwitchingProtocols {
				t.Fatalf("the tunnel is not opened: %d", status)
			}
			welcome := readMessage(t, br)
			_ = conn.Close()
			if got := test.after.resume(t, after.URL, welcome, 1); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			switch test.want {
			case barred: // for good
				mustReceive(t, ended)
				if got := test.before.resume(t, before.URL, welcome, 2); got != unknown {
					t.Errorf("a session that was ended: %q", got)
				}
			case unknown: // for others, but not for whose it is
				if got := test.before.resume(t, before.URL, welcome, 2); got != "resumed" {
					t.Errorf("its owner cannot go on: %q", got)
				}
			}
		})
	}
}

// Who has the session but not its token gets nowhere.
func TestResumeNeedsTheToken(t *testing.T) {
	c := resumable{pattern: "/x", target: "10.1.2.3:22", host: "a.example", path: "/x"}
	sessions := tunnel.NewSessions()
	s := (&front{handler: c.mount(t, sessions, echoServer(t), "10.1.2.3:22")}).start(t)
	conn, br, _ := c.shake(t, s.URL, "v1.tunnel.http-master")
	welcome := readMessage(t, br)
	_ = conn.Close()
	forged := append([]byte(nil), welcome...)
	forged[1+16] ^= 1
	if got := c.resume(t, s.URL, forged, 1); !strings.HasPrefix(got, "the server does not know it") {
		t.Errorf("with a wrong token: %q", got)
	}
	if got := c.resume(t, s.URL, welcome, 1); got != "resumed" {
		t.Errorf("with the right one: %q", got)
	}
}
