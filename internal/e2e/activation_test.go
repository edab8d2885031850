//go:build linux

package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestSocketActivation has systemd's own tool open the sockets and start the
// server at the first connection.
func TestSocketActivation(t *testing.T) {
	t.Parallel()
	activate := need(t, "systemd", "systemd-socket-activate")
	dir, err := os.MkdirTemp("", "hm-") // a socket's path has few bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	config, unixSocket := filepath.Join(dir, "c.yaml"), filepath.Join(dir, "web.sock")
	wildcard, loopback, unused := freePort(t), freePort(t), freePort(t)
	writeFile(t, config, fmt.Sprintf("ports:\n  %d: \"reject -> 410\"\n  \"127.0.0.1:%d\": \"reject -> 409\"\n  \"unix:%s\": \"reject -> 418\"\n",
		wildcard, loopback, unixSocket))
	p := start(t, nil, activate, "-l", fmt.Sprint(wildcard), "-l", fmt.Sprintf("127.0.0.1:%d", loopback), "-l", unixSocket,
		"-l", fmt.Sprintf("127.0.0.1:%d", unused), "--fdname=a:b:c:d",
		"-E", "HOME", "-E", "XDG_RUNTIME_DIR", "-E", "GORACE", serverProgram, "--config", config)
	p.waitFor(t, 0, fmt.Sprint(unused)) // it says where it listens

	if got := statusOf(t, wildcard); got != 410 {
		t.Errorf("the wildcard's socket: %d", got)
	}
	if got := statusOf(t, loopback); got != 409 {
		t.Errorf("loopback's socket: %d", got)
	}
	viaUnix := &http.Client{Transport: &http.Transport{
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", unixSocket) },
		DisableKeepAlives: true,
	}}
	if response, _ := get(t, viaUnix, "http://a.example/"); response.StatusCode != 418 {
		t.Errorf("the Unix socket: %s", response.Status)
	}
	line := p.lineWith(t, "no port of the config listens on this inherited socket")
	if !strings.Contains(line, "6 (d)") || !strings.Contains(line, fmt.Sprint(unused)) {
		t.Errorf("the unused socket is told of as %q", line)
	}
	if _, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", unused)); err == nil {
		t.Error("the unused socket is still open")
	}
	p.signal(t, syscall.SIGTERM)
	if code := p.exitCode(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if _, err := os.Lstat(unixSocket); err != nil {
		t.Errorf("the server has removed systemd's socket: %v", err)
	}
}
