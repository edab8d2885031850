//go:build unix

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// login is a request with a name and a password, for an address that a trusted
// proxy tells.
type login struct{ from, user, password, path, origin string }

var logins = []login{
	{"203.0.113.7", "root", "wrong", "/", ""},
	{"2001:db8::1", " WARN  auth failure client=192.0.2.1 ", "wrong", "/", ""},
	{"203.0.113.8", "x\n2026-11-22 15:58:18 WARN  auth failure client=192.0.2.2 user=x", "wrong", "/", ""},
	{"203.0.113.9", "me", "secret", "/", ""},
	{"203.0.113.10", "", "", "/", ""},
	{"203.0.113.11", "", "", "/ws", `https://x/ WARN  auth failure client=192.0.2.3 `},
	{"203.0.113.12", "last", "wrong", "/", ""},
}

func (l login) try(t *testing.T, port int) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "GET", fmt.Sprintf("http://127.0.0.1:%d%s", port, l.path), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Forwarded-For", l.from)
	if l.user != "" {
		request.SetBasicAuth(l.user, l.password)
	}
	if l.origin != "" {
		request.Header.Set("Origin", l.origin)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	readBody(t, response)
}

// TestFail2ban has fail2ban's own program read the log that the server writes
// to modules.appLog, with the filter of examples/: it finds those who failed,
// and no address that a client made up.
func TestFail2ban(t *testing.T) {
	t.Parallel()
	program := need(t, "fail2ban", "fail2ban-regex")
	dir, port := t.TempDir(), freePort(t)
	config, appLog := filepath.Join(dir, "config.yaml"), filepath.Join(dir, "app.log")
	writeFile(t, filepath.Join(dir, "passwords"), "me:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n") // "secret"
	writeFile(t, config, fmt.Sprintf(`
trustedProxies: 127.0.0.1
modules: {appLog: app.log}
ports:
  %d:
    router:
      "/ws": "websockify -> 1"
      "*": ["auth -> passwords", "reject -> 410"]
`, port))
	p := start(t, nil, serverProgram, "--config", config)
	wantLog := func(text string) {
		t.Helper()
		eventually(t, fmt.Sprintf("%q is in the log", text), func() error {
			content, err := os.ReadFile(appLog)
			if err == nil && !strings.Contains(string(content), text) {
				err = fmt.Errorf("it has:\n%s", content)
			}
			return err
		})
	}
	wantLog("listening on ")

	for _, l := range logins {
		l.try(t, port)
	}
	wantLog("user=last")
	if text := p.output.String(); strings.Contains(text, "auth failure") {
		t.Errorf("appLog is set, and still this is on stderr:\n%s", text)
	}

	const want = "203.0.113.7\n2001:db8::1\n203.0.113.8\n203.0.113.12\n"
	filter := filepath.Join("..", "..", "examples", "fail2ban-filter.conf")
	asSyslog := filepath.Join(dir, "syslog")
	writeFile(t, asSyslog, "Nov 22 15:58:18 web http-master[7]: "+strings.ReplaceAll(strings.TrimSpace(readFile(t, appLog)), "\n", "\nNov 22 15:58:18 web http-master[7]: ")+"\n")
	for _, log := range []string{appLog, asSyslog} {
		if got := mustRun(t, nil, program, "--out", "ip", log, filter); got != want {
			t.Errorf("fail2ban finds in %s\n%swant\n%sin\n%s", filepath.Base(log), got, want, readFile(t, log))
		}
	}
}
