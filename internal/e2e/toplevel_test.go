//go:build linux

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestWatchConfig: the file itself asks to be watched.
func TestWatchConfig(t *testing.T) {
	t.Parallel()
	dir, port := t.TempDir(), freePort(t)
	config := filepath.Join(dir, "config.yaml")
	write := func(status int) {
		writeFile(t, config, fmt.Sprintf("watchConfig: true\nports: {\"127.0.0.1:%d\": \"reject -> %d\"}\n", port, status))
	}
	write(410)
	p := startServer(t, config)
	for _, status := range []int{409, 418} {
		from := len(p.output.String())
		write(status)
		p.waitFor(t, from, "config reloaded")
		if got := statusOf(t, port); got != status {
			t.Errorf("status %d after a change to %d", got, status)
		}
	}
}

// TestUserAndGroup: the config's user and group are what the process is, once
// its ports are open.
func TestUserAndGroup(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	dir, port := t.TempDir(), freePort(t)
	config := filepath.Join(dir, "config.yaml")
	writeFile(t, config, fmt.Sprintf("user: nobody\ngroup: nogroup\nports: {\"127.0.0.1:%d\": \"reject -> 410\"}\n", port))
	letIn(t, config)
	p := startServer(t, config)
	eventually(t, "the rights are given up", func() error {
		status := readFile(t, fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
		for _, field := range []string{"Uid", "Gid"} {
			if !regexp.MustCompile(field + `:(\t65534){4}\n`).MatchString(status) {
				return fmt.Errorf("%s is another:\n%s", field, status)
			}
		}
		return nil
	})
	if got := statusOf(t, port); got != 410 {
		t.Errorf("status %d", got)
	}
}

func statusOf(t *testing.T, port int) int {
	t.Helper()
	response, _ := get(t, http.DefaultClient, fmt.Sprintf("http://127.0.0.1:%d/", port))
	return response.StatusCode
}
