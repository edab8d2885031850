//go:build unix

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"httpmaster/internal/status"
)

// admin runs a command that talks to the server of a config.
func admin(t *testing.T, config string, args ...string) result {
	t.Helper()
	return run(t, nil, nil, serverProgram, append(args, "--config", config)...)
}

// liveTunnels waits until so many tunnels are listed.
func liveTunnels(t *testing.T, config string, n int) (list []status.Tunnel) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d tunnels are listed", n), func() error {
		got := admin(t, config, "tunnels", "--json")
		if got.code != 0 {
			t.Fatalf("tunnels --json: %+v", got)
		}
		if err := json.Unmarshal([]byte(got.stdout), &list); err != nil {
			t.Fatalf("%v in %s", err, got.stdout)
		}
		if len(list) != n {
			return fmt.Errorf("%d", len(list))
		}
		return nil
	})
	return list
}

func TestAdminTunnels(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	passwords := filepath.Join(dir, "passwd")
	writeFile(t, passwords, "me:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=\n") // test
	r := startRules(t, fmt.Sprintf("      \"/echo\": [\"auth -> %s\", \"websockify -> %d\"]\n", passwords, listenTCP(t, echo)))
	if got := admin(t, r.file, "tunnels"); got.stdout != "no tunnels are open\n" || got.code != 0 {
		t.Errorf("without tunnels: %+v", got)
	}
	if list := admin(t, r.file, "tunnels", "--json"); list.stdout != "[]\n" {
		t.Errorf("without tunnels, as JSON: %q", list.stdout)
	}
	_, local := startClient(t, nil, "ws://me:test@"+r.address()+"/echo?ticket=hidden")
	first, second := dial(t, local), dial(t, local)
	say(t, first, "hello")
	say(t, second, "hello, hello")

	list := liveTunnels(t, r.file, 2)
	for i, tunnel := range list {
		if tunnel.ID != uint64(i+1) || tunnel.User != "me" || !strings.HasPrefix(tunnel.Client, "127.0.0.1") || !strings.Contains(tunnel.Rule, "/echo") || tunnel.Target == "" {
			t.Errorf("tunnel %+v", tunnel)
		}
	}
	if got := list[0].Received + list[1].Received; got != int64(len("hello")+len("hello, hello")) {
		t.Errorf("%d bytes were received", got)
	}
	table := admin(t, r.file, "tunnels")
	if !regexp.MustCompile(`(?m)^ID +USER +CLIENT +RULE +TARGET +AGE +IN +OUT +RESUMES\n1 +me +127\.0\.0\.1\S* +.*/echo.*\d+ B +\d+ B +0$`).MatchString(table.stdout) || strings.Contains(table.stdout, "hidden") {
		t.Errorf("the table is\n%s", table.stdout)
	}

	// The first is closed, the second does not notice.
	got := admin(t, r.file, "tunnels", "close", "1")
	if got.code != 0 || got.stdout != "tunnel 1 closed\n" {
		t.Errorf("close 1: %+v", got)
	}
	closed, open := first, second
	if list[0].Received == int64(len("hello, hello")) {
		closed, open = second, first
	}
	if rest, _ := io.ReadAll(closed); len(rest) > 0 {
		t.Errorf("the closed tunnel gave %q", rest)
	}
	liveTunnels(t, r.file, 1)
	say(t, open, "still here")
	r.lineWith(t, "closed by the operator")
	for id, want := range map[string]string{
		"1":   "http-master: there is no tunnel 1 open\n",
		"one": "http-master: a tunnel's id is a number\n",
	} {
		if got := admin(t, r.file, "tunnels", "close", id); got.code != 1 || got.stderr != want {
			t.Errorf("close %s: %+v, want %q", id, got, want)
		}
	}
}

