//go:build unix

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

const staticURL = "wss://myserver.com/services/ssh"

// stdio is the connection that a program offers on its stdin and stdout.
type stdio struct {
	io.Reader
	io.WriteCloser
}

func (stdio) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (stdio) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (stdio) SetDeadline(time.Time) error      { return nil }
func (stdio) SetReadDeadline(time.Time) error  { return nil }
func (stdio) SetWriteDeadline(time.Time) error { return nil }

// dialStdio runs dewebsockify URL -, as a ProxyCommand does.
func dialStdio(t *testing.T, s *site, url string) (*process, net.Conn) {
	t.Helper()
	cmd := command(t, context.Background(), s.names.env(), clientProgram, "--ca", s.trustedRoot, url, "-")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, in, err := os.Pipe() // and not StdoutPipe, which Wait closes too early
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	cmd.Stdout = in
	p := startCommand(t, cmd)
	in.Close()
	return p, stdio{out, stdin}
}

// dialPort runs dewebsockify URL PORT and connects to the port.
func dialPort(t *testing.T, s *site, url string) (*process, net.Conn) {
	t.Helper()
	p, address := startClient(t, s.names.env(), "--ca", s.trustedRoot, url)
	return p, dial(t, address)
}

// TestSSHStandIn runs commands and copies 10 MiB each way over SSH, through
// both forms of dewebsockify and both kinds of rule.
func TestSSHStandIn(t *testing.T) {
	t.Parallel()
	server := startSSHStandIn(t, "127.0.0.1")
	s := startSite(t, setup{ssh: server.port, relay: allowing(fmt.Sprintf("localhost:%d", server.port))})
	relayURL := fmt.Sprintf("wss://myserver.com/ssh/localhost/%d", server.port)

	for _, test := range []struct {
		name string
		dial func(*testing.T, *site, string) (*process, net.Conn)
		url  string
	}{
		{"port, static rule", dialPort, staticURL},
		{"port, rule that takes its target from the path", dialPort, relayURL},
		{"stdio, static rule", dialStdio, staticURL},
		{"stdio, rule that takes its target from the path", dialStdio, relayURL},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, conn := test.dial(t, s, test.url)
			useSSH(t, sshOver(t, conn, server))
		})
	}
}

// useSSH runs a command and copies 10 MiB up and down.
func useSSH(t *testing.T, client *ssh.Client) {
	t.Helper()
	const size = 10 << 20
	if got := string(sshRun(t, client, "hello", nil)); got != "hello\n" {
		t.Errorf("hello answered %q", got)
	}
	want, err := sumOf(io.LimitReader(payload(), size))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(sshRun(t, client, "sum", io.LimitReader(payload(), size))); got != want {
		t.Errorf("sent 10 MiB with sum %s, the server got %s", want, got)
	}
	down := sshRun(t, client, fmt.Sprintf("source %d", size), nil)
	if got, _ := sumOf(bytes.NewReader(down)); len(down) != size || got != want {
		t.Errorf("received %d bytes with sum %s, want %d with %s", len(down), got, size, want)
	}
}

// TestStdioEnds: what ssh sees when the server's side ends is what it sees of a
// TCP connection that ends.
func TestStdioEnds(t *testing.T) {
	t.Parallel()
	banner := listenTCP(t, func(c net.Conn) { io.WriteString(c, "SSH-2.0-Test\r\n") })
	s := startSite(t, setup{ssh: banner})
	p, conn := dialStdio(t, s, staticURL)
	got, err := io.ReadAll(conn)
	if err != nil || string(got) != "SSH-2.0-Test\r\n" {
		t.Errorf("read %q, error %v", got, err)
	}
	if code := p.exitCode(t); code != 0 {
		t.Errorf("exit code %d after a connection that ended well", code)
	}
	if got := p.output.String(); got != "" {
		t.Errorf("stderr must be silent, which is the user's terminal; it has %q", got)
	}
}

// TestRelayAsShipped runs the shipped config with nothing but ports and
// certificates changed: its relay rule reaches other addresses of the network
// and never the machine itself.
func TestRelayAsShipped(t *testing.T) {
	t.Parallel()
	loopback := startSSHStandIn(t, "127.0.0.1")
	s := startSite(t, setup{})
	if !strings.Contains(s.output.String(), "warning") && !strings.Contains(s.output.String(), "WARN") {
		t.Error("no warning of the open relay at start")
	}

	t.Run("loopback is refused", func(t *testing.T) {
		for _, host := range []string{"127.0.0.1", "localhost", "127.1", "[::ffff:127.0.0.1]"} {
			url := fmt.Sprintf("wss://myserver.com/ssh/%s/%d", host, loopback.port)
			p, conn := dialStdio(t, s, url)
			if got, err := io.ReadAll(conn); err != nil || len(got) != 0 {
				t.Errorf("%s: read %q, error %v", host, got, err)
			}
			code := p.exitCode(t)
			text := p.output.String()
			if code != 4 || strings.Count(text, "\n") != 1 || !strings.Contains(text, "403") {
				t.Errorf("%s: exit code %d, stderr %q: want 4 and one line that names 403", host, code, text)
			}
		}
	})
	t.Run("another address is reached", func(t *testing.T) {
		host := ownAddress(t)
		server := startSSHStandIn(t, host)
		_, conn := dialStdio(t, s, "wss://myserver.com/ssh/"+host+"/"+strconv.Itoa(server.port))
		useSSH(t, sshOver(t, conn, server))
	})
}

// ownAddress gives an IPv4 address of this machine that is not loopback.
func ownAddress(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		prefix, err := netip.ParsePrefix(a.String())
		if err == nil && prefix.Addr().Is4() && !prefix.Addr().IsLoopback() && !prefix.Addr().IsLinkLocalUnicast() && !forNamespaces.Contains(prefix.Addr()) {
			return prefix.Addr().String()
		}
	}
	t.Skip("this machine has no network interface but loopback")
	return ""
}
