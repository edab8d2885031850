//go:build linux

package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
)

// lowPort gives a port that only root may open.
func lowPort(t *testing.T) int {
	t.Helper()
	for range 200 {
		port := 600 + freePort(t)%400
		if ln, err := net.Listen("tcp", fmt.Sprintf(":%d", port)); err == nil {
			ln.Close()
			return port
		}
	}
	t.Fatal("no free port found")
	return 0
}

// wantNobody checks that every thread of a process has no rights.
func wantNobody(t *testing.T, pid int) {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(threads) < 2 {
		t.Fatalf("the threads are %q, %v", threads, err)
	}
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			continue // it has ended
		}
		for _, want := range []string{`Uid:(\t65534){4}`, `Gid:(\t65534){4}`, `Groups:\s*(65534)?\s*`, `CapInh:\t0+`, `CapPrm:\t0+`, `CapEff:\t0+`, `CapAmb:\t0+`} {
			if !regexp.MustCompile(`(?m)^` + want + `$`).Match(text) {
				t.Errorf("%s has no line %s:\n%s", thread, want, text)
			}
		}
	}
}

// TestPrivileges: what root's server gives up it gives up on all threads, and
// what a reload then cannot do is said with the reason.
func TestPrivileges(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	dir, port := t.TempDir(), lowPort(t)
	config, passwords := filepath.Join(dir, "config.yaml"), filepath.Join(dir, "passwords")
	write := func(format string, args ...any) {
		t.Helper()
		writeFile(t, config, "user: nobody\n"+fmt.Sprintf(format, args...))
		letIn(t, config)
	}
	writeFile(t, passwords, "me:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n") // "secret"
	if err := os.Chmod(passwords, 0o600); err != nil {
		t.Fatal(err)
	}
	write("ports: {%d: \"reject -> 410\"}\n", port)
	p := startServer(t, config)
	for range 20 {
		statusOf(t, port)
	}
	wantNobody(t, p.cmd.Process.Pid)

	const reason = "the server runs as user nobody and has given up root's rights; a restart opens what only root may open"
	refused := func() {
		t.Helper()
		from := len(p.output.String())
		p.signal(t, syscall.SIGHUP)
		from = p.waitFor(t, from, "permission denied")
		from = p.waitFor(t, from, reason)
		p.waitFor(t, from, "the old one keeps running")
		if got := statusOf(t, port); got != 410 {
			t.Errorf("status %d", got)
		}
	}
	write("ports: {%d: \"reject -> 411\", \"127.0.0.1:%d\": \"reject -> 411\"}\n", port, lowPort(t))
	refused()
	write("ports: {%d: [\"auth -> passwords\", \"reject -> 411\"]}\n", port)
	refused()
}