func TestAdminStatus(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	testCA().writeLeaf(t, dir, "site", "a.example", "b.example")
	plain, secure := freePort(t), freePort(t)
	config := filepath.Join(dir, "my config.yaml")
	writeFile(t, config, fmt.Sprintf(`
ports:
  "127.0.0.1:%d":
    router: {"/gone": "reject -> 410", "/*": {"/up": {$: proxy, targets: [%d, %d]}}}
  "127.0.0.1:%d":
    router: {"a.example": "reject -> 404"}
    ssl: {certDir: "."}
`, plain, answer(t, "one"), answer(t, "two"), secure))
	startServer(t, config)
	mustGet(t, fmt.Sprintf("http://127.0.0.1:%d/gone", plain))
	mustGet(t, fmt.Sprintf("http://127.0.0.1:%d/up", plain))
	want := fmt.Sprintf(`^http-master %s, process \d+, up \d+s, 0 tunnels
%s, read \d+s ago, 0 reloads

PORT +RULE +LINE +REQUESTS +4XX +5XX +MEAN +TUNNELS
127\.0\.0\.1:%d +/gone +4 +1 +1 +0 +[0-9.]+[mµ]?s +0
127\.0\.0\.1:%[3]d +/\* +4 +0 +0 +0 +- +0
127\.0\.0\.1:%[3]d +/\* > /up +4 +1 +0 +0 +[0-9.]+[mµ]?s +0
127\.0\.0\.1:%d TLS +a\.example +6 +0 +0 +0 +- +0

UPSTREAM +STATE +IN USE +PORT +RULE
http://127\.0\.0\.1:\d+ +up +0 +127\.0\.0\.1:%[3]d +/\* > /up
http://127\.0\.0\.1:\d+ +up +0 +127\.0\.0\.1:%[3]d +/\* > /up

CERTIFICATE +KEY +EXPIRES +DAYS +PORT +FILE
a\.example, b\.example +ECDSA +\d{4}-\d\d-\d\d +\d+ +127\.0\.0\.1:%[4]d +\S+
$`, regexp.QuoteMeta(builtVersion), regexp.QuoteMeta(config), plain, secure)
	eventually(t, "status shows the requests", func() error {
		got := admin(t, config, "status")
		if got.code != 0 || got.stderr != "" || !regexp.MustCompile(want).MatchString(got.stdout) {
			return fmt.Errorf("%s%s", got.stdout, got.stderr)
		}
		return nil
	})
	var s status.Status
	if err := json.Unmarshal([]byte(admin(t, config, "status", "--json").stdout), &s); err != nil {
		t.Fatal(err)
	}
	if len(s.Ports) != 2 || len(s.Upstreams) != 2 || len(s.Certificates) != 1 || s.Version != builtVersion || s.Config.File != config {
		t.Errorf("status --json gives %+v", s)
	}
}

func TestAdminReload(t *testing.T) {
	t.Parallel()
	r := startRules(t, "      \"*\": \"reject -> 404\"\n")
	r.write(t, "      \"*\": \"reject -> 410\"\n")
	if got := admin(t, r.file, "reload"); got.code != 0 || got.stdout != "config reloaded\n" || got.stderr != "" {
		t.Errorf("reload: %+v", got)
	}
	if resp, _ := get(t, r.client, "http://a.example/"); resp.StatusCode != 410 {
		t.Errorf("after the reload: %s", resp.Status)
	}
	r.write(t, "      \"*\": \"rejct -> 410\"\n      \"a\": \"b c\"\n")
	got := admin(t, r.file, "reload")
	lines := strings.Split(strings.TrimSpace(got.stderr), "\n")
	if got.code != 1 || len(lines) != 3 || !strings.HasPrefix(lines[0], r.file+":4:") || !strings.Contains(lines[0], `did you mean "reject"`) ||
		!strings.HasPrefix(lines[1], r.file+":5:") || lines[2] != "http-master: the config was not reloaded, the old one keeps running" {
		t.Errorf("reload of a faulty config: %+v", got)
	}
	if n := strings.Count(r.output.String(), "did you mean"); n != 1 {
		t.Errorf("the fault is in the log %d times", n)
	}
	if resp, _ := get(t, r.client, "http://a.example/"); resp.StatusCode != 410 {
		t.Errorf("after a reload that was refused: %s", resp.Status)
	}
	if s := admin(t, r.file, "status"); !strings.Contains(s.stdout, "The newest config was refused") {
		t.Errorf("status says\n%s", s.stdout)
	}
}

func TestAdminStop(t *testing.T) {
	t.Parallel()
	r := startRules(t, "      \"*\": \"reject -> 404\"\n")
	if got := admin(t, r.file, "stop"); got.code != 0 || !strings.HasPrefix(got.stdout, "stopping: ") {
		t.Errorf("stop: %+v", got)
	}
	if code := r.exitCode(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, command := range []string{"status", "tunnels", "reload", "stop"} {
		got := admin(t, r.file, command)
		if got.code != 1 || !strings.HasPrefix(got.stderr, "http-master: no server runs with "+r.file+": there is no ") {
			t.Errorf("%s of a server that has stopped: %+v", command, got)
		}
	}
}

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
