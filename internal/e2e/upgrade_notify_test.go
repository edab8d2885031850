//go:build linux

package e2e

import (
	"fmt"
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestUpgradeNotifies: systemd hears of the new main process, from the old one,
// whose end afterwards is not the service's.
func TestUpgradeNotifies(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	systemd, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "n"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer systemd.Close()
	systemd.SetReadDeadline(time.Now().Add(2 * patience))
	hears := func() string {
		t.Helper()
		buf := make([]byte, 1024)
		n, err := systemd.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
	config := filepath.Join(dir, "c.yaml")
	writeFile(t, config, fmt.Sprintf("ports: {\"127.0.0.1:%d\": \"reject -> 404\"}\n", freePort(t)))
	cmd := command(t, t.Context(), []string{"NOTIFY_SOCKET=" + systemd.LocalAddr().String()}, serverProgram, "--config", config)
	cmd.WaitDelay = 0
	p := startCommand(t, cmd)
	hears() // that it is ready
	p.signal(t, syscall.SIGUSR2)
	hears() // that it reloads
	text := hears()
	var pid int
	if _, err := fmt.Sscanf(text, "READY=1\nMAINPID=%d", &pid); err != nil || pid == p.cmd.Process.Pid {
		t.Fatalf("systemd hears %q, %v", text, err)
	}
	waitGone(t, p.cmd.Process.Pid)
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if text := hears(); text != "STOPPING=1" { // the new one's; the old one has said nothing
		t.Errorf("systemd hears %q", text)
	}
	<-p.ended
}
