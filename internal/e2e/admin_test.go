//go:build unix

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"
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
