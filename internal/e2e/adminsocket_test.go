//go:build unix

package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestAdminSocket: where the config says, for nobody else, and with errors that
// say what to do.
func TestAdminSocket(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	config, socket := filepath.Join(dir, "c.yaml"), filepath.Join(dir, "hm.sock")
	write := func(module string) {
		writeFile(t, config, fmt.Sprintf("modules: {admin: %s}\nports: {\"127.0.0.1:%d\": 1}\n", module, freePort(t)))
	}
	write("{socket: hm.sock}")
	p := startServer(t, config)
	info, err := os.Lstat(socket)
	if err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Fatalf("the socket has mode %v, error %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".s*")); len(left) > 0 {
		t.Errorf("there is %q as well", left)
	}
	if got := run(t, nil, nil, serverProgram, "status", "--socket", socket); got.code != 0 {
		t.Errorf("status --socket: %+v", got)
	}

	// A second server does not take it, and a killed one leaves nothing in the way.
	second := start(t, nil, serverProgram, "--config", config)
	if code := second.exitCode(t); code != 1 {
		t.Errorf("a second server: exit code %d", code)
	}
	p.signal(t, syscall.SIGKILL)
	p.exitCode(t)
	if got := admin(t, config, "status"); got.code != 1 || got.stderr != "http-master: no server listens on "+socket+" any more\n" {
		t.Errorf("status of a killed server: %+v", got)
	}
	p = startServer(t, config)
	if got := admin(t, config, "status"); got.code != 0 {
		t.Errorf("status after a new start: %+v", got)
	}

	write("false")
	p.signal(t, syscall.SIGHUP)
	p.waitFor(t, 0, "config reloaded")
	if _, err := net.Dial("unix", socket); !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("the socket is still there: %v", err)
	}
	if got := admin(t, config, "status"); got.stderr != "http-master: "+config+":1: the server has no admin socket, because modules.admin is false\n" {
		t.Errorf("status without a socket: %+v", got)
	}
	if got := admin(t, filepath.Join(dir, "none.yaml"), "status"); got.code != 1 || !strings.Contains(got.stderr, "none.yaml: cannot be read: no such file") {
		t.Errorf("status of no config: %+v", got)
	}
}

// TestAdminOfAnotherUser runs the commands as a user who may not.
func TestAdminOfAnotherUser(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	dir, err := os.MkdirTemp("", "hm-admin-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	config, program := filepath.Join(dir, "c.yaml"), filepath.Join(dir, "http-master")
	writeFile(t, config, fmt.Sprintf("modules: {admin: {socket: hm.sock}}\nports: {\"127.0.0.1:%d\": 1}\n", freePort(t)))
	writeFile(t, program, readFile(t, serverProgram))
	for name, mode := range map[string]os.FileMode{config: 0o644, program: 0o755} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	p := start(t, nil, program, "--config", config)
	p.waitFor(t, 0, "listening on ")
	cmd := command(t, t.Context(), nil, program, "status", "--config", config)
	cmd.Dir = dir
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
	output, err := cmd.CombinedOutput()
	want := "http-master: " + filepath.Join(dir, "hm.sock") + " can only be used by root; try sudo\n"
	if err == nil || string(output) != want {
		t.Errorf("got %q, %v, want %q", output, err, want)
	}
}

// TestAdminAfterDroppingPrivileges: the socket belongs to whom the server has
// become, who can remove it in the end.
func TestAdminAfterDroppingPrivileges(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "c.yaml")
	writeFile(t, config, fmt.Sprintf("user: nobody\nports: {\"127.0.0.1:%d\": 1}\n", freePort(t)))
	place, err := os.MkdirTemp("", "hm-run-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(place) })
	if err := os.Chmod(place, 0o755); err != nil {
		t.Fatal(err)
	}
	env := []string{"RUNTIME_DIRECTORY=" + place}
	p := start(t, env, serverProgram, "--config", config)
	p.waitFor(t, 0, "listening on ")
	found, _ := filepath.Glob(filepath.Join(place, "*", "admin.sock"))
	if len(found) != 1 {
		t.Fatalf("the sockets are %q", found)
	}
	for _, name := range []string{found[0], filepath.Dir(found[0])} {
		if info, err := os.Stat(name); err != nil || info.Sys().(*syscall.Stat_t).Uid != 65534 || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if got := run(t, env, nil, serverProgram, "status", "--config", config); got.code != 0 {
		t.Errorf("status: %+v", got)
	}
	if got := run(t, env, nil, serverProgram, "stop", "--config", config); got.code != 0 {
		t.Errorf("stop: %+v", got)
	}
	p.exitCode(t)
	if _, err := os.Lstat(found[0]); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
}

// TestProfiles are on the admin socket.
func TestProfiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config := filepath.Join(dir, "c.yaml")
	writeFile(t, config, fmt.Sprintf("modules: {admin: {socket: a.sock}}\nports: {\"127.0.0.1:%d\": 1}\n", freePort(t)))
	startServer(t, config)
	curl := need(t, "curl", "curl")
	got := mustRun(t, nil, curl, "-sSf", "--unix-socket", filepath.Join(dir, "a.sock"), "http://admin/debug/pprof/goroutine?debug=1")
	if !strings.HasPrefix(got, "goroutine profile: total ") {
		t.Errorf("got %.100q", got)
	}
}
