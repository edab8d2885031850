//go:build unix

package e2e

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestForwardOption: ssh through the local ports of one dewebsockify.
func TestForwardOption(t *testing.T) {
	t.Parallel()
	d := startSSHD(t)
	s := startSite(t, setup{ssh: d.port, relay: allowing(fmt.Sprintf("127.0.0.1:%d", d.port))})
	ports := []int{freePort(t), freePort(t)}
	p := start(t, s.names.env(), clientProgram, "--ca", s.trustedRoot,
		"-L", fmt.Sprintf("%d=%s", ports[0], staticURL),
		"-L", fmt.Sprintf("127.0.0.1:%d=wss://myserver.com/ssh/127.0.0.1/%d", ports[1], d.port))
	for _, port := range ports {
		p.waitFor(t, 0, fmt.Sprintf("listening on 127.0.0.1:%d, ", port))
		r := &remote{config: d.clientConfig(t, "HostName 127.0.0.1", "Port "+strconv.Itoa(port)), ssh: need(t, "openssh-client", "ssh")}
		r.testSSH(t)
	}
	p.signal(t, syscall.SIGTERM)
	if code := p.exitCode(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestForwardsFile: the same from a config file, with a Unix socket.
func TestForwardsFile(t *testing.T) {
	t.Parallel()
	s := startSite(t, setup{ssh: listenTCP(t, echo)})
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "forwards.yaml"), fmt.Sprintf("- listen: unix:echo.sock\n  url: %s\n  ca: %s\n", staticURL, s.trustedRoot))
	p := start(t, s.names.env(), clientProgram, "--config", filepath.Join(dir, "forwards.yaml"))
	p.waitFor(t, 0, "listening on unix:")
	conn, err := net.Dial("unix", filepath.Join(dir, "echo.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	say(t, conn, "hello")
}

// TestSSHConfig: ssh reads what ssh-config prints, and connects with it.
func TestSSHConfig(t *testing.T) {
	t.Parallel()
	ssh := need(t, "openssh-client", "ssh")
	d := startSSHD(t)
	s := startSite(t, setup{ssh: d.port, relay: allowing(fmt.Sprintf("127.0.0.1:%d", d.port))})
	for _, test := range []struct{ name, url, want string }{
		{"direct", staticURL + "?a=1&b=%2F", "'" + staticURL + "?a=1&b=%%2F' -"},
		{"127.0.0.1", "wss://myserver.com/ssh/%h/%p", "wss://myserver.com/ssh/%h/%p -"},
	} {
		printed := mustRun(t, nil, clientProgram, "ssh-config", "--ca", s.trustedRoot, "--user", d.user, test.name, test.url)
		file := filepath.Join(t.TempDir(), "ssh_config")
		_, rest, _ := strings.Cut(d.client, "\n") // without its User
		writeFile(t, file, printed+"\nHost *\n    Port "+strconv.Itoa(d.port)+"\n"+rest)
		parsed := mustRun(t, nil, ssh, "-G", "-F", file, test.name)
		want := "proxycommand " + clientProgram + " --ca " + s.trustedRoot + " " + test.want + "\n"
		if !strings.Contains(parsed, want) || !strings.Contains(parsed, "user "+d.user+"\n") {
			t.Errorf("ssh understands\n%s\nwant %s", parsed, want)
		}
		if got := mustRun(t, s.names.env(), ssh, "-F", file, test.name, "echo over; echo the wire"); got != "over\nthe wire\n" {
			t.Errorf("%s: ssh printed %q", test.name, got)
		}
	}
}

// TestStatusSignal: SIGUSR1 prints what tunnels do, and what they did while
// their connection was lost.
func TestStatusSignal(t *testing.T) {
	t.Parallel()
	_, c, p, local := resumable(t, listenTCP(t, echo))
	conn := dial(t, local)
	say(t, conn, "hello")
	p.signal(t, syscall.SIGUSR1)
	p.lineWith(t, ": 1 tunnel open, 1 opened in ")
	if line := p.lineWith(t, conn.LocalAddr().String()); !strings.Contains(line, ": connected for ") || !strings.Contains(line, "5 B down, 5 B up") {
		t.Errorf("it says %q", line)
	}
	c.blackout()
	from := p.waitFor(t, 0, "; reconnecting")
	p.signal(t, syscall.SIGUSR1)
	p.waitFor(t, from, ": reconnecting for ")
}

// TestProgressLine: on a terminal there is one, and through a pipe there is not.
func TestProgressLine(t *testing.T) {
	t.Parallel()
	script := need(t, "bsdutils", "script")
	s := startSite(t, setup{ssh: listenTCP(t, echo)})
	port := strconv.Itoa(freePort(t))
	log := filepath.Join(t.TempDir(), "terminal")
	cmd := fmt.Sprintf("exec %s --ca %s %s %s", clientProgram, s.trustedRoot, staticURL, port)
	writeFile(t, log, "") // before script writes to it
	p := start(t, s.names.env(), script, "-q", "-f", "-c", cmd, log)
	shows := func(text string) func() error {
		return func() error {
			if content := readFile(t, log); !strings.Contains(content, text) {
				return fmt.Errorf("the terminal shows %q", content)
			}
			return nil
		}
	}
	eventually(t, "it listens", shows("listening on 127.0.0.1:"+port))
	conn := dial(t, "127.0.0.1:"+port)
	say(t, conn, "hello")
	eventually(t, "the line shows the bytes", shows("\r1 tunnel: 5 B down (0 B/s), 5 B up (0 B/s)"))
	if got := p.output.String(); got != "" {
		t.Errorf("script says %q", got)
	}

	piped, address := startClient(t, s.names.env(), "--ca", s.trustedRoot, staticURL)
	say(t, dial(t, address), "hello")
	piped.signal(t, syscall.SIGTERM)
	piped.exitCode(t)
	if got := piped.output.String(); strings.Contains(got, "\r") || strings.Count(got, "\n") != 1 {
		t.Errorf("through a pipe it says %q", got)
	}
}
