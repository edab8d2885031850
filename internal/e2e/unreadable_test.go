//go:build unix

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// nobody is the user and group with the fewest rights on every system.
const nobody = 65534

// startWithoutRights runs http-master with a config as a user whom file modes
// keep out. Who runs the tests as root needs another one for that.
func startWithoutRights(t *testing.T, config string) *process {
	t.Helper()
	cmd := command(t, context.Background(), nil, serverProgram, "--config", config)
	if os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		letIn(t, serverProgram)
		letIn(t, config)
	}
	return startCommand(t, cmd)
}

// letIn lets every user come to a file and read it.
func letIn(t *testing.T, file string) {
	t.Helper()
	for name := file; name != os.TempDir() && name != "/"; name = filepath.Dir(name) {
		if err := os.Chmod(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPasswordFileUnreadable: what the server cannot read any more is what it
// was, with or without a reload, and the log says so.
func TestPasswordFileUnreadable(t *testing.T) {
	t.Parallel()
	dir, port := t.TempDir(), freePort(t)
	config, passwords := filepath.Join(dir, "config.yaml"), filepath.Join(dir, "passwords")
	writeFile(t, config, fmt.Sprintf("ports:\n  %d: [\"auth -> passwords\", \"reject -> 410\"]\n", port))
	writeFile(t, passwords, "me:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n") // "secret"
	letIn(t, passwords)
	p := startWithoutRights(t, config)
	p.waitFor(t, 0, "listening on ")
	wantGuarded := func() {
		t.Helper()
		for user, want := range map[string]int{"me:secret@": 410, "me:wrong@": 401, "": 401} {
			url := fmt.Sprintf("http://%s127.0.0.1:%d/", user, port)
			if response, _ := get(t, http.DefaultClient, url); response.StatusCode != want {
				t.Errorf("%s: %s, want %d", url, response.Status, want)
			}
		}
	}
	wantGuarded()

	if err := os.Chmod(passwords, 0); err != nil {
		t.Fatal(err)
	}
	from := len(p.output.String())
	p.signal(t, syscall.SIGHUP)
	from = p.waitFor(t, from, "config.yaml:2:")
	from = p.waitFor(t, from, "auth: cannot read the password file ")
	from = p.waitFor(t, from, "permission denied")
	p.waitFor(t, from, "the config was not reloaded, the old one keeps running")
	wantGuarded()

	if err := os.Chmod(passwords, 0o644); err != nil {
		t.Fatal(err)
	}
	from = len(p.output.String())
	p.signal(t, syscall.SIGHUP)
	p.waitFor(t, from, "config reloaded")
	wantGuarded()

	// Its replacement cannot be read either, and nobody asks for a reload.
	replacement := passwords + ".new"
	writeFile(t, replacement, "other:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")
	from = len(p.output.String())
	if err := errors.Join(os.Chmod(replacement, 0), os.Rename(replacement, passwords)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the log says that the file cannot be read", func() error {
		wantGuarded() // the file is looked at when somebody comes
		if text := p.output.String()[from:]; !strings.Contains(text, "what it held before stays in force") || !strings.Contains(text, "permission denied") {
			return errors.New(text)
		}
		return nil
	})
}

// TestPasswordFileUnreadableAtStart: there is nothing to keep, so nothing is
// served.
func TestPasswordFileUnreadableAtStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config, passwords := filepath.Join(dir, "config.yaml"), filepath.Join(dir, "passwords")
	writeFile(t, config, fmt.Sprintf("ports:\n  %d: [\"auth -> passwords\", \"reject -> 410\"]\n", freePort(t)))
	writeFile(t, passwords, "me:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")
	if err := os.Chmod(passwords, 0); err != nil {
		t.Fatal(err)
	}
	p := startWithoutRights(t, config)
	p.waitFor(t, p.waitFor(t, 0, "auth: cannot read the password file "), "permission denied")
	if code := p.exitCode(t); code != 1 {
		t.Errorf("exit code %d", code)
	}
}
