//go:build unix

package e2e

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestVersionAndHelp(t *testing.T) {
	t.Parallel()
	for _, program := range []string{serverProgram, clientProgram} {
		name := filepath.Base(program)
		for _, flag := range []string{"--version", "-v"} {
			got := run(t, nil, nil, program, flag)
			if want := name + " " + builtVersion + "\n"; got.stdout != want || got.stderr != "" || got.code != 0 {
				t.Errorf("%s %s: %+v, want %q and 0", name, flag, got, want)
			}
		}
		for _, flag := range []string{"--help", "-h"} {
			got := run(t, nil, nil, program, flag)
			if !strings.Contains(got.stdout, "Usage:\n  "+name) || got.stderr != "" || got.code != 0 {
				t.Errorf("%s %s: %+v, want how it is used on stdout, and 0", name, flag, got)
			}
		}
	}
}

func TestWrongCommandLine(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		program string
		args    []string
		says    string
	}{
		{serverProgram, nil, "http-master: which config? http-master --config FILE"},
		{serverProgram, []string{"--sillent"}, "http-master: flag provided but not defined: -sillent"},
		{serverProgram, []string{"config.yaml"}, `http-master: unexpected argument "config.yaml"`},
		{serverProgram, []string{"check"}, "http-master: check: which file?"},
		{serverProgram, []string{"cert-scan"}, "http-master: cert-scan: which one folder?"},
		{clientProgram, nil, "dewebsockify: "},
		{clientProgram, []string{"wss://myserver.com/ssh"}, "dewebsockify: "},
		{clientProgram, []string{"--sillent", "wss://myserver.com/ssh", "-"}, "dewebsockify: "},
		{clientProgram, []string{"myserver.com/ssh", "2222"}, "dewebsockify: "},
		{clientProgram, []string{"wss://myserver.com/ssh", "99999"}, "dewebsockify: "},
	} {
		t.Run(strings.Join(append([]string{filepath.Base(test.program)}, test.args...), " "), func(t *testing.T) {
			got := run(t, nil, nil, test.program, test.args...)
			if got.code != 2 || got.stdout != "" || !strings.HasPrefix(got.stderr, test.says) {
				t.Errorf("%+v, want exit code 2 and %q on stderr", got, test.says)
			}
		})
	}
}

const badConfig = `ports:
  "127.0.0.1:%d":
    routr:
      "*": 8080
    ssl:
      certDir: "nowhere"
  "127.0.0.1:%d":
    router:
      "a.example/*": "websockify -> [2]:22"
      "b.example": "webssockify -> 22"
      "b.example": 8080
      "c.example/*/*": "websockify -> [1]:[2]"
      "*": "static -> nowhere"
`

// TestCheckBad compares all that check says of a config with several faults.
func TestCheckBad(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "bad.yaml")
	writeFile(t, file, fmt.Sprintf(badConfig, freePort(t), freePort(t)))
	got := run(t, nil, nil, serverProgram, "check", "--config", file)
	if got.code != 1 || got.stdout != "" {
		t.Errorf("exit code %d, stdout %q", got.code, got.stdout)
	}
	const want = `bad.yaml:3:5: unknown key "routr", did you mean "router"?
bad.yaml:6:17: certificate folder nowhere: no such file or directory
bad.yaml:9:37: target "[2]:22": [2] is used, but the pattern has 1 capture
bad.yaml:10:21: unknown verb "webssockify", did you mean "websockify"?
bad.yaml:11:7: the key "b.example" is written twice, first on line 10
bad.yaml:13:23: static "nowhere": cannot open the folder nowhere: no such file or directory
bad.yaml:12:39: warning: open relay: the request chooses the host or port of "[1]:[2]" and anybody may ask; add ` + "`allow: [\"*.lan:22\"]` to it, or `auth` or `allow` before it\n"
	if text := strings.ReplaceAll(got.stderr, filepath.Dir(file)+"/", ""); text != want {
		t.Errorf("check says\n%s\nwant\n%s", text, want)
	}
	// Running it says the same and ends as well.
	if served := run(t, nil, nil, serverProgram, "--config", file); served.code != 1 || served.stderr != got.stderr {
		t.Errorf("running the config: exit code %d, stderr\n%s", served.code, served.stderr)
	}
}

// TestCheckGood: check opens no port, so it can be used beside a server that
// runs with the same config.
func TestCheckGood(t *testing.T) {
	t.Parallel()
	s := startSite(t, setup{relay: allowing("localhost:22")})
	got := run(t, nil, nil, serverProgram, "check", "--config", s.config)
	want := fmt.Sprintf("port %d on all addresses: 1 rule\nport %d on all addresses with TLS: 3 rules, ", s.plain, s.tls)
	if got.code != 0 || got.stderr != "" || !strings.HasPrefix(got.stdout, want) || !strings.HasSuffix(got.stdout, s.config+" is fine\n") {
		t.Errorf("%+v, want %q…", got, want)
	}
	// The running server has said the same when it started.
	for line := range strings.Lines(strings.TrimSuffix(got.stdout, s.config+" is fine\n")) {
		if !strings.Contains(s.output.String(), "listening on "+line) {
			t.Errorf("the server did not announce %q", line)
		}
	}
}

func TestPortInUse(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	file := filepath.Join(t.TempDir(), "config.yaml")
	writeFile(t, file, fmt.Sprintf("ports: {\"%s\": 8080}\n", ln.Addr()))
	got := run(t, nil, nil, serverProgram, "--config", file)
	want := fmt.Sprintf("cannot listen on %s: listen tcp %[1]s: bind: address already in use: another program uses this port; stop it or choose another one\n", ln.Addr())
	if got.code != 1 || !strings.HasSuffix(got.stderr, want) || strings.Count(got.stderr, "\n") != 1 {
		t.Errorf("%+v, want exit code 1 and one line …%q", got, want)
	}
}

func TestShowRules(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	file := filepath.Join(t.TempDir(), "config.yaml")
	writeFile(t, file, fmt.Sprintf(`ports:
  "127.0.0.1:%d":
    router:
      "a.example/*": "redirect 301 -> https://b.example/[1]"
      "*":
        "/ssh": "websockify -> 22"
        "*": 8080
`, port))
	p := command(t, t.Context(), nil, serverProgram, "--config", file, "--show-rules")
	shown := newOutput()
	p.Stdout = shown
	startCommand(t, p)
	want := fmt.Sprintf(`127.0.0.1:%d
  a.example/*  (line 4)
    redirect 301 -> https://b.example/[1]
  *  (line 5)
    /ssh  (line 6)
      websockify -> 22
    *  (line 7)
      8080
`, port)
	if _, err := shown.waitFor(0, want, time.Now().Add(patience)); err != nil || shown.String() != want {
		t.Errorf("got\n%s\nwant\n%s\n%v", shown, want, err)
	}
}

// TestSilent: nothing is said where all is well.
func TestSilent(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	file := filepath.Join(t.TempDir(), "config.yaml")
	writeFile(t, file, fmt.Sprintf("ports: {\"127.0.0.1:%d\": 8080}\n", port))
	p := start(t, nil, serverProgram, "--config", file, "--silent")
	eventually(t, "the port is open", func() error {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			conn.Close()
		}
		return err
	})
	if got := p.output.String(); got != "" {
		t.Errorf("stderr: %q", got)
	}
}

func TestCertScan(t *testing.T) {
	t.Parallel()
	dir := certFolder(t)
	got := run(t, nil, nil, serverProgram, "cert-scan", dir)
	if got.code != 0 {
		t.Errorf("exit code %d, stderr %q", got.code, got.stderr)
	}
	for _, name := range []string{"myserver.com", "mywebsite.net", "www.mywebsite.net", "*.apps.example", "elsewhere.example"} {
		if !strings.Contains(got.stdout, name) {
			t.Errorf("%s is not listed in\n%s", name, got.stdout)
		}
	}
	missing := run(t, nil, nil, serverProgram, "cert-scan", filepath.Join(dir, "nowhere"))
	if missing.code != 1 || strings.Count(missing.stderr, "\n") != 1 || !strings.Contains(missing.stderr, "nowhere") {
		t.Errorf("a folder that does not exist: %+v", missing)
	}
}
